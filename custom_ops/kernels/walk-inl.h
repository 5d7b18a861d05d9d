// The loops over windows. A walk visits positions, their windows and their taps, and
// hands offsets to a reducer; it knows neither element types nor reductions. Included
// once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALK_INL_H_
#undef KERAS_POOLING_KERNELS_WALK_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALK_INL_H_
#endif

#include "kernels/kernel.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Blocks of lanes live in registers only if their loops are unrolled.
#undef KP_UNROLL
#define KP_UNROLL _Pragma("GCC unroll 4")

// What a reducer may ask of the window at hand.
struct Window {
  const Span* axes[kMaxRank];
  int64_t first_tap;
  double divisor_override;
  // Lane 0's offset into the output and number in the whole tensor, and the number's
  // step from lane to lane.
  int64_t out;
  int64_t index;
  int64_t index_step;

  HWY_INLINE int64_t IndexOf(int64_t offset) const {
    return index + (offset - out) * index_step;
  }

  HWY_INLINE double divisor() const {
    if (divisor_override != 0.0) return divisor_override;
    return static_cast<double>(axes[0]->divisor) *
           static_cast<double>(axes[1]->divisor) *
           static_cast<double>(axes[2]->divisor);
  }
};

HWY_INLINE int64_t TapIndex(const Plan& plan, int64_t d, int64_t h, int64_t w) {
  return (d * plan.axes[1].max_taps + h) * plan.axes[2].max_taps + w;
}

// Calls visit(blocks, lanes, lane) so that every lane of [begin, end) is visited:
// kBlocks vectors at a time while there are enough, then one by one; the last, if it is
// short, steps back over lanes that are done, or where there are too few, is masked.
template <size_t kLanes, int kBlocks, class Full, class Visit>
HWY_INLINE void ForLanes(int64_t begin, int64_t end, Full full, const Visit& visit) {
  constexpr int64_t kStep = static_cast<int64_t>(kLanes);
  int64_t lane = begin;
  if constexpr (kBlocks > 1) {
    for (; lane + kBlocks * kStep <= end; lane += kBlocks * kStep) {
      visit(std::integral_constant<int, kBlocks>(), full, lane);
    }
  }
  for (; lane + kStep <= end; lane += kStep) {
    visit(std::integral_constant<int, 1>(), full, lane);
  }
  if (lane == end) return;
  if (end - begin >= kStep) {
    visit(std::integral_constant<int, 1>(), AllLanes(), end - kStep);
  } else {
    visit(std::integral_constant<int, 1>(), FirstLanes{static_cast<size_t>(end - lane)},
          lane);
  }
}

// Where the taps of a whole window lie, as offsets from its first: one short loop for
// every rank, dilation and layout.
class FlatWindow {
 public:
  // A row with few windows is not worth a table.
  static HWY_INLINE bool Serves(const Plan& plan, const Span& d, const Span& h,
                                int64_t windows) {
    return windows >= 4 && plan.max_taps() <= kMostTaps &&
           d.count == plan.axes[0].max_taps && h.count == plan.axes[1].max_taps;
  }

  HWY_INLINE FlatWindow(const Plan& plan, const Side& side) : taps_(plan.max_taps()) {
    int64_t* offset = offsets_;
    for (int64_t d = 0; d < plan.axes[0].max_taps; ++d) {
      for (int64_t h = 0; h < plan.axes[1].max_taps; ++h) {
        for (int64_t w = 0; w < plan.axes[2].max_taps; ++w) {
          *offset++ = d * plan.axes[0].dilation * side.stride[0] +
                      h * plan.axes[1].dilation * side.stride[1] +
                      w * plan.axes[2].dilation * side.stride[2];
        }
      }
    }
  }

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    for (int64_t tap = 0; tap < taps_; ++tap) visit(in + offsets_[tap], tap);
  }

 private:
  static constexpr int64_t kMostTaps = 256;
  int64_t taps_;
  int64_t offsets_[kMostTaps];
};

// The taps of a window of which any part may be cut off.
struct ClippedWindow {
  const Plan& plan;
  const Side& side;
  const Window& window;

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    const int64_t step_d = plan.axes[0].dilation * side.stride[0];
    const int64_t step_h = plan.axes[1].dilation * side.stride[1];
    const int64_t step_w = plan.axes[2].dilation * side.stride[2];
    for (int64_t d = 0; d < window.axes[0]->count; ++d) {
      for (int64_t h = 0; h < window.axes[1]->count; ++h) {
        int64_t near = in + d * step_d + h * step_h;
        int64_t tap = window.first_tap + TapIndex(plan, d, h, 0);
        for (int64_t w = 0; w < window.axes[2]->count; ++w) {
          visit(near, tap);
          near += step_w;
          ++tap;
        }
      }
    }
  }
};

