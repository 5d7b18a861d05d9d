// Forward, window by window: the walk that suits every plan. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#endif

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Where the taps of a row's windows lie that are whole along the width, as offsets from
// their first, and their numbers: one short loop for every rank, dilation and layout.
class FlatWindow {
 public:
  // A row with few windows is not worth a table.
  static HWY_INLINE bool Serves(const Plan& plan, int64_t windows) {
    return windows >= 4 && plan.max_taps() <= kMostTaps;
  }

  HWY_INLINE FlatWindow(const Plan& plan, const Strides& side, const Span& span_d,
                        const Span& span_h) {
    const int64_t first_tap = TapIndex(plan, span_d.first_tap, span_h.first_tap, 0);
    for (int64_t d = 0; d < span_d.count; ++d) {
      for (int64_t h = 0; h < span_h.count; ++h) {
        for (int64_t w = 0; w < plan.axes[2].max_taps(); ++w) {
          offsets_[count_] = d * plan.axes[0].dilation() * side.stride[0] +
                             h * plan.axes[1].dilation() * side.stride[1] +
                             w * plan.axes[2].dilation() * side.stride[2];
          taps_[count_++] = first_tap + TapIndex(plan, d, h, w);
        }
      }
    }
  }

  HWY_INLINE int64_t first_tap() const { return taps_[0]; }

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    for (int64_t i = 0; i < count_; ++i) visit(in + offsets_[i], taps_[i]);
  }

 private:
  static constexpr int64_t kMostTaps = 256;
  int64_t count_ = 0;
  int64_t offsets_[kMostTaps];
  int64_t taps_[kMostTaps];
};

// The taps of a window of which any part may be cut off.
struct ClippedWindow {
  const Plan& plan;
  const Strides& side;
  const Window& window;
  const Span& span_d;
  const Span& span_h;
  const Span& span_w;

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    const int64_t step_d = plan.axes[0].dilation() * side.stride[0];
    const int64_t step_h = plan.axes[1].dilation() * side.stride[1];
    const int64_t step_w = plan.axes[2].dilation() * side.stride[2];
    for (int64_t d = 0; d < span_d.count; ++d) {
      for (int64_t h = 0; h < span_h.count; ++h) {
        int64_t near = in + d * step_d + h * step_h;
        int64_t tap = window.first_tap + TapIndex(plan, d, h, 0);
        for (int64_t w = 0; w < span_w.count; ++w) {
          visit(near, tap);
          near += step_w;
          ++tap;
        }
      }
    }
  }
};

