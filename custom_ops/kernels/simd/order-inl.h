// How elements are compared. Included once per instruction set.
//
// An order has Best, the best element so far, ready to be compared, and
//   Best Lowest(), Of(x)              what every element beats; of one element
//   V Value(best)                     the element
//   Mask Replace(other, &best)        puts `other` in the lanes where it beats `best`,
//   and
//                                     returns which those are
//   V Packed(best), Best Unpacked(v)  as one vector, for scratch memory
#if defined(KERAS_POOLING_KERNELS_SIMD_ORDER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_ORDER_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_ORDER_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_ORDER_INL_H_
#endif

#include <limits>

#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Elements that are compared as they are.
template <class T, class D>
struct PlainBest {
  using V = hn::Vec<D>;

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
  static HWY_INLINE V Value(const Best& best) { return best.value; }
  static HWY_INLINE V Packed(const Best& best) { return best.value; }
  static HWY_INLINE Best Unpacked(V v) { return {v}; }
};

// The order of elements: NaN above all, −0 equal to +0, and of equals the first wins.
// Of integers it is the plain one.
template <class T, class D>
struct Order : PlainBest<T, D> {
  using V = hn::Vec<D>;
  using Best = typename PlainBest<T, D>::Best;
  static constexpr bool kPresumes = false;

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = Beats(other.value, best.value);
    if constexpr (std::is_floating_point_v<T>) {
      best.value = hn::IfThenElse(beats, other.value, best.value);
    } else {
      best.value = hn::Max(other.value, best.value);
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
struct NumberOrder : PlainBest<T, D> {
  using V = hn::Vec<D>;
  using Best = typename PlainBest<T, D>::Best;
  static constexpr bool kPresumes = true;

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.value, best.value);
#if HWY_ARCH_X86
    best.value = hn::Max(other.value, best.value);  // the second, if both are zeros
#else
    best.value = hn::IfThenElse(beats, other.value, best.value);
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

// Lanes of halves hold bits: what is compared is a key made of them.
template <class T, class D>
struct HalfOrder {
  static constexpr bool kPresumes = false;
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
  static HWY_INLINE V Value(const Best& best) { return best.value; }
  static HWY_INLINE V Packed(const Best& best) { return best.value; }
  static HWY_INLINE Best Unpacked(V v) { return Of(v); }

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.key, best.key);
    const auto mask = hn::RebindMask(D(), beats);
    best.value = hn::IfThenElse(mask, other.value, best.value);
    best.key = hn::Max(other.key, best.key);
    return mask;
  }

 private:
  static HWY_INLINE K Key(V bits) {
    const DI di;
    const V magnitude = hn::And(bits, hn::Set(D(), Bits{0x7fff}));
    const auto is_negative = hn::RebindMask(di, hn::Ne(magnitude, bits));
    const K key = hn::BitCast(di, magnitude);
    const K number = hn::IfThenElse(is_negative, hn::Neg(key), key);
    const K infinity = hn::BitCast(di, hn::Set(D(), Bits{kHalfInfinity<T>}));
    const K nan = hn::BitCast(di, hn::Set(D(), Bits{0x7fff}));
    return hn::IfThenElse(hn::Gt(key, infinity), nan, number);
  }
};

// The same of halves none of which is a NaN or −0: then the key holds all there is.
template <class T, class D>
struct PlainHalfOrder {
  static constexpr bool kPresumes = true;
  using V = hn::Vec<D>;
  using DI = hn::RebindToSigned<D>;
  using Bits = hn::TFromD<D>;

  struct Best {
    hn::Vec<DI> key;
  };

  static HWY_INLINE Best Lowest() {
    return Of(hn::Set(D(), Bits{0x8000 | kHalfInfinity<T>}));
  }

  static HWY_INLINE Best Of(V x) {
    const DI di;
    const auto bits = hn::BitCast(di, x);
    if constexpr (sizeof(Bits) == 2) return {Flipped(bits)};
    return {Flipped(hn::ShiftRight<16>(hn::ShiftLeft<16>(bits)))};
  }

  static HWY_INLINE V Value(const Best& best) {
    const V bits = hn::BitCast(D(), Flipped(best.key));
    if constexpr (sizeof(Bits) == 2) return bits;
    return hn::And(bits, hn::Set(D(), Bits{0xffff}));
  }

  static HWY_INLINE V Packed(const Best& best) { return hn::BitCast(D(), best.key); }
  static HWY_INLINE Best Unpacked(V v) { return {hn::BitCast(DI(), v)}; }

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.key, best.key);
    best.key = hn::Max(other.key, best.key);
    return hn::RebindMask(D(), beats);
  }

  static HWY_INLINE bool Holds(const T* elements, int64_t count) {
    const hn::ScalableTag<uint16_t> d;
    constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(decltype(d)()));
    const auto from = reinterpret_cast<const uint16_t*>(elements);
    const auto sign = hn::Set(d, uint16_t{0x8000});
    auto greatest = hn::Zero(d);  // magnitude
    auto least = sign;            // of what is 0 for −0
    const auto look = [&](auto bits) HWY_ATTR {
      greatest = hn::Max(greatest, hn::AndNot(sign, bits));
      least = hn::Min(least, hn::Xor(sign, bits));
    };
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) look(hn::LoadU(d, from + i));
    look(hn::LoadN(d, from + i, static_cast<size_t>(count - i)));
    return hn::AllTrue(d, hn::Le(greatest, hn::Set(d, kHalfInfinity<T>))) &&
           hn::AllFalse(d, hn::Eq(least, hn::Zero(d)));
  }

 private:
  // Negative numbers the other way round; and back.
  static HWY_INLINE hn::Vec<DI> Flipped(hn::Vec<DI> v) {
    const DI di;
    return hn::Xor(v, hn::And(hn::BroadcastSignBit(v), hn::Set(di, 0x7fff)));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
