// Overlapping windows one axis at a time: every input row is reduced along its width,
// then rows are reduced along the height. k + k taps for k · k, and fewer where windows
// have many (see PassWindows). Included once per instruction set.
//
// The width comes first, and of equals the first wins in both passes: that is the first
// in scan order. A reducer that can be used here offers
//   Element                                    the type of inputs and outputs
//   State First(lanes, tap_at, tap)            a state of one tap
//   void Merge(second, &first)                 `second` holds later taps than `first`
//   void Renumber(by, &state)                  adds to the tap's number
//   kSavedBytes, Save(state, to), Saved(from)  its way to scratch memory and back
//   kTapBytes                                  of a tap that it keeps
// and may have every input scaled first, by the share of the window that it once was.
// Numbers of taps may wrap on the way: only the last one has to fit.
#if defined(KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#endif

#include "kernels/walks/passes.h"
#include "kernels/walks/reduce-inl.h"
#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Goes through the windows of one axis by segments. What positions give is collected by
//   void StartEnd(i), AddToEnd(i)      from position i to the end of its segment; later
//                                      positions come first
//   void Start(i), Add(i)              from the beginning of the segment to i
//   void Emit(o, has_end, has_begin)   window o: the end of a segment, the beginning of
//                                      the next, or both
template <class Collector>
HWY_INLINE void BySegments(const PassWindows& windows, Collector& collect) {
  int64_t segment_end = windows.SegmentEnd(windows.outputs.begin) - 1;  // of none yet
  int64_t next = 0;  // the first position that is not yet in the beginning
  for (int64_t o = windows.outputs.begin; o < windows.outputs.end; ++o) {
    const Span& span = windows.span(o);
    const int64_t end = span.first + span.count;
    if (o == windows.outputs.begin || span.first - span.first_tap >= segment_end) {
      segment_end = windows.SegmentEnd(o);
      int64_t i = windows.InputEnd(segment_end) - 1;
      if (i >= span.first) collect.StartEnd(i);
      for (--i; i >= span.first; --i) collect.AddToEnd(i);
      next = HWY_MAX(segment_end, int64_t{0});
      if (next < end) collect.Start(next++);
    } else if (next == HWY_MAX(segment_end, int64_t{0}) && next < end) {
      collect.Start(next++);
    }
    for (; next < end; ++next) collect.Add(next);
    collect.Emit(o, span.first<segment_end, end> segment_end);
  }
}

// The outputs rows × columns of one depth, one vector of lanes after the other.
template <class R>
class SeparableBox {
  using State = typename R::State;
  static constexpr int64_t kBytes = static_cast<int64_t>(R::kSavedBytes);
  static constexpr int64_t kLanes = static_cast<int64_t>(R::kLanes);
  static constexpr int64_t kElement = sizeof(typename R::Element);
  static constexpr int64_t kTap = R::kTapBytes;

 public:
  static constexpr PassSizes kSizes = {kBytes, kElement, kTap, kLanes, R::kScales};

  HWY_INLINE SeparableBox(const Plan& plan, const Operands& operands,
                          const TileView& view, const Passes& passes)
      : plan_(plan),
        view_(view),
        passes_(passes),
        operands_(operands),
        place_(operands),
        share_(plan) {
    // Inputs and results of narrow lanes stay in scratch memory until they are whole.
    if (!passes.is_narrow) return;
    if (!R::kScales) place_.x = passes.line;
    place_.y = passes.results;
    if (kTap > 0) place_.taps = passes.result_taps;
  }

  HWY_INLINE void Run(int64_t d) {
    d_ = plan_.axes[0].span(d);
    AllLanes all = {view_.streams && !passes_.is_narrow};
    for (int64_t lane = view_.lane_begin; lane < view_.lane_end; lane += kLanes) {
      if (lane + kLanes > view_.lane_end && !passes_.is_narrow) {
        lane = view_.lane_end - kLanes;  // steps back over lanes that are done
        all = {};
      }
      in_ = view_.in.At(d_.first, 0, 0) + lane;
      out_ = view_.out.At(d, 0, 0) + lane;
      if (passes_.down.has_segments) {
        RunBySegments(all);
      } else {
        RunByTaps(all);
      }
    }
  }

