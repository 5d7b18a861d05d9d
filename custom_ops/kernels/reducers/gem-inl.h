// Generalised-mean pooling (Radenović et al., 2018), whose p may be learned: its
// reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#endif

#include <limits>
#include <type_traits>

#include "kernels/reducers/learned-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the three reducers share: taps no smaller than ε.
template <class T>
class GemBase : public Learned<T> {
 protected:
  using typename Learned<T>::D;
  using typename Learned<T>::V;
  using typename Learned<T>::Lane;
  using typename Learned<T>::Math;

  explicit GemBase(const Operands& o)
      : Learned<T>(o),
        // Logarithms are of normal numbers.
        least_(HWY_MAX(static_cast<Lane>(o.parameters.epsilon),
                       std::numeric_limits<Lane>::min())) {}

 public:
  static constexpr bool kAverages = true;

 protected:
  HWY_INLINE V Least() const { return hn::Set(D(), least_); }

  // max(x, ε); a NaN stays one.
  HWY_INLINE V Clamped(V x) const {
    return hn::IfThenElse(hn::Lt(x, Least()), Least(), x);
  }

  // 2^(factor · log) where the exponent is tame; in the other lanes something else.
  struct TamePower {
    V value;
    hn::Mask<D> is_tame;
  };
  static HWY_INLINE TamePower PowerIfTame(typename Math::Split log, V factor) {
    const auto exponent = Math::Times(log, factor);
    const auto is_tame = hn::Le(hn::Abs(exponent.whole), hn::Set(D(), kTame<Lane>));
    return {Math::NormalPowerOf2(exponent), is_tame};
  }

 private:
  Lane least_;
};

// Pass 0 finds the greatest tap m, pass 1 sums r^p of r = x / m, which lie in (0, 1]:
// no power overflows, and no sum vanishes. Where p is small these are all near 1, and
// what they differ by is summed.
//
// In tame windows p is neither small nor huge, and m is finite. What r^p is rounded by
// grows with log2 r, but much less than r^p falls: plain products serve, and powers too
// small to matter may be any. Where only some lanes are tame, these have the same bits.
template <class T, bool kIsTame>
class GemPasses : public GemBase<T> {
  using Base = GemBase<T>;

 protected:
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::Math;
  using typename Base::V;
  using Split = typename Math::Split;
  using DI = hn::RebindToSigned<D>;

  explicit GemPasses(const Operands& o) : Base(o), x_(static_cast<const T*>(o.x)) {}

 public:
  static constexpr int kPasses = 2;
  struct State {
    V p;
    V bias;      // 1 where p is small, else 0
    V greatest;  // m
    Split log;   // log2 m
    hn::Mask<D> is_tame;
    V sum;   // Σ (r^p − bias)
    V logs;  // Σ r^p · log2 r, if it is asked for
    double taps;
  };

