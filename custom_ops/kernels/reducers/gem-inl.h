// Generalised-mean pooling (Radenović et al., 2018), whose p may be learned: its
// reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_GEM_INL_H_
#endif

#include <cmath>

#include "kernels/reducers/operands.h"
#include "kernels/reducers/reducer-inl.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the three reducers share: p of each lane, and taps no smaller than ε.
template <class T>
class GemBase : public Reducer {
 protected:
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;

  explicit GemBase(const Operands& o)
      : p_(static_cast<const T*>(o.parameters.learned)), period_(o.parameters.period) {}

 public:
  static constexpr bool kAverages = true;
  static constexpr int kVectors = 1;  // powers take nearly all of the time
  static constexpr size_t kLanes = hn::MaxLanes(D());

 protected:
  static HWY_INLINE V Least() { return hn::Set(D(), Lane(1e-6)); }

  // max(x, ε); a NaN stays one.
  static HWY_INLINE V Clamped(V x) {
    return hn::IfThenElse(hn::Lt(x, Least()), Least(), x);
  }

  // The p of the lanes at an offset.
  template <class Which>
  HWY_INLINE V Exponents(Which lanes, int64_t offset) const {
    if (period_ > 1) return Lanes::Load(lanes, p_ + offset % period_);
    HWY_ALIGN T one[1] = {*p_};
    return hn::Set(D(), hn::GetLane(Lanes::Load(FirstLanes{1}, one)));
  }

  // fn(a, b) lane by lane, in double, by the C library.
  template <class Fn>
  static HWY_INLINE V ByLane(V a, V b, const Fn& fn) {
    HWY_ALIGN Lane as[kLanes];
    HWY_ALIGN Lane bs[kLanes];
    hn::Store(a, D(), as);
    hn::Store(b, D(), bs);
    for (size_t i = 0; i < kLanes; ++i) {
      as[i] =
          static_cast<Lane>(fn(static_cast<double>(as[i]), static_cast<double>(bs[i])));
    }
    return hn::Load(D(), as);
  }
  static HWY_NOINLINE V Power(V base, V exponent) {
    return ByLane(base, exponent, [](double x, double p) { return std::pow(x, p); });
  }
  static HWY_NOINLINE V Log(V x) {
    return ByLane(x, x, [](double value, double) { return std::log(value); });
  }

  const T* p_;
  int64_t period_;
};

// Pass 0 finds the greatest tap m, pass 1 sums r^p of r = x / m, which lie in (0, 1]:
// no power overflows, and no sum vanishes.
template <class T>
class GemPasses : public GemBase<T> {
  using Base = GemBase<T>;

 protected:
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;

  explicit GemPasses(const Operands& o)
      : Base(o), x_(static_cast<const T*>(o.x)), y_(static_cast<T*>(o.y)) {}

 public:
  static constexpr int kPasses = 2;
  struct State {
    V p;
    V greatest;
    V sum;   // Σ r^p
    V logs;  // Σ r^p · ln r, if it is asked for
  };

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t out, int64_t) const {
    const V zero = hn::Zero(D());
    return {this->Exponents(lanes, out), zero, zero, zero};
  }

  template <int kPass>
  HWY_INLINE void StartPass(State&) const {}

 protected:
  template <int kPass, bool kLogs, class Which>
  HWY_INLINE void AddTap(Which lanes, int64_t in, State& s) const {
    const V x = Base::Clamped(Lanes::Load(lanes, x_ + in));
    if constexpr (kPass == 0) {
      // "Not ≤" holds for a NaN as well, and then nothing is greater.
      s.greatest = hn::IfThenElse(hn::Le(x, s.greatest), s.greatest, x);
    } else {
      const V ratio = hn::Div(x, s.greatest);
      const V power = Base::Power(ratio, s.p);
      s.sum = hn::Add(s.sum, power);
      if constexpr (kLogs) s.logs = hn::Add(s.logs, hn::Mul(power, Base::Log(ratio)));
    }
  }

  // Σ r^p / divisor
  template <class Window>
  static HWY_INLINE V Mean(const Window& window, const State& s) {
    const V share = hn::Set(D(), static_cast<typename Base::Lane>(window.share));
    return hn::Mul(s.sum, share);
  }

  const T* x_;
  T* y_;
};

// ∂y/∂p = y · (Σ r^p ln r / Σ r^p − ln(Σ r^p / divisor) / p) / p; m cancels.
template <class T>
class GemParameter : public GemPasses<T> {
  using Base = GemPasses<T>;
  using typename Base::D;

 public:
  using typename Base::State;
  explicit GemParameter(const Operands& o) : Base(o) {}

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    this->template AddTap<kPass, true>(lanes, in, s);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const auto inverse = hn::Div(hn::Set(D(), typename Base::Lane{1}), s.p);
    const auto mean = Base::Mean(window, s);
    const auto y = hn::Mul(s.greatest, Base::Power(mean, inverse));
    const auto slope =
        hn::Sub(hn::Div(s.logs, s.sum), hn::Mul(Base::Log(mean), inverse));
    Base::Lanes::Store(lanes, hn::Mul(hn::Mul(y, slope), inverse), this->y_ + out);
  }
};

// gem: (Σ max(x, ε)^p / divisor)^(1/p).
template <class T>
class GemForward : public GemPasses<T> {
  using Base = GemPasses<T>;
  using typename Base::D;

 public:
  using typename Base::State;
  explicit GemForward(const Operands& o) : Base(o) {}

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    this->template AddTap<kPass, false>(lanes, in, s);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const auto root = hn::Div(hn::Set(D(), typename Base::Lane{1}), s.p);
    const auto mean = Base::Power(Base::Mean(window, s), root);
    Base::Lanes::Store(lanes, hn::Mul(s.greatest, mean), this->y_ + out);
  }
};

// Its gradient: Σ dy · (x / y)^(p − 1) / divisor where x ≥ ε, else 0.
template <class T>
class GemBackward : public GemBase<T> {
  using Base = GemBase<T>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  static constexpr int kPasses = 1;
  struct State {
    V exponent;
    V x;
    V sum;
  };

  explicit GemBackward(const Operands& o)
      : Base(o),
        x_(static_cast<const T*>(o.x)),
        y_(static_cast<const T*>(o.y)),
        dy_(static_cast<const T*>(o.dy)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in, int64_t) const {
    const auto one = hn::Set(D(), typename Base::Lane{1});
    return {hn::Sub(this->Exponents(lanes, in), one), Lanes::Load(lanes, x_ + in),
            hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = hn::Set(D(), static_cast<typename Base::Lane>(window.share));
    const auto ratio = hn::Div(s.x, Lanes::Load(lanes, y_ + out));
    const auto dy = hn::Mul(Lanes::Load(lanes, dy_ + out), share);
    s.sum = hn::Add(s.sum, hn::Mul(dy, Base::Power(ratio, s.exponent)));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    const auto is_below = hn::Lt(s.x, Base::Least());
    Lanes::Store(lanes, hn::IfThenZeroElse(is_below, s.sum), dx_ + in);
  }

 private:
  const T* x_;
  const T* y_;
  const T* dy_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