 private:
  HWY_INLINE void RunByTaps(AllLanes lanes) {
    int64_t next = passes_.down.inputs.begin;  // row to be reduced along the width
    for (int64_t o = passes_.down.outputs.begin; o < passes_.down.outputs.end; ++o) {
      const Span& span = passes_.down.span(o);
      const int64_t end = span.first + span.count;
      for (next = HWY_MAX(next, span.first); next < end; ++next) Across(next);
      const char* rows[kMostRows] = {};
      const int64_t count = HWY_MIN(span.count, kMostRows);
      const int64_t more = span.count - count;
      for (int64_t i = 0; i < count; ++i) rows[i] = passes_.Row(span.first + more + i);
      if (more > 0) {  // than one step can take
        CopyRow(passes_.Row(span.first), passes_.beginnings);
        for (int64_t i = 1; i <= more; ++i) {
          MergeRow(passes_.Row(span.first + i), passes_.beginnings);
        }
        rows[0] = passes_.beginnings;
      }
      Emit(lanes, o, rows, count);
    }
  }

  HWY_INLINE void RunBySegments(AllLanes lanes) {
    for (int64_t h = passes_.down.inputs.begin; h < passes_.down.inputs.end; ++h) {
      Across(h);
    }
    struct Rows {
      SeparableBox& box;
      AllLanes lanes;

      HWY_INLINE void StartEnd(int64_t) {}
      // From here on the segment's rows hold what they and those behind them give.
      HWY_INLINE void AddToEnd(int64_t h) {
        box.MergeRow(box.passes_.Row(h + 1), box.passes_.Row(h));
      }
      HWY_INLINE void Start(int64_t h) {
        box.CopyRow(box.passes_.Row(h), box.passes_.beginnings);
      }
      HWY_INLINE void Add(int64_t h) {
        box.MergeRow(box.passes_.Row(h), box.passes_.beginnings);
      }
      HWY_INLINE void Emit(int64_t o, bool has_end, bool has_begin) {
        const char* const begin = box.passes_.beginnings;
        const char* const rows[2] = {
            has_end ? box.passes_.Row(box.passes_.down.span(o).first) : begin, begin};
        box.Emit(lanes, o, rows, has_end && has_begin ? 2 : 1);
      }
    } rows = {*this, lanes};
    BySegments(passes_.down, rows);
  }

  // Reduces row h of the input along its width.
  HWY_INLINE void Across(int64_t h) {
    const int64_t in = in_ + h * view_.in.stride[1];
    const int64_t number = h * passes_.across.taps;
    if constexpr (R::kScales) {
      ScaleRow(in, h);
      const char* const line = passes_.line - passes_.across.inputs.begin * kBytes;
      AcrossFrom([line](int64_t at, int64_t) HWY_ATTR { return R::Saved(line + at); },
                 kBytes, number, passes_.Row(h));
    } else {
      int64_t step = view_.in.stride[2];
      int64_t from = in;
      if (passes_.is_narrow) {
        const int64_t begin = passes_.across.inputs.begin;
        NarrowLanes::Copy(
            static_cast<const char*>(operands_.x) + (in + begin * step) * kElement,
            step * kElement, passes_.line, kLanes * kElement,
            passes_.across.inputs.size(),
            (view_.lane_end - view_.lane_begin) * kElement, kLanes * kElement);
        step = kLanes;
        from = -begin * kLanes;
      }
      const R reducer(place_);
      AcrossFrom([&](int64_t at, int64_t tap)
                     HWY_ATTR { return reducer.First(AllLanes(), from + at, tap); },
                 step, number, passes_.Row(h));
    }
  }

  HWY_INLINE void ScaleRow(int64_t in, int64_t h) {
    const R reducer(operands_);
    const double divisor = static_cast<double>(plan_.axes[0].DivisorAt(d_.first)) *
                           static_cast<double>(plan_.axes[1].DivisorAt(h));
    const FirstLanes first = {static_cast<size_t>(view_.lane_end - view_.lane_begin)};
    char* to = passes_.line;
    const Range inputs = passes_.across.inputs;
    for (int64_t w = inputs.begin; w < inputs.end; ++w, to += kBytes) {
      const int64_t at = in + w * view_.in.stride[2];
      State state = passes_.is_narrow ? reducer.First(first, at, 0)
                                      : reducer.First(AllLanes(), at, 0);
      R::Scale(share_.Of(divisor * static_cast<double>(plan_.axes[2].DivisorAt(w))),
               state);
      R::Save(state, to);
    }
  }

