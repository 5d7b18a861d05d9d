// Powers of 2 and logarithms, of vectors: additions, multiplications, a division and
// integers alone, none of them fused, so that every target gives the same bits.
// Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_SIMD_POWER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_POWER_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_POWER_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_POWER_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of lanes of float or double. Results are within a few roundings of exact; what is
// less than half the least normal number becomes 0, and a NaN stays one.
template <class D>
class Powers {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  using DI = hn::RebindToSigned<D>;
  using Bits = hn::TFromD<DI>;
  static constexpr bool kIsFloat = sizeof(Lane) == 4;
  static constexpr int kFraction = kIsFloat ? 23 : 52;  // bits of a lane
  static constexpr int kBias = kIsFloat ? 127 : 1023;

 public:
  static constexpr double kLog2OfE = 1.4426950408889634;
  static constexpr double kLogOf2 = 0.6931471805599453;

  // The number whole + part. The parts of an exponent are no larger than ½.
  struct Split {
    V whole;
    V part;
  };

  static HWY_INLINE Split SplitOf(V x) {
    const V whole = hn::Round(x);
    return {whole, hn::Sub(x, whole)};
  }

  // log2 of x, which is normal and above 0, or infinite: that counts as 2^128 or
  // 2^1024.
  static HWY_INLINE Split Log2(V x) {
    const Split log = NormalLog2(x);
    return {log.whole, hn::IfThenElse(hn::IsNaN(x), x, log.part)};
  }

  // The same of an x that is no NaN.
  static HWY_INLINE Split NormalLog2(V x) {
    const D d;
    const DI di;
    // x = 2^whole · f, where f is as near to 1 as that allows: from √½ to √2.
    constexpr auto kRootOfHalf =
        static_cast<Bits>(kIsFloat ? 0x3f3504f3 : 0x3fe6a09e667f3bcd);
    const auto bits = hn::BitCast(di, x);
    const auto whole =
        hn::ShiftRight<kFraction>(hn::Sub(bits, hn::Set(di, kRootOfHalf)));
    const V f = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<kFraction>(whole)));
    // ln f = 2 · (s + s³/3 + s⁵/5 + …)
    constexpr double kCoefficients[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,
                                        1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
                                        1.0 / 17, 1.0 / 19, 1.0 / 21};
    const V one = hn::Set(d, Lane{1});
    const V s = hn::Div(hn::Sub(f, one), hn::Add(f, one));
    const V sum = Series<kIsFloat ? 5 : 11>(kCoefficients, hn::Mul(s, s));
    const V part =
        hn::Mul(hn::Mul(s, hn::Set(d, static_cast<Lane>(2 * kLog2OfE))), sum);
    return {hn::ConvertTo(d, whole), part};
  }

  static HWY_INLINE Split Difference(Split a, Split b) {
    return {hn::Sub(a.whole, b.whole), hn::Sub(a.part, b.part)};
  }

  // A logarithm times a factor, as an exponent. However large its whole part is, only
  // the product with its other part is rounded.
  static HWY_INLINE Split Times(Split logarithm, V factor) {
    const D d;
    const DI di;
    constexpr Bits kHalf =
        -(Bits{1} << (kIsFloat ? 12 : 27));  // drops half of the bits
    const V high = hn::BitCast(d, hn::And(hn::BitCast(di, factor), hn::Set(di, kHalf)));
    const Split exact = SplitOf(hn::Mul(high, logarithm.whole));
    const V low = hn::Mul(hn::Sub(factor, high), logarithm.whole);
    const V rest = hn::Add(hn::Add(exact.part, low), hn::Mul(factor, logarithm.part));
    const Split more = SplitOf(rest);
    return {hn::Add(exact.whole, more.whole), more.part};
  }

  // 2^whole · (1 + part): what 2^exponent is made of.
  struct Scaled {
    V scale;
    V part;

    HWY_INLINE V Value() const {
      return hn::Mul(scale, hn::Add(hn::Set(D(), Lane{1}), part));
    }
    // Less a number that is 0, or for the sake of values near 1, is 1.
    HWY_INLINE V Less(V bias) const {
      return hn::Add(hn::Mul(scale, part), hn::Sub(scale, bias));
    }
  };

  static HWY_INLINE Scaled PowerOf2(Split exponent) {
    return {WholePowerOf2(exponent.whole), PowerOf2Less1(exponent.part)};
  }

  // 2^exponent, which must be a normal number: in half of the time.
  static HWY_INLINE V NormalPowerOf2(V exponent) {
    const V sum = hn::Add(exponent, Large());
    return NormalPower(sum, hn::Sub(exponent, hn::Sub(sum, Large())));
  }
  static HWY_INLINE V NormalPowerOf2(Split exponent) {
    return NormalPower(hn::Add(exponent.whole, Large()), exponent.part);
  }

 private:
  // The lowest bits of a sum with it are those of the other number, as an integer.
  static constexpr double kLarge = kIsFloat ? 0x1.8p23 : 0x1.8p52;
  static HWY_INLINE V Large() { return hn::Set(D(), static_cast<Lane>(kLarge)); }

  // 2^(sum − Large() + part)
  static HWY_INLINE V NormalPower(V sum, V part) {
    const D d;
    const DI di;
    const V power = hn::Add(hn::Set(d, Lane{1}), PowerOf2Less1(part));
    const auto whole = hn::ShiftLeft<kFraction>(hn::BitCast(di, sum));
    return hn::BitCast(d, hn::Add(hn::BitCast(di, power), whole));
  }

  // 2^part − 1, of a part no larger than ½.
  static HWY_INLINE V PowerOf2Less1(V part) {
    // e^x − 1 = x + x²/2! + x³/3! + …
    constexpr double kCoefficients[] = {1.0,
                                        1.0 / 2,
                                        1.0 / 6,
                                        1.0 / 24,
                                        1.0 / 120,
                                        1.0 / 720,
                                        1.0 / 5040,
                                        1.0 / 40320,
                                        1.0 / 362880,
                                        1.0 / 3628800,
                                        1.0 / 39916800,
                                        1.0 / 479001600,
                                        1.0 / 6227020800};
    const V x = hn::Mul(part, hn::Set(D(), static_cast<Lane>(kLogOf2)));
    return hn::Mul(x, Series<kIsFloat ? 7 : 13>(kCoefficients, x));
  }

  // 0 below the least normal number, infinity above the greatest.
  static HWY_INLINE V WholePowerOf2(V whole) {
    const D d;
    const DI di;
    const V least = hn::Set(d, static_cast<Lane>(-kBias));
    const V most = hn::Set(d, static_cast<Lane>(kBias + 1));
    whole = hn::IfThenElse(hn::Lt(whole, least), least, whole);
    whole = hn::IfThenElse(hn::Lt(most, whole), most, whole);
    const V sum = hn::Add(whole, hn::Set(d, static_cast<Lane>(kLarge + kBias)));
    return hn::BitCast(d, hn::ShiftLeft<kFraction>(hn::BitCast(di, sum)));
  }

  // c[0] + c[1] · x + c[2] · x² + …, kTerms of them.
  template <int kTerms, size_t kMost>
  static HWY_INLINE V Series(const double (&c)[kMost], V x) {
    static_assert(kTerms <= kMost, "a series has no more terms than coefficients");
    V sum = hn::Set(D(), static_cast<Lane>(c[kTerms - 1]));
    _Pragma("GCC unroll 16") for (int i = kTerms - 2; i >= 0; --i) {
      sum = hn::Add(hn::Mul(sum, x), hn::Set(D(), static_cast<Lane>(c[i])));
    }
    return sum;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
