// Soft pooling (Stergiou et al., 2021), whose β may be learned: its reducers. Included
// once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_SOFT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_SOFT_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_SOFT_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_SOFT_INL_H_
#endif

#include <limits>
#include <type_traits>

#include "kernels/reducers/learned-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 2^exponent, of exponents that are not above 0, or hardly; tame ones take half of the
// time, and give the same bits.
template <bool kIsTame, class D, class V = hn::Vec<D>>
HWY_INLINE V Weight(V exponent) {
  using Math = Powers<D>;
  if constexpr (kIsTame) {
    return Math::NormalPowerOf2(exponent);
  } else {
    // Below, weights are 0 in any case, and −∞ has no parts.
    const V least = hn::Set(D(), static_cast<hn::TFromD<D>>(-2000));
    exponent = hn::IfThenElse(hn::Lt(exponent, least), least, exponent);
    return Math::PowerOf2(Math::SplitOf(exponent)).Value();
  }
}

// Pass 0 finds the top m, the greatest tap, or for a β below 0 the least: then all is
// turned over. Pass 1 sums the weights w = e^(β · (x − m)), which lie in [0, 1], and
// w · (x − m). Gaps are exact or nearly so, which sums of w · x would not be.
//
// Infinities, NaNs and large numbers need care, which tame windows do not: those whose
// x and βx are all small. What is left out there would change no bit.
template <class T, bool kIsTame, bool kSquares = false>
class SoftPasses : public Learned<T> {
  using Base = Learned<T>;

 protected:
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::V;
  using DI = hn::RebindToSigned<D>;

  explicit SoftPasses(const Operands& o) : Base(o), x_(static_cast<const T*>(o.x)) {}

 public:
  static constexpr int kPasses = 2;
  struct State {
    V turn;               // the sign of β
    V steep;              // |β| · log2 e, of gaps as they are scaled
    V top;                // m
    hn::Vec<DI> size;     // the bits of the greatest |x|; NaN has more
    V scale;              // if not tame: keeps sums of gaps in range; at first the
                          // greatest finite |x|
    V weights;            // Σ w
    V gaps;               // Σ w · (x − m)
    V squares;            // Σ w · (x − m)², if it is asked for
    hn::Mask<D> is_flat;  // β is 0
  };