// Forward: every output reduces its window. Visits outputs.
struct ReduceWalk {
  template <class R, class Full>
  static void Row(const Plan& plan, const Operands& operands, const Frame& frame,
                  int64_t d, int64_t h, Range row) {
    const R reducer(operands);
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    if (!FlatWindow::Serves(plan, sd, sh, row.end - row.begin)) {
      Clipped<R, Full>(plan, reducer, frame, d, h, row);
      return;
    }
    const Span* const spans = plan.axes[2].spans.data();
    const int64_t whole = plan.axes[2].max_taps;
    const FlatWindow taps(plan, frame.in);
    for (int64_t w = row.begin; w < row.end; ++w) {
      if (spans[w].count != whole) {  // at the row's ends
        Clipped<R, Full>(plan, reducer, frame, d, h, {w, w + 1});
        continue;
      }
      const Window window = {{&sd, &sh, &spans[w]},   0,
                             plan.divisor_override,   frame.out.At(d, h, w),
                             frame.index.At(d, h, w), frame.index_step};
      const int64_t in = frame.in.At(sd.first, sh.first, spans[w].first);
      ReduceLanes<R, Full>(reducer, frame, window, taps, in);
    }
  }

 private:
  template <class R, class Full>
  static HWY_NOINLINE void Clipped(const Plan& plan, const R& reducer,
                                   const Frame& frame, int64_t d, int64_t h,
                                   Range row) {
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    for (int64_t w = row.begin; w < row.end; ++w) {
      const Span& sw = plan.axes[2].spans[static_cast<size_t>(w)];
      const Window window = {{&sd, &sh, &sw},
                             TapIndex(plan, sd.first_tap, sh.first_tap, sw.first_tap),
                             plan.divisor_override,
                             frame.out.At(d, h, w),
                             frame.index.At(d, h, w),
                             frame.index_step};
      const ClippedWindow taps = {plan, frame.in, window};
      const int64_t in = frame.in.At(sd.first, sh.first, sw.first);
      ReduceLanes<R, Full>(reducer, frame, window, taps, in);
    }
  }

  template <class R, class Full, class Taps>
  static HWY_INLINE void ReduceLanes(const R& reducer, const Frame& frame,
                                     const Window& window, const Taps& taps,
                                     int64_t in) {
    // More passes keep more in registers.
    constexpr int kBlocks = R::kPasses == 1 ? 4 : 1;
    ForLanes<R::kLanes, kBlocks>(frame.lane_begin, frame.lane_end, Full(),
                                 [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                                   Reduce<blocks.value>(reducer, lanes, window, taps,
                                                        in + lane, window.out + lane);
                                 });
  }

  template <int kBlocks, class R, class Lanes, class Taps>
  static HWY_INLINE void Reduce(const R& reducer, Lanes lanes, const Window& window,
                                const Taps& taps, int64_t in, int64_t out) {
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    typename R::State states[kBlocks];
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      states[b] = reducer.Begin(lanes, window, out + b * kStep);
    }
    if constexpr (R::kPasses == 1) {
      taps.ForTaps(in, [&](int64_t near, int64_t tap) HWY_ATTR {
        KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
          reducer.Add(lanes, window, near + b * kStep, tap, states[b]);
        }
      });
    } else {
      Pass<0>(reducer, lanes, window, taps, in, states[0]);
    }
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      reducer.Finish(lanes, window, out + b * kStep, states[b]);
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

// Backward: every input position gathers from the windows that read it, and is written
// once. Visits inputs.
struct GatherWalk {
  template <class R, class Full>
  static void Row(const Plan& plan, const Operands& operands, const Frame& frame,
                  int64_t d, int64_t h, Range row) {
    const R reducer(operands);
    for (int64_t w = row.begin; w < row.end; ++w) {
      const int64_t in = frame.in.At(d, h, w);
      ForLanes<R::kLanes, 4>(frame.lane_begin, frame.lane_end, Full(),
                             [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                               Gather<blocks.value>(plan, reducer, lanes, frame, d, h,
                                                    w, in + lane, lane);
                             });
    }
  }