  // load(at, tap) gives the input `at`, which is `step` from the next, as a state.
  template <class Load>
  HWY_INLINE void AcrossFrom(const Load& load, int64_t step, int64_t number, char* to) {
    if (passes_.across.has_segments) {
      AcrossBySegments(load, step, number, to);
    } else if (passes_.across.taps == 3) {
      AcrossByTaps<3>(load, step, number, to);
    } else if (passes_.across.taps == 5) {
      AcrossByTaps<5>(load, step, number, to);
    } else {
      AcrossByTaps<0>(load, step, number, to);
    }
  }

  // kTaps is the number of taps of a whole window, or 0 for any.
  template <int kTaps, class Load>
  HWY_INLINE void AcrossByTaps(const Load& load, int64_t step, int64_t number,
                               char* to) const {
    const R reducer(operands_);
    const PassWindows& windows = passes_.across;
    const Range whole = windows.whole;
    const int64_t end = windows.outputs.end;
    for (int64_t o = windows.outputs.begin; o < end;) {
      const Span& span = windows.span(o);
      int64_t from = span.first * step;
      if (kTaps > 0 && o >= whole.begin && o < whole.end) {
        const int64_t far = windows.stride * step;
        for (; o < whole.end; ++o, to += kBytes, from += far) {
          State state = load(from, number);
          KP_UNROLL for (int i = 1; i < kTaps; ++i) {
            reducer.Merge(load(from + i * step, number + i), state);
          }
          R::Save(state, to);
        }
      } else {
        const int64_t tap = number + span.first_tap;
        State state = load(from, tap);
        for (int64_t i = 1; i < span.count; ++i) {
          reducer.Merge(load(from + i * step, tap + i), state);
        }
        R::Save(state, to);
        ++o;
        to += kBytes;
      }
    }
  }

  template <class Load>
  HWY_INLINE void AcrossBySegments(const Load& load, int64_t step, int64_t number,
                                   char* to) const {
    struct Positions {
      const R reducer;
      const PassWindows& windows;
      const Load& load;
      int64_t step;
      int64_t number;
      char* to;
      char* ends;
      State end;
      State beginning;

      HWY_INLINE void StartEnd(int64_t i) {
        at_end = i;
        end = load(i * step, i);
        R::Save(end, ends);
      }
      HWY_INLINE void AddToEnd(int64_t i) {
        const State later = end;
        end = load(i * step, i);
        reducer.Merge(later, end);
        R::Save(end, ends + (at_end - i) * kBytes);
      }
      HWY_INLINE void Start(int64_t i) { beginning = load(i * step, i); }
      HWY_INLINE void Add(int64_t i) { reducer.Merge(load(i * step, i), beginning); }
      HWY_INLINE void Emit(int64_t o, bool has_end, bool has_begin) {
        const Span& span = windows.span(o);
        State state = beginning;
        if (has_end) {
          state = R::Saved(ends + (at_end - span.first) * kBytes);
          if (has_begin) reducer.Merge(beginning, state);
        }
        R::Renumber(number - (span.first - span.first_tap), state);
        R::Save(state, to);
        to += kBytes;
      }
      int64_t at_end = 0;  // the segment's last position
    } positions = {R(operands_), passes_.across, load, step, number,
                   to,           passes_.ends,   {},   {}};
    BySegments(passes_.across, positions);
  }

  HWY_INLINE void CopyRow(const char* from, char* to) const {
    for (int64_t at = 0; at < passes_.row_bytes; at += kBytes) {
      R::Save(R::Saved(from + at), to + at);
    }
  }

  // row ← row merged with `later`.
  HWY_NOINLINE void MergeRow(const char* later, char* row) const {
    const R reducer(operands_);
    const int64_t bytes = passes_.row_bytes;
    for (int64_t at = 0; at < bytes; at += kBytes) {
      State first = R::Saved(row + at);
      reducer.Merge(R::Saved(later + at), first);
      R::Save(first, row + at);
    }
  }

