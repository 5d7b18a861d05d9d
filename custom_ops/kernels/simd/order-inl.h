// How elements are compared: NaN above all, −0 equal to +0, and of equals the first
// wins. Included once per instruction set.
//
// An order has Best, the best element so far, ready to be compared, and
//   Best Lowest(), Of(x)               what every element beats; of one element
//   V Value(best)                      the element
//   Mask Replace(other, &best)         puts `other`, which comes later, in the lanes
//                                      where it beats `best`; returns which those are
//   V Packed(best), Best Unpacked(v)   as one vector, for scratch memory
// A fast order assumes something of the elements. Whether that holds is found out
// beforehand, or in passing:
//   bool AssumptionHolds(from, count)               of neighbours in memory
//   Look(a, b, &doubts), bool Holds(best, doubts)   of two vectors at a time, and of
//                                                   each best in the end
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

// Of an order that assumes nothing.
struct NoAssumption {
  static constexpr bool kAssumes = false;
  static constexpr bool kLooksFirst = false;
  static constexpr bool kIsRare = false;  // needed: less code, rather than fast
  struct Doubts {};
  static HWY_INLINE Doubts NoDoubts() { return {}; }
};

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

// Integers. Equals have the same bits, so that a maximum takes the first as well as the
// second; "greater" is false for them, which keeps the first one's tap.
template <class T, class D>
struct IntegerOrder : PlainBest<T, D>, NoAssumption {
  using Best = typename PlainBest<T, D>::Best;

  explicit IntegerOrder(ElementType) {}

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.value, best.value);
    best.value = hn::Max(other.value, best.value);
    return beats;
  }
};

// Bytes, signed or not: with its highest bit the other way round, an unsigned one is in
// the order of signed ones. (In wider lanes bits are copies of the highest.)
template <class D>
struct ByteOrder : IntegerOrder<int8_t, D> {
  using V = hn::Vec<D>;
  using Best = typename PlainBest<int8_t, D>::Best;

  explicit ByteOrder(ElementType type)
      : IntegerOrder<int8_t, D>(type),
        flip_(hn::Set(D(), hn::TFromD<D>{type == ElementType::kUint8 ? int8_t{-128}
                                                                     : int8_t{}})) {}

  HWY_INLINE Best Of(V x) const { return {hn::Xor(x, flip_)}; }
  HWY_INLINE V Value(const Best& best) const { return hn::Xor(best.value, flip_); }

 private:
  V flip_;
};

// Floating-point numbers, and NaNs. "Not ≤" holds for a NaN that comes later, and not
// for equals, zeros of either sign among them: the first stays. A NaN that came first
// is not equal to itself, and stays.
template <class T, class D>
struct CarefulOrder : PlainBest<T, D>, NoAssumption {
  using Best = typename PlainBest<T, D>::Best;
  static constexpr bool kIsRare = true;

  explicit CarefulOrder(ElementType) {}

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats =
        hn::AndNot(hn::Le(other.value, best.value), hn::Eq(best.value, best.value));
    best.value = hn::IfThenElse(beats, other.value, best.value);
    return beats;
  }
};

// Floating-point numbers of which none is a NaN. Equals have the same bits, unless they
// are zeros of both signs: of these x86's maximum gives its second operand, so that is
// where the earlier one belongs.
template <class T, class D>
struct NumberOrder : PlainBest<T, D> {
  using V = hn::Vec<D>;
  using Best = typename PlainBest<T, D>::Best;
  static constexpr bool kAssumes = true;
  static constexpr bool kLooksFirst = false;
  static constexpr bool kIsRare = false;

  explicit NumberOrder(ElementType) {}

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.value, best.value);
#if HWY_ARCH_X86
    best.value = hn::Max(other.value, best.value);
#else
    best.value = hn::IfThenElse(beats, other.value, best.value);