  static HWY_INLINE std::array<V*, 2> Sums(State& s) { return {&s.sum, &s.logs}; }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t out, int64_t) const {
    const V zero = hn::Zero(D());
    const V p = this->Parameter(lanes, out);
    const V bias = hn::IfThenElseZero(hn::Lt(p, Base::Number(0.125)), Base::Number(1));
    return {p, bias, zero, {zero, zero}, hn::MaskFalse(D()), zero, zero, 0.0};
  }

  template <class Which>
  HWY_INLINE bool Holds(Which lanes, const State& s, const Reducer::Doubts&) const {
    return Base::AllOf(lanes, IsTame(s));
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    s.log = Math::Log2(s.greatest);
    if constexpr (!kIsTame) s.is_tame = IsTame(s);
  }

 protected:
  template <int kPass, bool kLogs, class Which>
  HWY_INLINE void AddTap(Which lanes, int64_t in, State& s) const {
    const V x = this->Clamped(Lanes::Load(lanes, x_ + in));
    if constexpr (kPass == 0) {
      if constexpr (kIsTame) {
        // Bits are in the order of numbers; those of a NaN are above all others.
        const auto bits = hn::BitCast(DI(), hn::Abs(x));
        s.greatest = hn::BitCast(D(), hn::Max(hn::BitCast(DI(), s.greatest), bits));
      } else {
        // "Not ≤" holds for a NaN as well; what comes after it is summed with it.
        s.greatest = hn::IfThenElse(hn::Le(x, s.greatest), s.greatest, x);
      }
    } else {
      const Split ratio =
          Math::Difference(kIsTame ? Math::NormalLog2(x) : Math::Log2(x), s.log);
      const V log = hn::Add(ratio.whole, ratio.part);
      V power;
      if constexpr (kIsTame) {
        power = TamePowerOf(s, log);
        s.sum = hn::Add(s.sum, power);
      } else {
        const auto scaled = Math::PowerOf2(Math::Times(ratio, s.p));
        power = scaled.Value();
        V less = scaled.Less(s.bias);
        const auto is_tame = hn::AndNot(hn::IsNaN(x), s.is_tame);
        power = hn::IfThenElse(is_tame, TamePowerOf(s, log), power);
        less = hn::IfThenElse(is_tame, power, less);
        s.sum = hn::Add(s.sum, less);
      }
      if constexpr (kLogs) s.logs = hn::Add(s.logs, hn::Mul(power, log));
      s.taps += 1.0;
    }
  }

  // log2 of the mean of r^p.
  template <class Window>
  static HWY_INLINE V LogOfMean(const Window& window, const State& s) {
    const auto share = static_cast<Lane>(window.share);
    const V mean = hn::Mul(s.sum, hn::Set(D(), share));
    if constexpr (kIsTame) {
      const Split log = Math::NormalLog2(mean);
      return hn::Add(log.whole, log.part);
    }
    const V one = Base::Number(1);
    // What the bias has taken is 1 if the divisor is the number of taps.
    const bool is_mean = window.share == 1.0 / s.taps;
    const V rest = Base::Number(is_mean ? 0.0 : s.taps * window.share - 1.0);
    const V change = hn::Add(mean, hn::Mul(s.bias, rest));
    const V sum = hn::Add(s.bias, change);
    const Split log = Math::Log2(sum);
    const V plain = hn::Add(log.whole, log.part);
    // Of a number near 1, which has lost what it was made of.
    const V lost = hn::Sub(sum, one);
    const V mended = hn::IfThenElse(hn::Eq(lost, hn::Zero(D())),
                                    hn::Mul(change, Base::Number(Math::kLog2OfE)),
                                    hn::Mul(plain, hn::Div(change, lost)));
    return hn::IfThenElse(hn::Eq(s.bias, one), mended, plain);
  }

  // m · mean^(1/p)
  static HWY_INLINE V Root(const State& s, V log_of_mean) {
    const Split exponent = Math::SplitOf(hn::Div(log_of_mean, s.p));
    return hn::Mul(s.greatest, kIsTame ? Math::NormalPowerOf2(exponent)
                                       : Math::PowerOf2(exponent).Value());
  }

  static HWY_INLINE hn::Mask<D> IsTame(const State& s) {
    const auto is_plain =
        hn::And(hn::Ge(s.p, Base::Number(0.5)), hn::Le(s.p, Base::Number(1 << 20)));
    return hn::And(is_plain, hn::Lt(s.greatest, hn::Inf(D())));
  }

  // r^p of a log2 r.
  static HWY_INLINE V TamePowerOf(const State& s, V log) {
    const V least = Base::Number(std::numeric_limits<Lane>::min_exponent - 1);
    return Math::NormalPowerOf2(hn::Max(hn::Mul(s.p, log), least));
  }

  const T* x_;
};

// gem: (Σ max(x, ε)^p / divisor)^(1/p).
template <class T, bool kIsTame>
class GemForwardOf : public GemPasses<T, kIsTame> {
  using Base = GemPasses<T, kIsTame>;

 public:
  using Fallback = std::conditional_t<kIsTame, GemForwardOf<T, false>, void>;
  using typename Base::State;
  explicit GemForwardOf(const Operands& o) : Base(o), y_(static_cast<T*>(o.y)) {}

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    this->template AddTap<kPass, false>(lanes, in, s);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    Base::Lanes::Store(lanes, Base::Root(s, Base::LogOfMean(window, s)), y_ + out);
  }

 private:
  T* y_;
};
template <class T>
using GemForward = GemForwardOf<T, true>;

