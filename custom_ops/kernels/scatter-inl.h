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

// The sums of a box of inputs and of what its windows reach beyond.
template <class R>
class Sums {
  using Lane = typename R::Lane;
  static constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);

 public:
  static HWY_INLINE int64_t Bytes(const Plan& plan, const Box& box, int64_t lanes) {
    int64_t positions = 1;
    for (int i = 0; i < kMaxRank; ++i) {
      positions *= Reach(plan.axes[i], box.axes[i]).size();
    }
    return TableBytes(plan) + positions * lanes * static_cast<int64_t>(sizeof(Lane));
  }

  HWY_INLINE Sums(const Plan& plan, const Box& box, int64_t lanes, void* scratch)
      : plan_(plan),
        reach_{Reach(plan.axes[0], box.axes[0]), Reach(plan.axes[1], box.axes[1]),
               Reach(plan.axes[2], box.axes[2])},
        taps_(plan.max_taps()),
        table_(static_cast<int32_t*>(scratch)),
        sums_(reinterpret_cast<Lane*>(static_cast<char*>(scratch) + TableBytes(plan))) {
    side_ = {0, {0, 0, lanes}};
    side_.stride[1] = reach_[2].size() * side_.stride[2];
    side_.stride[0] = reach_[1].size() * side_.stride[1];
    side_.base = -side_.At(reach_[0].begin(), reach_[1].begin(), reach_[2].begin());
    const int64_t count = reach_[0].size() * side_.stride[0];
    std::memset(sums_, 0, static_cast<size_t>(count) * sizeof(Lane));
  }

  HWY_INLINE Range outputs(int i) const { return reach_[i].outputs(); }
  HWY_INLINE int64_t Taps(int i, int64_t o) const { return reach_[i].Taps(o); }
  // The sum of a position, and of a window's first tap.
  HWY_INLINE Lane* Of(int64_t d, int64_t h, int64_t w) const {
    return sums_ + side_.At(d, h, w);
  }
  HWY_INLINE Lane* At(int64_t d, int64_t h, int64_t w) const {
    return Of(reach_[0].Start(d), reach_[1].Start(h), reach_[2].Start(w));
  }

  // From now on windows have `shape` taps. The table says where each of them lies, from
  // the first; −1 for no tap.
  HWY_INLINE void FillTable(const int64_t* shape) const {
    std::memset(table_, -1, static_cast<size_t>(TableSize(plan_)) * sizeof(int32_t));
    for (int64_t d = 0; d < shape[0]; ++d) {
      for (int64_t h = 0; h < shape[1]; ++h) {
        for (int64_t w = 0; w < shape[2]; ++w) {
          table_[TapIndex(plan_, d, h, w)] =
              static_cast<int32_t>(d * plan_.axes[0].dilation * side_.stride[0] +
                                   h * plan_.axes[1].dilation * side_.stride[1] +
                                   w * plan_.axes[2].dilation * side_.stride[2]);
        }
      }
    }
  }

  // Adds what `lanes` outputs give, from `out` on, to the sums around `at`, which are
  // `step` apart from lane to lane. `is_whole`: every tap has its place in the table.
  HWY_INLINE void Add(const R& reducer, bool is_whole, int64_t out, int64_t lanes,
                      int64_t step, Lane* at) const {
    int64_t lane = 0;
    if (is_whole) {
      for (; lane + kStep <= lanes; lane += kStep) {
        AddVector<true>(reducer, AllLanes(), kStep, out + lane, step, at + lane * step);
      }
    }
    for (; lane < lanes; lane += kStep) {
      const int64_t rest = HWY_MIN(lanes - lane, kStep);
      AddVector<false>(reducer, FirstLanes{static_cast<size_t>(rest)}, rest, out + lane,
                       step, at + lane * step);
    }
  }

 private:
  // A tap index of one byte is always found in the table.
  static HWY_INLINE int64_t TableSize(const Plan& plan) {
    return HWY_MAX(plan.max_taps(), int64_t{256});
  }
  static HWY_INLINE int64_t TableBytes(const Plan& plan) {
    return (TableSize(plan) * 4 + 63) / 64 * 64;
  }

  template <bool kWhole, class Which>
  HWY_INLINE void AddVector(const R& reducer, Which which, int64_t lanes, int64_t out,
                            int64_t step, Lane* at) const {
    HWY_ALIGN Lane given[R::kLanes];
    reducer.Give(which, out, given);
    const int32_t* const table = table_;
    if (kWhole && HWY_LIKELY(reducer.TapsAreBelow(which, out, taps_))) {
      if (HWY_LIKELY(step == 1)) {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i] += given[i];
        }
      } else {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i * step] += given[i];
        }
      }
      return;
    }
    for (int64_t i = 0; i < lanes; ++i) {
      const int64_t tap = reducer.TapOf(out + i);
      if (tap < taps_ && table[tap] >= 0) at[table[tap] + i * step] += given[i];
    }
  }

  const Plan& plan_;
  Reach reach_[kMaxRank];
  Side side_;
  int64_t taps_;
  int32_t* table_;
  Lane* sums_;
};

