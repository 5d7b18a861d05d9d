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
#include "kernels/walks/windows.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Several vectors live in registers only if their loops are unrolled.
#undef KP_UNROLL
#define KP_UNROLL _Pragma("GCC unroll 4")

// A lambda in whose place its body stands, so that constants stay in registers.
#undef KP_INLINE
#define KP_INLINE HWY_ATTR __attribute__((always_inline))

// Makes the compiler hold a sum as one number: it would keep its parts, for which there
// are too few registers, and add them for every tap.
HWY_INLINE int64_t InOneRegister(int64_t number) {
  asm("" : "+r"(number));
  return number;
}

// What a reducer may ask of the window at hand.
struct Window {
  int64_t first_tap;
  double share;        // what an average gives each tap; see TapShare
  int64_t index_step;  // from a lane's number in the whole tensor to the next lane's
};

// Calls visit(vectors, lanes, lane) so that every lane of [begin, end) is visited:
// kVectors at a time while there are enough, then one by one; the last, if it is short,
// steps back over lanes that are done. Where there are fewer than a vector, they are
// masked. Vectors that never come together have one code for all of this.
template <size_t kLanes, int kVectors, class Visit>
HWY_INLINE void ForLanes(int64_t begin, int64_t end, AllLanes all, const Visit& visit) {
  constexpr int64_t kVector = static_cast<int64_t>(kLanes);
  constexpr std::integral_constant<int, 1> kOne;
  int64_t lane = begin;
  if constexpr (kVectors == 1) {
    const int64_t count = HWY_MIN(end - begin, kVector);
    for (; lane < end; lane += kVector) {
      if (HWY_UNLIKELY(lane + count > end)) lane = end - count;
      visit(kOne, AnyLanes{static_cast<size_t>(count), all.streams}, lane);
    }
  } else {
    for (; lane + kVectors * kVector <= end; lane += kVectors * kVector) {
      visit(std::integral_constant<int, kVectors>(), all, lane);
    }
    if (lane == end) return;
    if (end - begin < kVector) {
      return visit(kOne, FirstLanes{static_cast<size_t>(end - lane)}, lane);
    }
    for (; lane < end; lane += kVector) {
      if (HWY_UNLIKELY(lane + kVector > end)) lane = end - kVector;
      visit(kOne, all, lane);
    }
  }
}

template <class R>
constexpr bool kHasFallback = !std::is_void_v<typename R::Fallback>;

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

// Whether what the reducer assumes holds for the input of the outputs `box`. To look
// brings the input into the cache.
template <class R>
HWY_INLINE bool AssumptionHolds(const Plan& plan, const R& reducer,
                                const TileView& view, const Box& box) {
  bool holds = true;
  ForPieces(view, view.in, InputsOf(plan, box),
            [&](int64_t from, int64_t length)
                HWY_ATTR { holds &= reducer.AssumptionHolds(from, length); });
  return holds;
}

// Reads a box to bring it into the cache, if that pays.
template <class R>
HWY_INLINE void Touch(const R& reducer, const TileView& view, const Strides& side,
                      const Box& box) {
  if (!view.reads_first) return;
  ForPieces(view, side, box, [&](int64_t from, int64_t length) HWY_ATTR {
    reducer.Touch(from, length);
  });
}

// Tells memory that the lanes at `from` will be needed soon.
template <class R>
HWY_INLINE void FetchLanes(const R& reducer, const TileView& view, int64_t from) {
  for (int64_t lane = view.lane_begin; lane < view.lane_end;
       lane += static_cast<int64_t>(R::kLanes)) {
    reducer.Fetch(from + lane);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