  static constexpr int64_t kMostRows = 16;

  // Output row o from `count` rows of states.
  HWY_INLINE void Emit(AllLanes lanes, int64_t o, const char* const* rows,
                       int64_t count) {
    switch (count) {
      case 1:
        return EmitRows<1>(lanes, o, rows, count);
      case 2:
        return EmitRows<2>(lanes, o, rows, count);
      case 3:
        return EmitRows<3>(lanes, o, rows, count);
      case 5:
        return EmitRows<5>(lanes, o, rows, count);
      default:
        return EmitRows<0>(lanes, o, rows, count);
    }
  }

  // kRows of them, or 0 for any number.
  template <int kRows>
  HWY_INLINE void EmitRows(AllLanes lanes, int64_t o, const char* const* all,
                           int64_t count) {
    // Copies: what is written through a pointer to bytes might be part of any other.
    const R reducer(place_);
    const bool is_narrow = passes_.is_narrow;
    TapShare share = share_;
    Window window = {0, 0.0, 0};
    const Span span = passes_.down.span(o);
    const Span* column = passes_.across.spans;
    const int64_t first_number = (span.first - span.first_tap) * passes_.across.taps;
    const int64_t out = out_ + o * view_.out.stride[1] +
                        passes_.across.outputs.begin * view_.out.stride[2];
    const int64_t step = is_narrow ? kLanes : view_.out.stride[2];
    const int64_t bytes = passes_.row_bytes;
    const char* rows[kRows > 0 ? kRows : kMostRows] = {};
    if (kRows > 0) count = kRows;
    for (int64_t i = 0; i < count; ++i) rows[i] = all[i];
    int64_t to = is_narrow ? 0 : out;
    for (int64_t at = 0; at < bytes; at += kBytes, to += step) {
      State state = R::Saved(rows[0] + at);
      if constexpr (kRows > 0) {
        KP_UNROLL for (int i = 1; i < kRows; ++i) {
          reducer.Merge(R::Saved(rows[i] + at), state);
        }
      } else {
        for (int64_t i = 1; i < count; ++i) {
          reducer.Merge(R::Saved(rows[i] + at), state);
        }
      }
      R::Renumber(-first_number, state);
      if constexpr (R::kAverages) window.share = share.Of(d_, span, *column++);
      reducer.Finish(lanes, window, to, state);
    }
    if (is_narrow) StoreNarrow(out);
  }

  HWY_NOINLINE void StoreNarrow(int64_t out) const {
    const int64_t lanes = view_.lane_end - view_.lane_begin;
    const int64_t step = view_.out.stride[2];
    const int64_t columns = passes_.across.outputs.size();
    NarrowLanes::Copy(passes_.results, kLanes * kElement,
                      static_cast<char*>(operands_.y) + out * kElement, step * kElement,
                      columns, lanes * kElement, lanes * kElement);
    if constexpr (kTap > 0) {
      const int64_t size = TapSize(operands_.parameters.tap_type);
      NarrowLanes::Copy(passes_.result_taps, kLanes * size,
                        static_cast<char*>(operands_.taps) + out * size, step * size,
                        columns, lanes * size, lanes * size);
    }
  }

  const Plan& plan_;
  const TileView view_;
  const Passes passes_;
  const Operands operands_;
  Operands place_;  // where reducers read and write
  TapShare share_;
  Span d_;
  int64_t in_;
  int64_t out_;
};

// Forward, overlapping windows. Visits outputs.
struct SeparableWalk {
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t lanes) {
    return Passes(plan, box, SeparableBox<R>::kSizes, lanes, nullptr).bytes;
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (kHasFallback<R>) {
      if (!AssumptionHolds(plan, reducer, view, box)) {
        return ReduceWalk::WalkBox<R>(plan, operands, view, box, scratch);
      }
    } else {
      Touch(reducer, view, view.in, InputsOf(plan, box));
    }
    const Passes passes(plan, box, SeparableBox<R>::kSizes,
                        view.lane_end - view.lane_begin, scratch);
    SeparableBox<R> outputs(plan, operands, view, passes);
    for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) outputs.Run(d);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