  static HWY_INLINE std::array<V*, 3> Sums(State& s) {
    return {&s.weights, &s.gaps, &s.squares};
  }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t out, int64_t) const {
    const D d;
    const V zero = hn::Zero(d);
    const V beta = this->Parameter(lanes, out);
    const V lowest = Base::Number(-std::numeric_limits<Lane>::infinity());
    return {hn::And(beta, hn::SignBit(d)),
            hn::Mul(hn::Abs(beta), Base::Number(Base::Math::kLog2OfE)),
            lowest,
            hn::Zero(DI()),
            zero,
            zero,
            zero,
            zero,
            hn::Eq(beta, zero)};
  }

  template <class Which>
  HWY_INLINE bool Holds(Which, const State& s, const Reducer::Doubts&) const {
    return hn::AllTrue(D(), IsTame(s));
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    if constexpr (!kIsTame) {
      const V large = hn::Set(D(), kLarge);
      const V small = hn::Set(D(), Lane{1} / kLarge);
      const V one = Base::Number(1);
      const auto is_large = hn::Ge(s.scale, large);
      s.scale = hn::IfThenElse(is_large, small, one);
      s.steep = hn::Mul(s.steep, hn::IfThenElse(is_large, large, one));
      s.top = hn::Mul(s.top, s.scale);
    }
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    const V x = hn::Xor(Lanes::Load(lanes, x_ + in), s.turn);
    if constexpr (kPass == 0) {
      s.size = hn::Max(s.size, hn::BitCast(DI(), hn::Abs(x)));
      if constexpr (kIsTame) {
        s.top = hn::Max(s.top, x);
      } else {
        // "Not ≤" holds for a NaN as well; what comes after it is summed with it.
        s.top = hn::IfThenElse(hn::Le(x, s.top), s.top, x);
        s.scale = hn::Max(hn::IfThenZeroElse(hn::IsInf(x), hn::Abs(x)), s.scale);
      }
    } else if constexpr (kIsTame) {
      const V gap = hn::Sub(x, s.top);
      const V weight = Weight<true, D>(hn::Mul(s.steep, gap));
      AddGap(gap, weight, hn::MaskFalse(D()), s);
    } else {
      const V scaled = hn::Mul(x, s.scale);
      const auto is_top = hn::Eq(scaled, s.top);  // where both are infinite, too
      const V gap = hn::IfThenZeroElse(is_top, hn::Sub(scaled, s.top));
      const V exponent =
          hn::IfThenZeroElse(hn::Or(is_top, s.is_flat), hn::Mul(s.steep, gap));
      const V weight = Weight<false, D>(exponent);
      // The gap may be infinite then.
      AddGap(gap, weight, hn::Eq(weight, hn::Zero(D())), s);
    }
  }

 protected:
  static HWY_INLINE hn::Mask<D> IsTame(const State& s) {
    const D d;
    const V greatest = hn::BitCast(d, s.size);
    const auto is_small = hn::Lt(greatest, hn::Set(d, kLarge));
    return hn::And(is_small,
                   hn::Le(hn::Mul(greatest, s.steep), hn::Set(d, kTame<Lane>)));
  }

  static constexpr Lane kLarge = sizeof(Lane) == 4 ? Lane(0x1p64f) : Lane(0x1p512);

  // m + Σ w · (x − m) / Σ w. An infinite top is all there is.
  static HWY_INLINE V Mean(const State& s) {
    V mean = hn::Add(s.top, hn::Div(s.gaps, s.weights));
    if constexpr (!kIsTame) {
      const auto is_top = hn::AndNot(hn::IsNaN(s.gaps), hn::IsInf(s.top));
      mean = hn::Div(hn::IfThenElse(is_top, s.top, mean), s.scale);
    }
    return hn::Xor(mean, s.turn);
  }

 private:
  static HWY_INLINE void AddGap(V gap, V weight, hn::Mask<D> is_lost, State& s) {
    const V share = hn::IfThenZeroElse(is_lost, hn::Mul(weight, gap));
    s.weights = hn::Add(s.weights, weight);
    s.gaps = hn::Add(s.gaps, share);
    if constexpr (kSquares) {
      s.squares = hn::Add(s.squares, hn::IfThenZeroElse(is_lost, hn::Mul(share, gap)));
    }
  }

 protected:
  const T* x_;
};

// soft: Σ e^(βx) · x / Σ e^(βx).
template <class T, bool kIsTame>
class SoftForwardOf : public SoftPasses<T, kIsTame> {
  using Base = SoftPasses<T, kIsTame>;

 public:
  using Fallback = std::conditional_t<kIsTame, SoftForwardOf<T, false>, void>;
  using typename Base::State;
  explicit SoftForwardOf(const Operands& o) : Base(o), y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Base::Lanes::Store(lanes, Base::Mean(s), y_ + out);
  }

 private:
  T* y_;
};
template <class T>
using SoftForward = SoftForwardOf<T, true>;

// ∂y/∂β = Σ w · (x − y)² / Σ w, as the mean of squared gaps less the square of their
// mean. A window of n taps loses n roundings at most: m has a share of 1/n or more, so
// that the difference is no less than an n-th of the squares.
template <class T, bool kIsTame>
class SoftParameterOf : public SoftPasses<T, kIsTame, true> {
  using Base = SoftPasses<T, kIsTame, true>;
  using typename Base::D;
  using typename Base::Lane;

 public:
  using Fallback = std::conditional_t<kIsTame, SoftParameterOf<T, false>, void>;
  using typename Base::State;
  explicit SoftParameterOf(const Operands& o) : Base(o), y_(static_cast<Lane*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    const auto mean = hn::Div(s.gaps, s.weights);
    auto variance = hn::Sub(hn::Div(s.squares, s.weights), hn::Mul(mean, mean));
    variance = hn::IfThenZeroElse(hn::Lt(variance, hn::Zero(D())), variance);
    if constexpr (!kIsTame) variance = hn::Div(hn::Div(variance, s.scale), s.scale);
    lanes.Store(variance, D(), y_ + out);
  }

 private:
  Lane* y_;
};
template <class T>
using SoftParameter = SoftParameterOf<T, true>;

// What the gradient reads: y, half of it so that no gap is too large; and what e^(βx)
// is to be multiplied by to be x's share, 0 where −∞ is all there is. Where the window
// is not tame, what e^(β · (x − y)) is to be multiplied by, with a sign.
template <class T, bool kIsTame>
class SoftPrepareOf : public SoftPasses<T, kIsTame> {
  using Base = SoftPasses<T, kIsTame>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::V;