#endif
    return beats;
  }

  static HWY_INLINE bool AssumptionHolds(const T* from, int64_t count) {
    const D d;
    constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(D()));
    auto are_numbers = hn::Eq(hn::Zero(d), hn::Zero(d));
    auto more = are_numbers;
    int64_t i = 0;
    for (; i + 2 * kVector <= count; i += 2 * kVector) {
      const V a = hn::LoadU(d, from + i);
      const V b = hn::LoadU(d, from + i + kVector);
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
      more = hn::And(more, hn::Eq(b, b));
    }
    for (; i < count; i += kVector) {
      const V a =
          hn::LoadN(d, from + i, static_cast<size_t>(HWY_MIN(count - i, kVector)));
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
    }
    return hn::AllTrue(d, hn::And(are_numbers, more));
  }

  // One comparison for two vectors: a number of one with a NaN of the other, or of a
  // NaN, is neither.
  struct Doubts {
    hn::Mask<D> is_nan;
  };
  static HWY_INLINE Doubts NoDoubts() { return {hn::MaskFalse(D())}; }
  static HWY_INLINE void Look(V a, V b, Doubts& doubts) {
    doubts.is_nan = hn::Or(doubts.is_nan, hn::IsEitherNaN(a, b));
  }
  static HWY_INLINE bool Holds(const Best&, const Doubts& doubts) {
    return hn::AllFalse(D(), doubts.is_nan);
  }
};

// Half-precision numbers of either type, which differ in the bits of infinity. Lanes
// hold their bits.
template <class D>
struct HalfBits {
  using V = hn::Vec<D>;
  using DI = hn::RebindToSigned<D>;
  using K = hn::Vec<DI>;
  using Bits = hn::TFromD<D>;

  explicit HalfBits(ElementType type)
      : infinity(type == ElementType::kFloat16 ? kHalfInfinity<Float16>
                                               : kHalfInfinity<BFloat16>) {}

  HWY_INLINE V LowestBits() const {
    return hn::Set(D(), static_cast<Bits>(0x8000 | infinity));
  }

  // Whether none is a NaN or −0.
  template <class T>
  HWY_INLINE bool AssumptionHolds(const T* elements, int64_t count) const {
    const hn::ScalableTag<uint16_t> d;
    constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(decltype(d)()));
    const auto from = reinterpret_cast<const uint16_t*>(elements);
    const auto sign = hn::Set(d, uint16_t{0x8000});
    auto greatest = hn::Zero(d);  // magnitude
    auto least = sign;            // of what is 0 for −0
    const auto look = [&](auto bits) HWY_ATTR {
      greatest = hn::Max(greatest, hn::AndNot(sign, bits));
      least = hn::Min(least, hn::Xor(sign, bits));
    };
    int64_t i = 0;
    for (; i + kVector <= count; i += kVector) look(hn::LoadU(d, from + i));
    look(hn::LoadN(d, from + i, static_cast<size_t>(count - i)));
    return hn::AllTrue(d, hn::Le(greatest, hn::Set(d, this->infinity))) &&
           hn::AllFalse(d, hn::Eq(least, hn::Zero(d)));
  }

  const uint16_t infinity;  // greater ones are NaNs
};

// What is compared is a key made of the bits. That of −0 is that of 0, and all NaNs
// have the greatest: "greater" is false for equals and for a NaN after another, and the
// first stays.
template <class D>
struct CarefulHalfOrder : HalfBits<D>, NoAssumption {
  using typename HalfBits<D>::V;
  using typename HalfBits<D>::DI;
  using typename HalfBits<D>::K;
  using typename HalfBits<D>::Bits;

  struct Best {
    V value;
    K key;
  };

  using HalfBits<D>::HalfBits;
  HWY_INLINE Best Lowest() const { return Of(this->LowestBits()); }
  HWY_INLINE Best Of(V x) const { return {x, KeyOf(x)}; }
  static HWY_INLINE V Value(const Best& best) { return best.value; }

  static HWY_INLINE hn::Mask<D> Replace(const Best& other, Best& best) {
    const auto beats = hn::Gt(other.key, best.key);
    const auto mask = hn::RebindMask(D(), beats);
    best.value = hn::IfThenElse(mask, other.value, best.value);
    best.key = hn::Max(other.key, best.key);
    return mask;
  }

