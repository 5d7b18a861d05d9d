// The gradient of selecting reductions where windows overlap: every window adds its
// gradient at the tap that won. One addition per output, however many taps windows
// have. Included once per instruction set.
//
// Sums are collected in scratch memory, which holds whatever the windows of a block
// reach, also beyond the input; so additions need no bounds. They happen in the order
// of the outputs, as GatherWalk's do, and give the same bits. A reducer that can be
// used here offers
//   Lane                              the type of the sums
//   Give(lanes, far, to)              the gradients of one vector of outputs
//   TapOf(far)                        the tap of one output
//   Take(lanes, from, near)           stores one vector of sums
#if defined(KERAS_POOLING_KERNELS_SCATTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SCATTER_INL_H_
#undef KERAS_POOLING_KERNELS_SCATTER_INL_H_
#else
#define KERAS_POOLING_KERNELS_SCATTER_INL_H_
#endif

#include <cstring>

#include "kernels/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Where along one axis the windows of a block reach.
class Reach {
 public:
  HWY_INLINE Reach(const Axis& axis, Range inputs)
      : axis_(axis), outputs_(axis.OutputsOf(inputs)), reached_(inputs) {
    for (int64_t o = outputs_.begin; o < outputs_.end; ++o) {
      reached_.begin = HWY_MIN(reached_.begin, Start(o));
      reached_.end =
          HWY_MAX(reached_.end, Start(o) + (Taps(o) - 1) * axis.dilation + 1);
    }
  }

  // Windows of one size count as whole wherever they lie.
  HWY_INLINE int64_t Start(int64_t o) const {
    const Span& span = axis_.spans[static_cast<size_t>(o)];
    return axis_.stride > 0 ? span.first - span.first_tap * axis_.dilation : span.first;
  }
  HWY_INLINE int64_t Taps(int64_t o) const {
    return axis_.stride > 0 ? axis_.max_taps
                            : axis_.spans[static_cast<size_t>(o)].count;
  }
  HWY_INLINE const Axis& axis() const { return axis_; }
  HWY_INLINE Range outputs() const { return outputs_; }
  HWY_INLINE int64_t begin() const { return reached_.begin; }
  HWY_INLINE int64_t size() const { return reached_.end - reached_.begin; }

 private:
  const Axis& axis_;
  Range outputs_;
  Range reached_;
};

