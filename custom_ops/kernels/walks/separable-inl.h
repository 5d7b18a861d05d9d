// Overlapping windows one axis at a time: every input row is reduced along its width,
// then rows are reduced along the height. k + k taps for k · k; and along an axis of
// many taps three steps per window, however many (van Herk, 1992; Gil & Werman, 1993).
// Included once per instruction set.
//
// The width comes first, and of equals the first wins in both passes: that is the first
// in scan order. A reducer that can be used here offers
//   State First(lanes, near, tap)              a state of one tap
//   void Merge(second, &first)                 `second` holds later taps than `first`
//   void Renumber(by, &state)                  adds to the tap's number
//   kSavedBytes, Save(state, to), Saved(from)  its way to scratch memory and back
// and may have every input scaled first, by the share of the window that it once was.
// Numbers of taps may wrap on the way: only the last one has to fit.
#if defined(KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_SEPARABLE_INL_H_
#endif

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// The windows of one axis, as the passes need them.
class PassWindows {
 public:
  HWY_INLINE explicit PassWindows(const Axis& axis)
      : axis_(axis),
        taps_(axis.max_taps()),
        // Folding a window tap by tap takes taps − 1 steps; by blocks, 2 for each
        // position and 1 for each window, and each takes about twice as long.
        by_blocks_(taps_ - 1 > 2 * (2 * axis.stride() + 1)) {}

  HWY_INLINE Span span(int64_t o) const { return axis_.span(o); }
  HWY_INLINE int64_t taps() const { return taps_; }
  HWY_INLINE bool by_blocks() const { return by_blocks_; }
  HWY_INLINE int64_t block_taps() const { return by_blocks_ ? taps_ : 0; }

  // Blocks are as long as windows, and the first begins where the first window does (as
  // if it were whole). So a window is the end of its block and the beginning of the
  // next. Here ends window o's block.
  HWY_INLINE int64_t BlockEnd(int64_t o) const {
    const int64_t first = Start(0);
    return first + ((Start(o) - first) / taps_ + 1) * taps_;
  }
  // The part of the block that lies in the input ends here.
  HWY_INLINE int64_t InputEnd(int64_t block_end) const {
    return HWY_MIN(block_end, axis_.in());
  }

 private:
  HWY_INLINE int64_t Start(int64_t o) const {
    const Span span = axis_.span(o);
    return span.first - span.first_tap;
  }

  const Axis& axis_;
  int64_t taps_;
  bool by_blocks_;
};

// The outputs rows × columns of one image, one vector of lanes after the other. Scratch
// memory holds rows of states, one for every input row that is still needed.
template <class R>
class SeparableBox {
  using State = typename R::State;
  static constexpr int64_t kBytes = static_cast<int64_t>(R::kSavedBytes);

 public:
  HWY_INLINE SeparableBox(const Plan& plan, const R& reducer, const TileView& view,
                          const Box& box, char* scratch)
      : reducer_(reducer),
        view_(view),
        rows_(box.axes[1]),
        columns_(box.axes[2]),
        inputs_(plan.axes[1].InputsOf(rows_)),
        input_columns_(plan.axes[2].InputsOf(columns_)),
        row_bytes_((columns_.end - columns_.begin) * kBytes),
        kept_(RowsKept(plan.axes[1], rows_)),
        scratch_(scratch),
        across_(plan.axes[2]),
        down_(plan.axes[1]),
        tap_share_(plan),
        plan_(plan) {}

  static HWY_INLINE int64_t ScratchBytes(const Plan& plan, const Box& box) {
    const Range columns = box.axes[2];
    const Range inputs = plan.axes[2].InputsOf(columns);
    return ((RowsKept(plan.axes[1], box.axes[1]) + 1) * (columns.end - columns.begin) +
            PassWindows(plan.axes[2]).block_taps() +
            (R::kScales ? inputs.end - inputs.begin : 0)) *
           kBytes;
  }

