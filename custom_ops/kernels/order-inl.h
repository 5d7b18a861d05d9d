// How elements are compared. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_ORDER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_ORDER_INL_H_
#undef KERAS_POOLING_KERNELS_ORDER_INL_H_
#else
#define KERAS_POOLING_KERNELS_ORDER_INL_H_
#endif

#include <limits>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The order of elements: NaN above all, −0 equal to +0, and of equals the first wins.
// Of integers it is the plain one.
template <class T, class D>
struct Order {
  using V = hn::Vec<D>;
  static constexpr bool kPresumes = false;

  // The best element so far, ready to be compared.
  struct Best {
    V value;
  };

  static HWY_INLINE Best Lowest() {
    if constexpr (std::is_floating_point_v<T>) {
      return {hn::Set(D(), -std::numeric_limits<T>::infinity())};
    } else {
      return {hn::Set(D(), hn::TFromD<D>{std::numeric_limits<T>::lowest()})};
    }
  }

  static HWY_INLINE Best Of(V x) { return {x}; }

  // Puts the lanes of x that beat the best in its place; returns which did.
  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const auto beats = Beats(x, best.value);
    if constexpr (std::is_floating_point_v<T>) {
      best.value = hn::IfThenElse(beats, x, best.value);
    } else {
      best.value = hn::Max(x, best.value);
    }
    return beats;
  }

 private:
  static HWY_INLINE hn::Mask<D> Beats(V x, V best) {
    if constexpr (std::is_floating_point_v<T>) {
      // "Not ≤" holds for a NaN x as well; a NaN that came first stays.
      return hn::AndNot(hn::Le(x, best), hn::Eq(best, best));
    } else {
      return hn::Gt(x, best);
    }
  }
};

// The same of elements none of which is a NaN.
template <class T, class D>
struct NumberOrder {
  using V = hn::Vec<D>;
  using Best = typename Order<T, D>::Best;
  static constexpr bool kPresumes = true;

  static HWY_INLINE Best Lowest() { return Order<T, D>::Lowest(); }
  static HWY_INLINE Best Of(V x) { return {x}; }

  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const auto beats = hn::Gt(x, best.value);
#if HWY_ARCH_X86
    best.value = hn::Max(x, best.value);  // x > best ? x : best, also of zeros
#else
    best.value = hn::IfThenElse(beats, x, best.value);
#endif
    return beats;
  }

  // Whether none of `count` elements is a NaN.
  static HWY_INLINE bool Holds(const T* from, int64_t count) {
    const D d;
    constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(D()));
    auto are_numbers = hn::Eq(hn::Zero(d), hn::Zero(d));
    auto more = are_numbers;
    int64_t i = 0;
    for (; i + 2 * kStep <= count; i += 2 * kStep) {
      const V a = hn::LoadU(d, from + i);
      const V b = hn::LoadU(d, from + i + kStep);
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
      more = hn::And(more, hn::Eq(b, b));
    }
    for (; i < count; i += kStep) {
      const V a =
          hn::LoadN(d, from + i, static_cast<size_t>(HWY_MIN(count - i, kStep)));
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
    }
    return hn::AllTrue(d, hn::And(are_numbers, more));
  }
};

// Lanes of halves hold bits: what is compared is a key made of them, more easily where
// all are numbers.
template <class T, class D, bool kNumbers>
struct HalfOrder {
  static constexpr bool kPresumes = kNumbers;
  using V = hn::Vec<D>;
  using DI = hn::RebindToSigned<D>;
  using K = hn::Vec<DI>;
  using Bits = hn::TFromD<D>;

  struct Best {
    V value;
    K key;
  };

  static HWY_INLINE Best Lowest() {
    return Of(hn::Set(D(), Bits{0x8000 | kHalfInfinity<T>}));
  }

  static HWY_INLINE Best Of(V x) { return {x, Key(x)}; }

  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const K key = Key(x);
    const auto beats = hn::Gt(key, best.key);
    const auto mask = hn::RebindMask(D(), beats);
    best.value = hn::IfThenElse(mask, x, best.value);
    best.key = hn::Max(key, best.key);
    return mask;
  }

  // Whether none of `count` elements is a NaN.
  static HWY_INLINE bool Holds(const T* elements, int64_t count) {
    const hn::ScalableTag<uint16_t> d;
    constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(decltype(d)()));
    const auto from = reinterpret_cast<const uint16_t*>(elements);
    const auto magnitude = hn::Set(d, uint16_t{0x7fff});
    auto greatest = hn::Zero(d);
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) {
      greatest = hn::Max(greatest, hn::And(hn::LoadU(d, from + i), magnitude));
    }
    const auto rest = hn::LoadN(d, from + i, static_cast<size_t>(count - i));
    greatest = hn::Max(greatest, hn::And(rest, magnitude));
    return hn::AllTrue(d, hn::Le(greatest, hn::Set(d, kHalfInfinity<T>)));
  }

 private:
  static HWY_INLINE K Key(V bits) {
    const DI di;
    const V magnitude = hn::And(bits, hn::Set(D(), Bits{0x7fff}));
    const auto is_negative = hn::RebindMask(di, hn::Ne(magnitude, bits));
    const K key = hn::BitCast(di, magnitude);
    const K number = hn::IfThenElse(is_negative, hn::Neg(key), key);
    if constexpr (kNumbers) return number;
    const K infinity = hn::BitCast(di, hn::Set(D(), Bits{kHalfInfinity<T>}));
    const K nan = hn::BitCast(di, hn::Set(D(), Bits{0x7fff}));
    return hn::IfThenElse(hn::Gt(key, infinity), nan, number);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