struct ScatterWalk {
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t lanes) {
    int64_t positions = 1;
    for (int i = 0; i < kMaxRank; ++i) {
      positions *= Reach(plan.axes[i], box.axes[i]).size();
    }
    return TableBytes(plan) +
           positions * lanes * static_cast<int64_t>(sizeof(typename R::Lane));
  }

  // The inputs `box`.
  template <class R, class Full>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void* scratch) {
    using Lane = typename R::Lane;
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    const R reducer(operands);
    const Reach reach[kMaxRank] = {Reach(plan.axes[0], box.axes[0]),
                                   Reach(plan.axes[1], box.axes[1]),
                                   Reach(plan.axes[2], box.axes[2])};
    const int64_t lanes = frame.lane_end - frame.lane_begin;
    Side side = {0, {0, 0, lanes}};
    side.stride[1] = reach[2].size() * side.stride[2];
    side.stride[0] = reach[1].size() * side.stride[1];
    side.base = -side.At(reach[0].begin(), reach[1].begin(), reach[2].begin());
    const auto table = static_cast<int32_t*>(scratch);
    const auto sums =
        reinterpret_cast<Lane*>(static_cast<char*>(scratch) + TableBytes(plan));
    std::memset(sums, 0,
                static_cast<size_t>(reach[0].size() * side.stride[0]) * sizeof(Lane));

    const int64_t taps = plan.max_taps();
    int64_t shape[kMaxRank] = {0, 0, 0};
    const Range out_d = reach[0].outputs();
    const Range out_h = reach[1].outputs();
    const Range out_w = reach[2].outputs();
    for (int64_t d = out_d.begin; d < out_d.end; ++d) {
      for (int64_t h = out_h.begin; h < out_h.end; ++h) {
        for (int64_t w = out_w.begin; w < out_w.end; ++w) {
          const int64_t own[kMaxRank] = {reach[0].Taps(d), reach[1].Taps(h),
                                         reach[2].Taps(w)};
          if (own[0] != shape[0] || own[1] != shape[1] || own[2] != shape[2]) {
            FillTable(plan, side, own, table);
            for (int i = 0; i < kMaxRank; ++i) shape[i] = own[i];
          }
          Lane* const at =
              sums + side.At(reach[0].Start(d), reach[1].Start(h), reach[2].Start(w));
          const int64_t out = frame.out.At(d, h, w) + frame.lane_begin;
          const int64_t ahead = kAhead * frame.out.stride[2];
          const bool is_whole = own[0] * own[1] * own[2] == taps;
          int64_t lane = 0;
          if (is_whole) {
            for (; lane + kStep <= lanes; lane += kStep) {
              reducer.Fetch(out + lane + ahead);
              Scatter<true>(reducer, AllLanes(), kStep, out + lane, table, taps,
                            at + lane);
            }
          }
          for (; lane < lanes; lane += kStep) {
            const int64_t rest = HWY_MIN(lanes - lane, kStep);
            Scatter<false>(reducer, FirstLanes{static_cast<size_t>(rest)}, rest,
                           out + lane, table, taps, at + lane);
          }
        }
      }
    }

    for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) {
      for (int64_t h = box.axes[1].begin; h < box.axes[1].end; ++h) {
        for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
          const Lane* const from = sums + side.At(d, h, w) - frame.lane_begin;
          const int64_t in = frame.in.At(d, h, w);
          ForLanes<R::kLanes, 1>(frame.lane_begin, frame.lane_end, Full(),
                                 [&](auto, auto which, int64_t lane) HWY_ATTR {
                                   reducer.Take(which, from + lane, in + lane);
                                 });
        }
      }
    }
  }

 private:
  // Windows of which memory is told in advance.
  static constexpr int64_t kAhead = 4;

  // A tap index outside the table would not be found there.
  static HWY_INLINE int64_t TableSize(const Plan& plan) {
    return HWY_MAX(plan.max_taps(), int64_t{256});
  }
  static HWY_INLINE int64_t TableBytes(const Plan& plan) {
    return (TableSize(plan) * 4 + 63) / 64 * 64;
  }

  // Where each tap of a window of `shape` taps lies, from its first; −1 for no tap.
  static HWY_INLINE void FillTable(const Plan& plan, const Side& side,
                                   const int64_t* shape, int32_t* table) {
    std::memset(table, -1, static_cast<size_t>(TableSize(plan)) * sizeof(int32_t));
    for (int64_t d = 0; d < shape[0]; ++d) {
      for (int64_t h = 0; h < shape[1]; ++h) {
        for (int64_t w = 0; w < shape[2]; ++w) {
          table[TapIndex(plan, d, h, w)] =
              static_cast<int32_t>(d * plan.axes[0].dilation * side.stride[0] +
                                   h * plan.axes[1].dilation * side.stride[1] +
                                   w * plan.axes[2].dilation * side.stride[2]);
        }
      }
    }
  }

  // Adds what the outputs give, from `out` on, to the sums around `at`.
  template <bool kWhole, class R, class Which>
  static HWY_INLINE void Scatter(const R& reducer, Which which, int64_t lanes,
                                 int64_t out, const int32_t* table, int64_t taps,
                                 typename R::Lane* at) {
    HWY_ALIGN typename R::Lane given[R::kLanes];
    reducer.Give(which, out, given);
    if (kWhole && HWY_LIKELY(reducer.TapsAreBelow(which, out, taps))) {
      for (int64_t i = 0; i < lanes; ++i) {
        at[table[reducer.TapOf(out + i)] + i] += given[i];
      }
      return;
    }
    for (int64_t i = 0; i < lanes; ++i) {
      const int64_t tap = reducer.TapOf(out + i);
      if (tap < taps && table[tap] >= 0) at[table[tap] + i] += given[i];
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