// Every output reduces its window. Visits outputs.
struct ReduceWalk {
  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (kPresumes<R>) {
      if (!Holds(plan, reducer, view, box)) {
        WalkBox<typename R::Careful>(plan, operands, view, box, scratch);
        return;
      }
    } else if (plan.max_taps() >= 16) {  // which lie far apart
      Touch(reducer, view, view.in, InputsOf(plan, box));
    }
    TapShare tap_share(plan);
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      Row(plan, reducer, view, d, h, box.axes[2], tap_share);
    });
  }

 private:
  template <class R>
  static HWY_INLINE void Row(const Plan& plan, R reducer, const TileView& view,
                             int64_t d, int64_t h, Range row, TapShare& tap_share) {
    const Span& sd = plan.axes[0].span(d);
    const Span& sh = plan.axes[1].span(h);
    if (!FlatWindow::Serves(plan, row.end - row.begin)) {
      Clipped(plan, reducer, view, d, h, row, tap_share);
      return;
    }
    const Axis& columns = plan.axes[2];
    const int64_t whole = plan.axes[2].max_taps();
    const FlatWindow taps(plan, view.in, sd, sh);
    // Where windows move by one position, the row below is the next that memory brings.
    const bool fetches = !kPresumes<R> && plan.axes[1].stride() == 1 &&
                         plan.axes[2].stride() == 1 && plan.axes[1].max_taps() > 1;
    const int64_t ahead =
        plan.axes[1].max_taps() * plan.axes[1].dilation() * view.in.stride[1];
    // Where a position has few vectors of lanes, neighbouring windows share the steps
    // from tap to tap.
    const bool is_narrow = plan.axes[2].stride() > 0 &&
                           view.lane_end - view.lane_begin <= kBlocks / 2 * kStep<R>;
    const Apart apart = {plan.axes[2].stride() * view.in.stride[2], view.out.stride[2]};
    for (int64_t w = row.begin; w < row.end; ++w) {
      const Span sw = columns.span(w);
      if (sw.count != whole) {  // at the row's ends
        Clipped(plan, reducer, view, d, h, {w, w + 1}, tap_share);
        continue;
      }
      const Window window = {taps.first_tap(), tap_share.Of(sd, sh, sw),
                             view.out.At(d, h, w), view.index.At(d, h, w),
                             view.index_step};
      const int64_t in = view.in.At(sd.first, sh.first, sw.first);
      if (fetches) FetchLanes(reducer, view, in + ahead);
      if constexpr (R::kPasses == 1) {
        if (is_narrow && w + kBlocks <= row.end &&
            columns.span(w + kBlocks - 1).count == whole) {
          ReduceNeighbours(reducer, view, window, taps, in, apart);
          w += kBlocks - 1;
          continue;
        }
      }
      ReduceLanes(reducer, view, window, taps, in);
    }
  }

  template <class R>
  static HWY_NOINLINE void Clipped(const Plan& plan, R reducer, const TileView& view,
                                   int64_t d, int64_t h, Range row,
                                   TapShare& tap_share) {
    const Span& sd = plan.axes[0].span(d);
    const Span& sh = plan.axes[1].span(h);
    for (int64_t w = row.begin; w < row.end; ++w) {
      const Span& sw = plan.axes[2].span(w);
      const Window window = {TapIndex(plan, sd.first_tap, sh.first_tap, sw.first_tap),
                             tap_share.Of(sd, sh, sw), view.out.At(d, h, w),
                             view.index.At(d, h, w), view.index_step};
      const ClippedWindow taps = {plan, view.in, window, sd, sh, sw};
      const int64_t in = view.in.At(sd.first, sh.first, sw.first);
      ReduceLanes(reducer, view, window, taps, in);
    }
  }

  // Vectors that are reduced together. More passes keep more in registers.
  static constexpr int kBlocks = 4;
  template <class R>
  static constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);

  // How far apart those lie.
  struct Apart {
    int64_t in;
    int64_t out;
  };

  template <class R, class Taps>
  static HWY_INLINE void ReduceLanes(const R& reducer, const TileView& view,
                                     const Window& window, const Taps& taps,
                                     int64_t in) {
    ForLanes<R::kLanes, R::kPasses == 1 ? kBlocks : 1>(
        view.lane_begin, view.lane_end, AllLanes{view.streams},
        [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
          ReduceTaps<blocks.value>(reducer, lanes, window, taps, in + lane,
                                   window.out + lane, {kStep<R>, kStep<R>});
        });
  }

  template <class R, class Taps>
  static HWY_INLINE void ReduceNeighbours(const R& reducer, const TileView& view,
                                          const Window& window, const Taps& taps,
                                          int64_t in, Apart apart) {
    ForLanes<R::kLanes, 1>(view.lane_begin, view.lane_end, AllLanes{view.streams},
                           [&](auto, auto lanes, int64_t lane) HWY_ATTR {
                             ReduceTaps<kBlocks>(reducer, lanes, window, taps,
                                                 in + lane, window.out + lane, apart);
                           });
  }

  template <int kCount, class R, class Lanes, class Taps>
  static HWY_INLINE void ReduceTaps(const R& reducer, Lanes lanes, const Window& window,
                                    const Taps& taps, int64_t in, int64_t out,
                                    Apart apart) {
    typename R::State states[kCount];
    KP_UNROLL for (int b = 0; b < kCount; ++b) {
      states[b] = reducer.Begin(lanes, window, out + b * apart.out);
    }
    if constexpr (R::kPasses == 1) {
      taps.ForTaps(in, [&](int64_t near, int64_t tap) HWY_ATTR {
        KP_UNROLL for (int b = 0; b < kCount; ++b) {
          reducer.Add(lanes, window, near + b * apart.in, tap, states[b]);
        }
      });
    } else {
      Pass<0>(reducer, lanes, window, taps, in, states[0]);
    }
    KP_UNROLL for (int b = 0; b < kCount; ++b) {
      reducer.Finish(lanes, window, out + b * apart.out, states[b]);
    }
  }

  template <int kPass, class R, class Lanes, class Taps>
  static HWY_INLINE void Pass(const R& reducer, Lanes lanes, const Window& window,
                              const Taps& taps, int64_t in, typename R::State& state) {
    if constexpr (kPass > 0) reducer.template StartPass<kPass>(state);
    taps.ForTaps(in, [&](int64_t near, int64_t tap) HWY_ATTR {
      reducer.template AddInPass<kPass>(lanes, window, near, tap, state);
    });
    if constexpr (kPass + 1 < R::kPasses) {
      Pass<kPass + 1>(reducer, lanes, window, taps, in, state);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