 private:
  HWY_INLINE K KeyOf(V bits) const {
    const DI di;
    const V magnitude = hn::And(bits, hn::Set(D(), Bits{0x7fff}));
    const auto is_negative = hn::RebindMask(di, hn::Ne(magnitude, bits));
    const K key = hn::BitCast(di, magnitude);
    const K number = hn::IfThenElse(is_negative, hn::Neg(key), key);
    const K infinity = hn::BitCast(di, hn::Set(D(), Bits{this->infinity}));
    const K nan = hn::BitCast(di, hn::Set(D(), Bits{0x7fff}));
    return hn::IfThenElse(hn::Gt(key, infinity), nan, number);
  }
};

// Halves of which none is a NaN or −0. Their keys hold all there is, so equals have the
// same bits, as with integers.
template <class D>
struct PlainHalfOrder : HalfBits<D>, NoAssumption {
  static constexpr bool kAssumes = true;
  static constexpr bool kLooksFirst = true;
  using typename HalfBits<D>::V;
  using typename HalfBits<D>::DI;
  using typename HalfBits<D>::K;
  using typename HalfBits<D>::Bits;

  struct Best {
    K key;
  };

  using HalfBits<D>::HalfBits;
  HWY_INLINE Best Lowest() const { return Of(this->LowestBits()); }

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

 private:
  // Negative numbers the other way round; and back.
  static HWY_INLINE K Flipped(K v) {
    const DI di;
    return hn::Xor(v, hn::And(hn::BroadcastSignBit(v), hn::Set(di, 0x7fff)));
  }
};

// Halves of which none is a NaN, and no −0 meets a greatest 0, where nobody asks which
// tap it was. As integers, numbers without a sign are in order, and those with one the
// other way round: the maximum has the greatest bits if these have no sign, else the
// least. Two steps a tap, and a third to look, in place of three and a pass over the
// input.
template <class D>
struct TaplessHalfOrder : HalfBits<D> {
  static constexpr bool kAssumes = true;
  static constexpr bool kLooksFirst = false;
  static constexpr bool kIsRare = false;
  using typename HalfBits<D>::V;
  using typename HalfBits<D>::DI;
  using typename HalfBits<D>::K;
  using typename HalfBits<D>::Bits;

  struct Best {
    K greatest;
    K least;
  };

  using HalfBits<D>::HalfBits;
  HWY_INLINE Best Lowest() const { return Of(this->LowestBits()); }
  static HWY_INLINE Best Of(V x) {
    return {hn::BitCast(DI(), x), hn::BitCast(DI(), x)};
  }
  static HWY_INLINE V Value(const Best& best) {
    return hn::BitCast(
        D(), hn::IfNegativeThenElse(best.greatest, best.least, best.greatest));
  }
  static HWY_INLINE V Packed(const Best& best) { return Value(best); }
  static HWY_INLINE Best Unpacked(V v) { return Of(v); }

  static HWY_INLINE void Replace(const Best& other, Best& best) {
    best.greatest = hn::Max(other.greatest, best.greatest);
    best.least = hn::Min(other.least, best.least);
  }

  // NaNs without a sign are seen as the greatest; for those with one, which lie above
  // all others as unsigned integers, taps are looked at.
  struct Doubts {
    V greatest;
  };
  static HWY_INLINE Doubts NoDoubts() { return {hn::Zero(D())}; }
  static HWY_INLINE void Look(V a, V b, Doubts& doubts) {
    doubts.greatest = hn::Max(doubts.greatest, hn::Max(a, b));
  }
  HWY_INLINE bool Holds(const Best& best, const Doubts& doubts) const {
    const D d;
    const DI di;
    const auto infinity = hn::BitCast(di, hn::Set(d, Bits{this->infinity}));
    const auto is_nan = hn::Or(hn::RebindMask(d, hn::Gt(best.greatest, infinity)),
                               hn::Gt(doubts.greatest, this->LowestBits()));
    const auto meets_zero = hn::RebindMask(
        d, hn::And(hn::Eq(best.greatest, hn::Zero(di)),
                   hn::Eq(best.least, hn::BitCast(di, hn::Set(d, Bits{0x8000})))));
    return hn::AllFalse(d, hn::Or(is_nan, meets_zero));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
