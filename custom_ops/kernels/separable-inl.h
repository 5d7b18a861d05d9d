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
// Numbers of taps may wrap on the way: only the last one has to fit.
#if defined(KERAS_POOLING_KERNELS_SEPARABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SEPARABLE_INL_H_
#undef KERAS_POOLING_KERNELS_SEPARABLE_INL_H_
#else
#define KERAS_POOLING_KERNELS_SEPARABLE_INL_H_
#endif

#include "kernels/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// The windows of one axis, as the passes need them.
class PassWindows {
 public:
  HWY_INLINE explicit PassWindows(const Axis& axis)
      : spans_(axis.spans.data()), taps_(axis.max_taps) {
    // Whole windows lie side by side; those at the ends may be clipped.
    int64_t last = axis.out();
    while (whole_begin_ < last && spans_[whole_begin_].count != taps_) ++whole_begin_;
    while (last > whole_begin_ && spans_[last - 1].count != taps_) --last;
    whole_end_ = last;
    const int64_t stride = last - whole_begin_ > 1 ? spans_[whole_begin_ + 1].first -
                                                         spans_[whole_begin_].first
                                                   : taps_;
    // Folding a window tap by tap takes taps − 1 steps; by blocks, 2 for each position
    // and 1 for each window.
    by_blocks_ = taps_ <= kMostBlockTaps && taps_ - 1 > 2 * stride + 1;
  }

  HWY_INLINE const Span& span(int64_t o) const { return spans_[o]; }
  HWY_INLINE int64_t taps() const { return taps_; }
  HWY_INLINE bool ByBlocks(int64_t o) const {
    return by_blocks_ && o >= whole_begin_ && o < whole_end_;
  }
  // How far into its block of `taps` positions window o begins. Blocks are counted from
  // the first whole window of the axis, so that they do not depend on how work is
  // split.
  HWY_INLINE int64_t IntoBlock(int64_t o) const {
    return (spans_[o].first - spans_[whole_begin_].first) % taps_;
  }

  static constexpr int64_t kMostBlockTaps = 128;

 private:
  const Span* spans_;
  int64_t taps_;
  int64_t whole_begin_ = 0;
  int64_t whole_end_ = 0;
  bool by_blocks_ = false;
};