 public:
  using Fallback = std::conditional_t<kIsTame, SoftPrepareOf<T, false>, void>;
  using typename Base::State;
  explicit SoftPrepareOf(const Operands& o)
      : Base(o), y_(static_cast<Lane*>(o.y)), norms_(static_cast<Lane*>(o.norms)) {}

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    const D d;
    const V y = Base::Mean(s);
    lanes.Store(hn::Mul(y, Base::Number(0.5)), d, y_ + out);
    const V exponent_of_top = hn::Neg(hn::Mul(s.steep, s.top));
    V norm = hn::Div(Weight<true, D>(exponent_of_top), s.weights);
    if constexpr (!kIsTame) {
      // Of y as it has been rounded.
      const V turned = hn::Xor(y, s.turn);
      const V scaled = hn::Mul(turned, s.scale);
      const auto is_top = hn::Or(hn::Eq(scaled, s.top), s.is_flat);
      const V gap = hn::Sub(scaled, s.top);
      const V exponent = hn::IfThenZeroElse(is_top, hn::Mul(s.steep, gap));
      const auto is_lowest = hn::Eq(s.top, hn::Neg(hn::Inf(d)));
      const V of_gaps =
          hn::IfThenZeroElse(is_lowest, hn::Div(Weight<false, D>(exponent), s.weights));
      norm = hn::IfThenElse(Base::IsTame(s), norm, hn::Neg(of_gaps));
    }
    lanes.Store(norm, d, norms_ + out);
  }

 private:
  Lane* y_;
  Lane* norms_;
};
template <class T>
using SoftPrepare = SoftPrepareOf<T, true>;

// Its gradient: Σ dy · w · (1 + β · (x − y)), w the share of x.
template <class T>
class SoftBackward : public Learned<T> {
  using Base = Learned<T>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  static constexpr int kPasses = 1;
  struct State {
    V half;   // x / 2
    V steep;  // 2 · β · log2 e
    V power;  // e^(βx), if that is tame, as it is in tame windows
    hn::Mask<D> is_flat;
    V sum;
  };

  explicit SoftBackward(const Operands& o)
      : Base(o),
        x_(static_cast<const T*>(o.x)),
        y_(static_cast<const Lane*>(o.y)),
        norms_(static_cast<const Lane*>(o.norms)),
        dy_(static_cast<const T*>(o.dy)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in, int64_t) const {
    const V beta = this->Parameter(lanes, in);
    const V zero = hn::Zero(D());
    const V half = hn::Mul(Lanes::Load(lanes, x_ + in), Base::Number(0.5));
    const V steep = hn::Mul(beta, Base::Number(2 * Base::Math::kLog2OfE));
    return {half, steep, Weight<true, D>(hn::Mul(steep, half)), hn::Eq(beta, zero),
            zero};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t out, int64_t,
                      State& s) const {
    const D d;
    const V y = lanes.Load(d, y_ + out);
    const V norm = lanes.Load(d, norms_ + out);
    V exponent = hn::Mul(s.steep, hn::Sub(s.half, y));
    V weight = hn::Mul(s.power, norm);
    const auto is_tame = hn::Gt(norm, hn::Zero(d));
    if (HWY_UNLIKELY(!Base::AllOf(lanes, is_tame))) {
      const auto is_mean = hn::Or(hn::Eq(s.half, y), s.is_flat);
      exponent = hn::IfThenZeroElse(is_mean, exponent);
      const V any = hn::Mul(Weight<false, D>(exponent), hn::Neg(norm));
      weight = hn::IfThenElse(is_tame, weight, any);
    }
    const V pull =
        hn::Add(hn::Mul(exponent, Base::Number(Base::Math::kLogOf2)), Base::Number(1));
    const V term = hn::Mul(Lanes::Load(lanes, dy_ + out), hn::Mul(weight, pull));
    const auto is_lost = hn::Eq(weight, hn::Zero(d));  // its pull may be infinite
    s.sum = hn::Add(s.sum, hn::IfThenZeroElse(is_lost, term));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

 private:
  const T* x_;
  const Lane* y_;
  const Lane* norms_;
  const T* dy_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