struct ScatterWalk {
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t lanes) {
    return Sums<R>::Bytes(plan, box, lanes);
  }

  // The inputs `box`.
  template <class R, class Full>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void* scratch) {
    const R reducer(operands);
    const int64_t lanes = frame.lane_end - frame.lane_begin;
    const Sums<R> sums(plan, box, lanes, scratch);
    int64_t shape[kMaxRank] = {0, 0, 0};
    const Box outputs = {{sums.outputs(0), sums.outputs(1), sums.outputs(2)}};
    ForRows(outputs, [&](int64_t d, int64_t h) HWY_ATTR {
      const R own = reducer;
      for (int64_t w = outputs.axes[2].begin; w < outputs.axes[2].end; ++w) {
        const int64_t taps[kMaxRank] = {sums.Taps(0, d), sums.Taps(1, h),
                                        sums.Taps(2, w)};
        if (taps[0] != shape[0] || taps[1] != shape[1] || taps[2] != shape[2]) {
          sums.FillTable(taps);
          for (int i = 0; i < kMaxRank; ++i) shape[i] = taps[i];
        }
        const bool is_whole = taps[0] * taps[1] * taps[2] == plan.max_taps();
        FetchLanes(own, frame, frame.out.At(d, h, w + kAhead));
        sums.Add(own, is_whole, frame.out.At(d, h, w) + frame.lane_begin, lanes, 1,
                 sums.At(d, h, w));
      }
    });
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const auto* const from = sums.Of(d, h, w) - frame.lane_begin;
        const int64_t in = frame.in.At(d, h, w);
        ForLanes<R::kLanes, 1>(frame.lane_begin, frame.lane_end, Full(),
                               [&](auto, auto which, int64_t lane) HWY_ATTR {
                                 reducer.Take(which, from + lane, in + lane);
                               });
      }
    });
  }

 private:
  // Windows of which memory is told in advance.
  static constexpr int64_t kAhead = 4;
};

// The same of planes, whose outputs lie side by side: lanes are neighbouring windows of
// a row, and what they read is a stride apart.
struct ColumnScatterWalk {
  template <class R>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void* scratch) {
    const R reducer(operands);
    const Sums<R> sums(plan, box, 1, scratch);
    const int64_t taps[kMaxRank] = {plan.axes[0].max_taps, plan.axes[1].max_taps,
                                    plan.axes[2].max_taps};
    sums.FillTable(taps);
    Box outputs;
    for (int i = 0; i < kMaxRank; ++i) outputs.axes[i] = sums.outputs(i);
    const Range columns = outputs.axes[2];
    if (columns.begin < columns.end) {
      ForRows(outputs, [&](int64_t d, int64_t h) HWY_ATTR {
        sums.Add(reducer, true, frame.out.At(d, h, columns.begin),
                 columns.end - columns.begin, plan.axes[2].stride,
                 sums.At(d, h, columns.begin));
      });
    }
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const auto* const from = sums.Of(d, h, 0);
      ForLanes<R::kLanes, 1>(box.axes[2].begin, box.axes[2].end, AllLanes(),
                             [&](auto, auto lanes, int64_t w) HWY_ATTR {
                               reducer.Take(lanes, from + w, frame.in.At(d, h, w));
                             });
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
