// Sums of vectors: kept in their own lanes, or in lanes that lose nothing of float32.
// Knows nothing of windows or reductions. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_SIMD_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_SUMS_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_SUMS_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_SUMS_INL_H_
#endif

#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// In the lanes of D.
template <class D>
struct LaneSum {
  using V = hn::Vec<D>;
  V sum;

  static HWY_INLINE LaneSum Of(V v) { return {v}; }
  HWY_INLINE void Add(const LaneSum& other) { sum = hn::Add(sum, other.sum); }
  HWY_INLINE V Rounded() const { return sum; }
};

// In float64, of float32 lanes D.
template <class D>
struct DoubleSum {
  using V = hn::Vec<D>;
  using Wide = hn::Repartition<double, D>;
  hn::Vec<Wide> lower;
  hn::Vec<Wide> upper;

  static HWY_INLINE DoubleSum Of(V v) {
    return {hn::PromoteLowerTo(Wide(), v), hn::PromoteUpperTo(Wide(), v)};
  }
  HWY_INLINE void Add(const DoubleSum& other) {
    lower = hn::Add(lower, other.lower);
    upper = hn::Add(upper, other.upper);
  }
  HWY_INLINE V Rounded() const {
    const hn::Half<D> half;
    return hn::Combine(D(), hn::DemoteTo(half, upper), hn::DemoteTo(half, lower));
  }
};

// Nothing is wider than float64, nor needs to be: no memory holds 2⁵³ taps.
template <class D>
using WideSum =
    std::conditional_t<sizeof(hn::TFromD<D>) == 4, DoubleSum<D>, LaneSum<D>>;

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