  // Depth d of the output.
  HWY_INLINE void Run(const Span& span_d, int64_t d) {
    span_d_ = &span_d;
    ForLanes<R::kLanes, 1>(view_.lane_begin, view_.lane_end, AllLanes{view_.streams},
                           [&](auto, auto lanes, int64_t lane) HWY_ATTR {
                             const int64_t in = view_.in.At(span_d.first, 0, 0) + lane;
                             const int64_t out = view_.out.At(d, 0, 0) + lane;
                             if (down_.by_blocks()) {
                               RunByBlocks(lanes, in, out);
                             } else {
                               RunByTaps(lanes, in, out);
                             }
                           });
  }

 private:
  // By blocks all rows are kept, by taps those of one window.
  static HWY_INLINE int64_t RowsKept(const Axis& axis, Range rows) {
    const Range inputs = axis.InputsOf(rows);
    const int64_t all = inputs.end - inputs.begin;
    return PassWindows(axis).by_blocks() ? all : HWY_MIN(all, axis.max_taps());
  }

  HWY_INLINE char* Row(int64_t h) const {
    return scratch_ + (h - inputs_.begin) % kept_ * row_bytes_;
  }
  HWY_INLINE char* Prefix() const { return scratch_ + kept_ * row_bytes_; }
  // What the positions of a block give, from each to its end.
  HWY_INLINE char* Suffixes() const { return Prefix() + row_bytes_; }
  HWY_INLINE char* Scaled() const { return Suffixes() + across_.block_taps() * kBytes; }

  template <class Lanes>
  HWY_INLINE void RunByTaps(Lanes lanes, int64_t in, int64_t out) {
    int64_t next = inputs_.begin;  // row to be reduced along the width
    for (int64_t o = rows_.begin; o < rows_.end; ++o) {
      const Span& span = down_.span(o);
      for (next = HWY_MAX(next, span.first); next < span.first + span.count; ++next) {
        Across(lanes, in, next);
      }
      EmitTaps(lanes, out, o);
    }
  }

  template <class Lanes>
  HWY_INLINE void RunByBlocks(Lanes lanes, int64_t in, int64_t out) {
    for (int64_t h = inputs_.begin; h < inputs_.end; ++h) Across(lanes, in, h);
    int64_t block_end = down_.BlockEnd(rows_.begin) - 1;  // not yet any block's
    int64_t next = 0;  // Prefix() holds the next block's rows before this one
    for (int64_t o = rows_.begin; o < rows_.end; ++o) {
      const Span& span = down_.span(o);
      if (down_.BlockEnd(o) != block_end) {
        block_end = down_.BlockEnd(o);
        // From here on the block's rows hold what they and those behind them give.
        for (int64_t h = down_.InputEnd(block_end) - 2; h >= span.first; --h) {
          MergeRow(Row(h + 1), Row(h));
        }
        next = HWY_MAX(block_end, int64_t{0});
      }
      const int64_t end = span.first + span.count;
      for (; next < end; ++next) {
        if (next == HWY_MAX(block_end, int64_t{0})) {
          CopyRow(Row(next), Prefix());
        } else {
          MergeRow(Row(next), Prefix());
        }
      }
      const char* const rows[2] = {span.first < block_end ? Row(span.first) : Prefix(),
                                   Prefix()};
      if (span.first < block_end && end > block_end) {
        Emit<2>(lanes, out, o, rows);
      } else {
        Emit<1>(lanes, out, o, rows);
      }
    }
  }

  // Reduces row h of the input along its width.
  template <class Lanes>
  HWY_INLINE void Across(Lanes lanes, int64_t in, int64_t h) {
    in += h * view_.in.stride[1];
    const int64_t number = h * across_.taps();
    if constexpr (R::kScales) {
      ScaleRow(lanes, in, h);
      const char* const scaled = Scaled() - input_columns_.begin * kBytes;
      const auto load = [scaled](int64_t at, int64_t)
                            HWY_ATTR { return R::Saved(scaled + at); };
      AcrossFrom(lanes, load, kBytes, number, Row(h));
    } else {
      const R reducer = reducer_;
      const auto load = [&](int64_t at, int64_t tap)
                            HWY_ATTR { return reducer.First(lanes, in + at, tap); };
      AcrossFrom(lanes, load, view_.in.stride[2], number, Row(h));
    }
  }

