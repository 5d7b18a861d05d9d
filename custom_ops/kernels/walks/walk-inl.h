// What all walks share. A walk visits positions, their windows and their taps, and
// hands offsets to a reducer; it knows neither element types nor reductions. Included
// once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_WALK_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_WALK_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_WALK_INL_H_
#endif

#include "kernels/simd/lanes-inl.h"
#include "kernels/walks/walk.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Blocks of lanes live in registers only if their loops are unrolled.
#undef KP_UNROLL
#define KP_UNROLL _Pragma("GCC unroll 4")

// What a reducer may ask of the window at hand.
struct Window {
  int64_t first_tap;
  double share;  // what an average gives each tap; see TapShare
  // Lane 0's offset into the output and number in the whole tensor, and the number's
  // step from lane to lane.
  int64_t out;
  int64_t index;
  int64_t index_step;

  HWY_INLINE int64_t IndexOf(int64_t offset) const {
    return index + (offset - out) * index_step;
  }
};

// The tap_share of windows' taps. Neighbours mostly have the same: only others are
// worth a division.
class TapShare {
 public:
  HWY_INLINE explicit TapShare(const Plan& plan)
      : is_fixed_(plan.divisor_override != 0.0), share_(1.0 / plan.divisor_override) {}

  HWY_INLINE double Of(const Span& d, const Span& h, const Span& w) {
    return Of(static_cast<double>(d.divisor) * static_cast<double>(h.divisor) *
              static_cast<double>(w.divisor));
  }

  // A double: the product of padded windows' taps may exceed any integer.
  HWY_INLINE double Of(double divisor) {
    if (divisor != divisor_ && !is_fixed_) {
      divisor_ = divisor;
      share_ = 1.0 / divisor;
    }
    return share_;
  }

 private:
  bool is_fixed_;
  double divisor_ = 0.0;
  double share_;
};

HWY_INLINE int64_t TapIndex(const Plan& plan, int64_t d, int64_t h, int64_t w) {
  return (d * plan.axes[1].max_taps() + h) * plan.axes[2].max_taps() + w;
}

// Calls visit(blocks, lanes, lane) so that every lane of [begin, end) is visited:
// kBlocks vectors at a time while there are enough, half as many once, then one by one;
// the last, if it is short, steps back over lanes that are done, or where there are too
// few, is masked.
template <size_t kLanes, int kBlocks, class Visit>
HWY_INLINE void ForLanes(int64_t begin, int64_t end, AllLanes all, const Visit& visit) {
  constexpr int64_t kStep = static_cast<int64_t>(kLanes);
  int64_t lane = begin;
  if constexpr (kBlocks > 1) {
    for (; lane + kBlocks * kStep <= end; lane += kBlocks * kStep) {
      visit(std::integral_constant<int, kBlocks>(), all, lane);
    }
    if (lane + kBlocks / 2 * kStep <= end) {
      visit(std::integral_constant<int, kBlocks / 2>(), all, lane);
      lane += kBlocks / 2 * kStep;
    }
  }
  for (; lane + kStep <= end; lane += kStep) {
    visit(std::integral_constant<int, 1>(), all, lane);
  }
  if (lane == end) return;
  if (end - begin >= kStep) {
    visit(std::integral_constant<int, 1>(), AllLanes(), end - kStep);
  } else {
    visit(std::integral_constant<int, 1>(), FirstLanes{static_cast<size_t>(end - lane)},
          lane);
  }
}

template <class R>
constexpr bool kPresumes = !std::is_void_v<typename R::Careful>;

template <class Visit>
HWY_INLINE void ForRows(const Box& box, const Visit& visit) {
  for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) {
    for (int64_t h = box.axes[1].begin; h < box.axes[1].end; ++h) visit(d, h);
  }
}

// Calls visit(from, length) for the lanes of a box, in the longest pieces that are
// neighbours in memory: in this order memory likes best to be read.
template <class Visit>
HWY_INLINE void ForPieces(const TileView& view, const Strides& side, const Box& box,
                          const Visit& visit) {
  const int64_t lanes = view.lane_end - view.lane_begin;
  const Range columns = box.axes[2];
  const bool is_whole = side.stride[2] == lanes;
  const int64_t runs = is_whole ? 1 : columns.end - columns.begin;
  const int64_t length = is_whole ? (columns.end - columns.begin) * lanes : lanes;
  ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
    const int64_t from = side.At(d, h, columns.begin) + view.lane_begin;
    for (int64_t i = 0; i < runs; ++i) visit(from + i * side.stride[2], length);
  });
}

HWY_INLINE Box InputsOf(const Plan& plan, const Box& outputs) {
  Box in;
  for (int i = 0; i < kMaxRank; ++i) {
    in.axes[i] = plan.axes[i].InputsOf(outputs.axes[i]);
  }
  return in;
}

// Whether what the reducer presumes holds for the input of the outputs `box`. To look
// brings the input into the cache.
template <class R>
HWY_INLINE bool Holds(const Plan& plan, const R& reducer, const TileView& view,
                      const Box& box) {
  bool holds = true;
  ForPieces(view, view.in, InputsOf(plan, box),
            [&](int64_t from, int64_t length)
                HWY_ATTR { holds &= reducer.Holds(from, length); });
  return holds;
}

// Reads a box to bring it into the cache.
template <class R>
HWY_INLINE void Touch(const R& reducer, const TileView& view, const Strides& side,
                      const Box& box) {
  ForPieces(view, side, box, [&](int64_t from, int64_t length) HWY_ATTR {
    reducer.Touch(from, length);
  });
}

// Tells memory that the lanes at `near` will be needed soon.
template <class R>
HWY_INLINE void FetchLanes(const R& reducer, const TileView& view, int64_t near) {
  for (int64_t lane = view.lane_begin; lane < view.lane_end;
       lane += static_cast<int64_t>(R::kLanes)) {
    reducer.Fetch(near + lane);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