 private:
  template <int kBlocks, class R, class Lanes>
  static HWY_INLINE void Gather(const Plan& plan, const R& reducer, Lanes lanes,
                                const Frame& frame, int64_t d, int64_t h, int64_t w,
                                int64_t in, int64_t lane) {
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    const Axis& axis_d = plan.axes[0];
    const Axis& axis_h = plan.axes[1];
    const Axis& axis_w = plan.axes[2];
    const Readers readers_d = axis_d.readers[static_cast<size_t>(d)];
    const Readers readers_h = axis_h.readers[static_cast<size_t>(h)];
    const Readers readers_w = axis_w.readers[static_cast<size_t>(w)];

    Window window = {{}, 0, plan.divisor_override, 0, 0, 0};
    typename R::State states[kBlocks];
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      states[b] = reducer.Begin(lanes, window, in + b * kStep);
    }
    for (int64_t i = 0; i < readers_d.count; ++i) {
      const int64_t od = readers_d.first + i * axis_d.reader_step;
      window.axes[0] = &axis_d.spans[static_cast<size_t>(od)];
      for (int64_t j = 0; j < readers_h.count; ++j) {
        const int64_t oh = readers_h.first + j * axis_h.reader_step;
        window.axes[1] = &axis_h.spans[static_cast<size_t>(oh)];
        const int64_t tap_base =
            TapIndex(plan, axis_d.TapAt(od, d), axis_h.TapAt(oh, h), 0);
        for (int64_t k = 0; k < readers_w.count; ++k) {
          const int64_t ow = readers_w.first + k * axis_w.reader_step;
          window.axes[2] = &axis_w.spans[static_cast<size_t>(ow)];
          const int64_t tap = tap_base + axis_w.TapAt(ow, w);
          const int64_t out = frame.out.At(od, oh, ow) + lane;
          KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
            reducer.Add(lanes, window, out + b * kStep, tap, states[b]);
          }
        }
      }
    }
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      reducer.Finish(lanes, window, in + b * kStep, states[b]);
    }
  }
};

// Backward where no windows overlap: every output writes its own taps, and zeros into
// the gap before the next window. Visits outputs.
struct DisjointWalk {
  template <class R, class Full>
  static void Row(const Plan& plan, const Operands& operands, const Frame& frame,
                  int64_t d, int64_t h, Range row) {
    const R reducer(operands);
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    const Range own_d = plan.axes[0].Owned(d);
    const Range own_h = plan.axes[1].Owned(h);
    for (int64_t id = own_d.begin; id < own_d.end; ++id) {
      for (int64_t ih = own_h.begin; ih < own_h.end; ++ih) {
        const bool row_is_read = Contains(sd, id) && Contains(sh, ih);
        for (int64_t w = row.begin; w < row.end; ++w) {
          const Span& sw = plan.axes[2].spans[static_cast<size_t>(w)];
          const Window window = {{&sd, &sh, &sw}, 0, plan.divisor_override, 0, 0, 0};
          const Range own_w = plan.axes[2].Owned(w);
          const int64_t out = frame.out.At(d, h, w);
          for (int64_t iw = own_w.begin; iw < own_w.end; ++iw) {
            const bool is_read = row_is_read && Contains(sw, iw);
            const int64_t tap =
                TapIndex(plan, sd.first_tap + id - sd.first,
                         sh.first_tap + ih - sh.first, sw.first_tap + iw - sw.first);
            const int64_t in = frame.in.At(id, ih, iw);
            ForLanes<R::kLanes, 4>(frame.lane_begin, frame.lane_end, Full(),
                                   [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                                     Write<blocks.value>(reducer, lanes, window,
                                                         is_read, tap, in + lane,
                                                         out + lane);
                                   });
          }
        }
      }
    }
  }

 private:
  static HWY_INLINE bool Contains(const Span& span, int64_t position) {
    return position >= span.first && position < span.first + span.count;
  }

  template <int kBlocks, class R, class Lanes>
  static HWY_INLINE void Write(const R& reducer, Lanes lanes, const Window& window,
                               bool is_read, int64_t tap, int64_t in, int64_t out) {
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      typename R::State state = reducer.Begin(lanes, window, in + b * kStep);
      if (is_read) reducer.Add(lanes, window, out + b * kStep, tap, state);
      reducer.Finish(lanes, window, in + b * kStep, state);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