  template <class Lanes>
  HWY_INLINE void ScaleRow(Lanes lanes, int64_t in, int64_t h) {
    const double divisor =
        static_cast<double>(plan_.axes[0].DivisorAt(span_d_->first)) *
        static_cast<double>(plan_.axes[1].DivisorAt(h));
    char* to = Scaled();
    for (int64_t w = input_columns_.begin; w < input_columns_.end; ++w) {
      State state = reducer_.First(lanes, in + w * view_.in.stride[2], 0);
      R::Scale(tap_share_.Of(divisor * static_cast<double>(plan_.axes[2].DivisorAt(w))),
               state);
      R::Save(state, to);
      to += kBytes;
    }
  }

  // load(at, tap) gives the input `at`, which is `step` from the next, as a state.
  template <class Lanes, class Load>
  HWY_INLINE void AcrossFrom(Lanes, const Load& load, int64_t step, int64_t number,
                             char* to) const {
    if (across_.by_blocks()) return AcrossByBlocks(load, step, number, to);
    if constexpr (!std::is_same_v<Lanes, FirstLanes>) {
      if (across_.taps() == 3) return AcrossByTaps<3>(load, step, number, to);
      if (across_.taps() == 5) return AcrossByTaps<5>(load, step, number, to);
    }
    AcrossByTaps<0>(load, step, number, to);
  }

  // kTaps is the number of taps of a whole window, or 0 for any.
  template <int kTaps, class Load>
  HWY_INLINE void AcrossByTaps(const Load& load, int64_t step, int64_t number,
                               char* to) const {
    for (int64_t o = columns_.begin; o < columns_.end; ++o, to += kBytes) {
      const Span span = across_.span(o);
      const int64_t from = span.first * step;
      if (kTaps > 0 && HWY_LIKELY(span.count == kTaps)) {
        State state = load(from, number);
        KP_UNROLL for (int i = 1; i < kTaps; ++i) {
          R::Merge(load(from + i * step, number + i), state);
        }
        R::Save(state, to);
      } else {
        const int64_t tap = number + span.first_tap;
        State state = load(from, tap);
        for (int64_t i = 1; i < span.count; ++i) {
          R::Merge(load(from + i * step, tap + i), state);
        }
        R::Save(state, to);
      }
    }
  }

  template <class Load>
  HWY_INLINE void AcrossByBlocks(const Load& load, int64_t step, int64_t number,
                                 char* to) const {
    State prefix;                                              // of the next block
    int64_t block_end = across_.BlockEnd(columns_.begin) - 1;  // not yet any block's
    int64_t next = 0;  // `prefix` holds the positions before this one
    for (int64_t o = columns_.begin; o < columns_.end; ++o, to += kBytes) {
      const Span& span = across_.span(o);
      char* const suffixes =
          Suffixes() - (across_.BlockEnd(o) - across_.taps()) * kBytes;
      if (across_.BlockEnd(o) != block_end) {
        block_end = across_.BlockEnd(o);
        int64_t w = across_.InputEnd(block_end) - 1;
        if (w >= span.first) {
          State suffix = load(w * step, w);
          R::Save(suffix, suffixes + w * kBytes);
          for (--w; w >= span.first; --w) {
            const State later = suffix;
            suffix = load(w * step, w);
            R::Merge(later, suffix);
            R::Save(suffix, suffixes + w * kBytes);
          }
        }
        next = HWY_MAX(block_end, int64_t{0});
      }
      const int64_t end = span.first + span.count;
      for (; next < end; ++next) {
        if (next == HWY_MAX(block_end, int64_t{0})) {
          prefix = load(next * step, next);
        } else {
          R::Merge(load(next * step, next), prefix);
        }
      }
      State state = prefix;
      if (span.first < block_end) {
        state = R::Saved(suffixes + span.first * kBytes);
        if (end > block_end) R::Merge(prefix, state);
      }
      R::Renumber(number - (span.first - span.first_tap), state);
      R::Save(state, to);
    }
  }