// ∂y/∂p = y · (Σ r^p ln r / Σ r^p − ln(mean of r^p) / p) / p; m cancels.
template <class T, bool kIsTame>
class GemParameterOf : public GemPasses<T, kIsTame> {
  using Base = GemPasses<T, kIsTame>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::V;

 public:
  using Fallback = std::conditional_t<kIsTame, GemParameterOf<T, false>, void>;
  using typename Base::State;
  explicit GemParameterOf(const Operands& o) : Base(o), y_(static_cast<Lane*>(o.y)) {}

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    this->template AddTap<kPass, true>(lanes, in, s);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const V log = Base::LogOfMean(window, s);
    const V sum = hn::Add(s.sum, hn::Mul(s.bias, Base::Number(s.taps)));
    const V slope = hn::Sub(hn::Div(s.logs, sum), hn::Div(log, s.p));
    const V natural = hn::Mul(slope, Base::Number(Base::Math::kLogOf2));
    lanes.Store(hn::Mul(Base::Root(s, log), hn::Div(natural, s.p)), D(), y_ + out);
  }

 private:
  Lane* y_;
};
template <class T>
using GemParameter = GemParameterOf<T, true>;

// What the gradient reads beside y: y^(1 − p), or 0 where that is not tame.
template <class T>
class GemPrepare : public GemBase<T> {
  using Base = GemBase<T>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::Math;

 public:
  static constexpr int kPasses = 1;
  struct State {};

  explicit GemPrepare(const Operands& o)
      : Base(o), y_(static_cast<const T*>(o.y)), norms_(static_cast<Lane*>(o.norms)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which, const Window&, int64_t, int64_t, State&) const {}

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out, const State&) const {
    const auto log = Math::Log2(this->Clamped(Lanes::Load(lanes, y_ + out)));
    const auto norm =
        Base::PowerIfTame(log, hn::Sub(Base::Number(1), this->Parameter(lanes, out)));
    lanes.Store(hn::IfThenElseZero(norm.is_tame, norm.value), D(), norms_ + out);
  }

 private:
  const T* y_;
  Lane* norms_;
};

// Its gradient: Σ dy · (x / y)^(p − 1) / divisor where x ≥ ε, else 0.
template <class T>
class GemBackward : public GemBase<T> {
  using Base = GemBase<T>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::Math;
  using typename Base::V;

 public:
  static constexpr int kPasses = 1;
  struct State {
    V x;
    V exponent;                // p − 1
    typename Math::Split log;  // log2 x
    V power;                   // x^(p − 1)
    hn::Mask<D> is_tame;       // whether that is
    V sum;
  };

  explicit GemBackward(const Operands& o)
      : Base(o),
        x_(static_cast<const T*>(o.x)),
        y_(static_cast<const T*>(o.y)),
        norms_(static_cast<const Lane*>(o.norms)),
        dy_(static_cast<const T*>(o.dy)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in, int64_t) const {
    const V x = Lanes::Load(lanes, x_ + in);
    const V exponent = hn::Sub(this->Parameter(lanes, in), Base::Number(1));
    const auto log = Math::Log2(this->Clamped(x));
    const auto power = Base::PowerIfTame(log, exponent);
    return {x, exponent, log, power.value, power.is_tame, hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = hn::Set(D(), static_cast<Lane>(window.share));
    const V dy = hn::Mul(Lanes::Load(lanes, dy_ + out), share);
    const V norm = lanes.Load(D(), norms_ + out);
    const auto is_tame = hn::And(s.is_tame, hn::Ne(norm, hn::Zero(D())));
    V power = hn::Mul(s.power, norm);
    if (HWY_UNLIKELY(!Base::AllOf(lanes, is_tame))) {
      const V y = this->Clamped(Lanes::Load(lanes, y_ + out));
      const auto ratio = Math::Difference(s.log, Math::Log2(y));
      const V any = Math::PowerOf2(Math::Times(ratio, s.exponent)).Value();
      power = hn::IfThenElse(is_tame, power, any);
    }
    s.sum = hn::Add(s.sum, hn::Mul(dy, power));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    const auto is_below = hn::Lt(s.x, this->Least());
    Lanes::Store(lanes, hn::IfThenZeroElse(is_below, s.sum), dx_ + in);
  }

 private:
  const T* x_;
  const T* y_;
  const Lane* norms_;
  const T* dy_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
