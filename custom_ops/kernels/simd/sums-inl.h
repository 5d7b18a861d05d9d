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
  using Lane = hn::TFromD<D>;
  static constexpr size_t kBytes = hn::MaxLanes(D()) * sizeof(Lane);
  V sum;

  static HWY_INLINE LaneSum Of(V v) { return {v}; }
  HWY_INLINE void Add(const LaneSum& other) { sum = hn::Add(sum, other.sum); }
  HWY_INLINE void Scale(Lane factor) { sum = hn::Mul(sum, hn::Set(D(), factor)); }
  HWY_INLINE V Rounded() const { return sum; }

  HWY_INLINE void Save(char* to) const {
    hn::Store(sum, D(), reinterpret_cast<Lane*>(to));
  }
  static HWY_INLINE LaneSum Saved(const char* from) {
    return {hn::Load(D(), reinterpret_cast<const Lane*>(from))};
  }
};

// In float64, of float32 lanes D.
template <class D>
struct DoubleSum {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  using Wide = hn::Repartition<double, D>;
  using Half = LaneSum<Wide>;
  static constexpr size_t kBytes = 2 * Half::kBytes;
  Half lower;
  Half upper;

  static HWY_INLINE DoubleSum Of(V v) {
    return {{hn::PromoteLowerTo(Wide(), v)}, {hn::PromoteUpperTo(Wide(), v)}};
  }
  HWY_INLINE void Add(const DoubleSum& other) {
    lower.Add(other.lower);
    upper.Add(other.upper);
  }
  HWY_INLINE void Scale(Lane factor) {
    lower.Scale(static_cast<double>(factor));
    upper.Scale(static_cast<double>(factor));
  }
  HWY_INLINE V Rounded() const {
    const hn::Half<D> half;
    return hn::Combine(D(), hn::DemoteTo(half, upper.sum),
                       hn::DemoteTo(half, lower.sum));
  }

  HWY_INLINE void Save(char* to) const {
    lower.Save(to);
    upper.Save(to + Half::kBytes);
  }
  static HWY_INLINE DoubleSum Saved(const char* from) {
    return {Half::Saved(from), Half::Saved(from + Half::kBytes)};
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