  HWY_INLINE void CopyRow(const char* from, char* to) const {
    for (int64_t at = 0; at < row_bytes_; at += kBytes) {
      R::Save(R::Saved(from + at), to + at);
    }
  }

  // row ← row merged with `later`.
  HWY_INLINE void MergeRow(const char* later, char* row) const {
    for (int64_t at = 0; at < row_bytes_; at += kBytes) {
      State first = R::Saved(row + at);
      R::Merge(R::Saved(later + at), first);
      R::Save(first, row + at);
    }
  }

  // Output row o from the rows of its window.
  template <class Lanes>
  HWY_INLINE void EmitTaps(Lanes lanes, int64_t out, int64_t o) {
    const Span& span = down_.span(o);
    constexpr int64_t kMost = 5;
    const char* rows[kMost] = {};
    for (int64_t i = 0; i < HWY_MIN(span.count, kMost); ++i)
      rows[i] = Row(span.first + i);
    if constexpr (!std::is_same_v<Lanes, FirstLanes>) {
      if (span.count == 3) return Emit<3>(lanes, out, o, rows);
      if (span.count == 4) return Emit<4>(lanes, out, o, rows);
      if (span.count == 5) return Emit<5>(lanes, out, o, rows);
    }
    Emit<1>(lanes, out, o, rows, span.count);
  }

  // Output row o from kRows rows of states, or from `count`, of which the later ones
  // lie where Row() says.
  template <int kRows, class Lanes>
  HWY_INLINE void Emit(Lanes lanes, int64_t out, int64_t o, const char* const* rows,
                       int64_t count = kRows) {
    // Copies: what is written through a pointer to bytes might be part of any other.
    const R reducer = reducer_;
    TapShare tap_share = tap_share_;
    Window window = {0, 0.0, 0, 0, 0};
    const Span& span_d = *span_d_;
    const Span& span = down_.span(o);
    const int64_t first_number = (span.first - span.first_tap) * across_.taps();
    const int64_t step = view_.out.stride[2];
    const int64_t bytes = row_bytes_;
    const char* from[kRows];
    for (int i = 0; i < kRows; ++i) from[i] = rows[i];
    int64_t column = columns_.begin;
    out += o * view_.out.stride[1] + columns_.begin * step;
    for (int64_t at = 0; at < bytes; at += kBytes) {
      State state = R::Saved(from[0] + at);
      KP_UNROLL for (int i = 1; i < kRows; ++i) {
        R::Merge(R::Saved(from[i] + at), state);
      }
      for (int64_t i = kRows; i < count; ++i) {
        R::Merge(R::Saved(Row(span.first + i) + at), state);
      }
      R::Renumber(-first_number, state);
      window.share = tap_share.Of(span_d, span, across_.span(column++));
      reducer.Finish(lanes, window, out, state);
      out += step;
    }
  }

  const R& reducer_;
  const TileView& view_;
  Range rows_;
  Range columns_;
  Range inputs_;
  Range input_columns_;
  int64_t row_bytes_;
  int64_t kept_;
  char* scratch_;
  PassWindows across_;
  PassWindows down_;
  TapShare tap_share_;
  const Plan& plan_;
  const Span* span_d_ = nullptr;
};

// Forward, overlapping windows. Visits outputs.
struct SeparableWalk {
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t) {
    return SeparableBox<R>::ScratchBytes(plan, box);
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (kPresumes<R>) {
      if (!Holds(plan, reducer, view, box)) {
        WalkBox<typename R::Careful>(plan, operands, view, box, scratch);
        return;
      }
    } else {
      Touch(reducer, view, view.in, InputsOf(plan, box));
    }
    SeparableBox<R> block(plan, reducer, view, box, static_cast<char*>(scratch));
    for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) {
      block.Run(plan.axes[0].span(d), d);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