// The outputs rows × columns of one image. Scratch memory holds, for every input row
// and vector of lanes, a row of states.
template <class R>
class SeparableBlock {
  using State = typename R::State;
  static constexpr int64_t kBytes = static_cast<int64_t>(R::kSavedBytes);
  static constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);

 public:
  HWY_INLINE SeparableBlock(const Plan& plan, const R& reducer, const Frame& frame,
                            Range rows, Range columns, char* scratch)
      : plan_(plan),
        reducer_(reducer),
        frame_(frame),
        rows_(rows),
        columns_(columns),
        inputs_(plan.axes[1].InputsOf(rows)),
        width_((columns.end - columns.begin) * kBytes),
        row_bytes_(Vectors(frame.lane_end - frame.lane_begin) * width_),
        scratch_(scratch),
        across_(plan.axes[2]),
        down_(plan.axes[1]) {}

  // Bytes of scratch memory for `rows` rows of the input.
  static HWY_INLINE int64_t ScratchBytes(int64_t rows, int64_t columns, int64_t lanes) {
    return (rows + 1) * columns * Vectors(lanes) * kBytes;
  }

  HWY_INLINE void Run(int64_t d) {
    const int64_t in_d = plan_.axes[0].spans[static_cast<size_t>(d)].first;
    for (int64_t h = inputs_.begin; h < inputs_.end; ++h) {
      ForVectors([&](auto lanes, int64_t lane, int64_t at) HWY_ATTR {
        Across(lanes, frame_.in.At(in_d, h, 0) + lane, h, Row(h) + at);
      });
    }
    // First the windows that need rows as they are: blocks overwrite them.
    for (int64_t o = rows_.begin; o < rows_.end; ++o) {
      const Span& span = down_.span(o);
      if (!down_.ByBlocks(o)) Emit(d, o, Row(span.first), row_bytes_, span.count);
    }
    int64_t block = -1;  // the block whose rows hold suffixes
    int64_t summed = 0;  // Prefix() holds the block's next rows up to this one
    for (int64_t o = rows_.begin; o < rows_.end; ++o) {
      if (!down_.ByBlocks(o)) continue;
      const Span& span = down_.span(o);
      const int64_t into = down_.IntoBlock(o);
      const int64_t end = span.first - into + down_.taps();
      if (end != block) {
        for (int64_t h = end - 2; h >= span.first; --h) MergeRow(Row(h + 1), Row(h));
        block = end;
        summed = end;
      }
      for (; summed < span.first + down_.taps(); ++summed) {
        if (summed == end) {
          CopyRow(Row(summed), Prefix());
        } else {
          MergeRow(Row(summed), Prefix());
        }
      }
      Emit(d, o, Row(span.first), Prefix() - Row(span.first), into == 0 ? 1 : 2);
    }
  }

 private:
  static HWY_INLINE int64_t Vectors(int64_t lanes) {
    return (lanes + kStep - 1) / kStep;
  }

  HWY_INLINE char* Row(int64_t h) const {
    return scratch_ + (h - inputs_.begin) * row_bytes_;
  }
  HWY_INLINE char* Prefix() const { return Row(inputs_.end); }

  // visit(lanes, lane, at) for each vector of lanes, whose states are `at` into a row.
  template <class Visit>
  HWY_INLINE void ForVectors(const Visit& visit) const {
    ForLanes<R::kLanes, 1>(frame_.lane_begin, frame_.lane_end, AllLanes(),
                           [&](auto, auto lanes, int64_t lane) HWY_ATTR {
                             visit(lanes, lane,
                                   Vectors(lane - frame_.lane_begin) * width_);
                           });
  }

  // Reduces row h of the input, at offset `in`, along its width.
  template <class Lanes>
  HWY_INLINE void Across(Lanes lanes, int64_t in, int64_t h, char* to) const {
    const int64_t step = frame_.in.stride[2];
    const int64_t row_number = h * across_.taps();
    const auto load = [&](int64_t w)
                          HWY_ATTR { return reducer_.First(lanes, in + w * step, w); };
    State suffixes[PassWindows::kMostBlockTaps];
    State prefix;
    int64_t block = -1;  // the block that `suffixes` are of
    int64_t summed = 0;  // `prefix` holds the block's next positions up to this one
    for (int64_t o = columns_.begin; o < columns_.end; ++o) {
      const Span& span = across_.span(o);
      State state;
      if (across_.ByBlocks(o)) {
        const int64_t into = across_.IntoBlock(o);
        const int64_t end = span.first - into + across_.taps();
        if (end != block) {
          suffixes[across_.taps() - 1] = load(end - 1);
          for (int64_t i = across_.taps() - 2; i >= into; --i) {
            suffixes[i] = load(span.first - into + i);
            R::Merge(suffixes[i + 1], suffixes[i]);
          }
          block = end;
          summed = end;
        }
        for (; summed < span.first + across_.taps(); ++summed) {
          if (summed == end) {
            prefix = load(summed);
          } else {
            R::Merge(load(summed), prefix);
          }
        }
        state = suffixes[into];
        if (into > 0) R::Merge(prefix, state);
      } else {
        state = load(span.first);
        for (int64_t w = span.first + 1; w < span.first + span.count; ++w) {
          R::Merge(load(w), state);
        }
      }
      R::Renumber(row_number - (span.first - span.first_tap), state);
      R::Save(state, to);
      to += kBytes;
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

  // Output row o from `count` rows of states, `pitch` bytes apart.
  HWY_INLINE void Emit(int64_t d, int64_t o, const char* rows, int64_t pitch,
                       int64_t count) const {
    const Span& span = down_.span(o);
    const int64_t first_number = (span.first - span.first_tap) * across_.taps();
    const Span* const sd = &plan_.axes[0].spans[static_cast<size_t>(d)];
    ForVectors([&](auto lanes, int64_t lane, int64_t at) HWY_ATTR {
      for (int64_t w = columns_.begin; w < columns_.end; ++w, at += kBytes) {
        State state = R::Saved(rows + at);
        for (int64_t i = 1; i < count; ++i) {
          R::Merge(R::Saved(rows + at + i * pitch), state);
        }
        R::Renumber(-first_number, state);
        const Window window = {
            {sd, &span, &across_.span(w)}, 0, plan_.divisor_override, 0, 0, 0};
        reducer_.Finish(lanes, window, frame_.out.At(d, o, w) + lane, state);
      }
    });
  }

  const Plan& plan_;
  const R& reducer_;
  const Frame& frame_;
  Range rows_;
  Range columns_;
  Range inputs_;
  int64_t width_;      // bytes of one row of one vector of lanes
  int64_t row_bytes_;  // of all vectors
  char* scratch_;
  PassWindows across_;
  PassWindows down_;
};

// Forward, overlapping windows. Visits blocks of output rows.
struct SeparableWalk {
  template <class R>
  static int64_t ScratchBytes(int64_t rows, int64_t columns, int64_t lanes) {
    return SeparableBlock<R>::ScratchBytes(rows, columns, lanes);
  }

  template <class R>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    int64_t d, Range rows, Range columns, void* scratch) {
    const R reducer(operands);
    SeparableBlock<R>(plan, reducer, frame, rows, columns, static_cast<char*>(scratch))
        .Run(d);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
