// Stochastic pooling (Zeiler & Fergus, 2013): its reducers. Included once per
// instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_STOCHASTIC_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_STOCHASTIC_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_STOCHASTIC_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_STOCHASTIC_INL_H_
#endif

#include <limits>

#include "kernels/reducers/operands.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/order-inl.h"
#include "kernels/simd/random-inl.h"
#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What every tap of a window weighs, once the greatest tap is known:
//   a NaN is there   NaNs 1, others 0
//   +inf is there    +inf 1, others 0
//   nothing above 0  all 1
//   else             max(x, 0), scaled by a power of two so that sums stay in range
template <class D>
class Weights {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  static constexpr Lane kInfinity = std::numeric_limits<Lane>::infinity();
  static constexpr Lane kLarge = sizeof(Lane) == 4 ? Lane(0x1p64f) : Lane(0x1p512);

 public:
  // Before the greatest tap is known.
  static HWY_INLINE Weights None() {
    Weights weights;
    weights.SetGreatest(hn::Zero(D()));
    return weights;
  }

  HWY_INLINE void SetGreatest(V greatest) {
    const D d;
    greatest_ = greatest;
    is_flat_ = hn::Le(greatest, hn::Zero(d));
    const auto within = hn::And(hn::Lt(greatest, hn::Set(d, kLarge)),
                                hn::Gt(greatest, hn::Set(d, Lane{1} / kLarge)));
    is_plain_ = hn::AllTrue(d, hn::Or(within, is_flat_));
  }

  HWY_INLINE V Of(V x) const {
    const V positive = hn::Max(x, hn::Zero(D()));
    const V weight = hn::IfThenElse(is_flat_, hn::Set(D(), Lane{1}), positive);
    return HWY_LIKELY(is_plain_) ? weight : OfExtremes(x, weight);
  }

  // Lanes whose window holds a NaN.
  HWY_INLINE hn::Mask<D> HasNan() const { return hn::IsNaN(greatest_); }

 private:
  HWY_NOINLINE V OfExtremes(V x, V weight) const {
    const D d;
    const V one = hn::Set(d, Lane{1});
    const V large = hn::Set(d, kLarge);
    const V small = hn::Set(d, Lane{1} / kLarge);
    const V scale =
        hn::IfThenElse(hn::Ge(greatest_, large), small,
                       hn::IfThenElse(hn::Le(greatest_, small), large, one));
    weight = hn::IfThenElse(is_flat_, one, hn::Mul(weight, scale));
    const V infinity = hn::Set(d, kInfinity);
    weight = hn::IfThenElse(hn::Eq(greatest_, infinity),
                            hn::IfThenElseZero(hn::Eq(x, infinity), one), weight);
    return hn::IfThenElse(HasNan(), hn::IfThenElseZero(hn::IsNaN(x), one), weight);
  }

  V greatest_;
  hn::Mask<D> is_flat_;  // nothing is above 0
  bool is_plain_;
};

// What drawing and expecting have in common: pass 0 finds the greatest tap, pass 1 sums
// the weights.
template <class T>
class WeightedPasses : public Reducer {
 protected:
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;

  explicit WeightedPasses(const Operands& o) : x_(static_cast<const T*>(o.x)) {}

 public:
  static constexpr int kPasses = 3;
  static constexpr int kVectors = 1;
  static constexpr size_t kLanes = hn::MaxLanes(D());

 protected:
  struct WeighedState {
    typename CarefulOrder<Lane, D>::Best greatest;
    Weights<D> weights;
    V sum;
  };

  template <int kPass>
  static HWY_INLINE void Weigh(V x, WeighedState& s) {
    if constexpr (kPass == 0) {
      CarefulOrder<Lane, D>::Replace({x}, s.greatest);
    } else {
      s.sum = hn::Add(s.sum, s.weights.Of(x));
    }
  }

  const T* x_;
};

// stochastic: one tap, drawn with a probability in proportion to its weight.
template <class T, bool kKeepsTaps>
class StochasticForward : public WeightedPasses<T> {
  using Base = WeightedPasses<T>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;
  using Taps = TapLanes<uint8_t, D>;

 public:
  struct State : Base::WeighedState {
    V threshold;
    V running;
    V drawn;
    typename Taps::V tap;
  };

  explicit StochasticForward(const Operands& o)
      : Base(o),
        y_(static_cast<T*>(o.y)),
        taps_(o.taps, o.parameters.tap_type),
        seed_{o.parameters.seed[0], o.parameters.seed[1]} {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t, int64_t index) const {
    State s;
    s.greatest = CarefulOrder<typename Base::Lane, D>::Lowest();
    s.weights = Weights<D>::None();
    s.sum = hn::Zero(D());
    s.running = s.sum;
    s.drawn = s.sum;
    s.tap = Taps::Set(0);
    s.threshold = Uniform(D(), seed_, index, window.index_step);
    return s;
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    if constexpr (kPass == 1) s.weights.SetGreatest(s.greatest.value);
    if constexpr (kPass == 2) {
      // Of several NaNs the first is drawn. Below the sum in any case: the greatest
      // number below 1 times a number rounds to less than that.
      s.threshold = hn::IfThenZeroElse(s.weights.HasNan(), hn::Mul(s.threshold, s.sum));
    }
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t tap,
                            State& s) const {
    const V x = Lanes::Load(lanes, this->x_ + in);
    if constexpr (kPass < 2) {
      Base::template Weigh<kPass>(x, s);
    } else {
      // The first tap with which the running sum, made as the sum was, passes the
      // threshold.
      const auto was_open = hn::Le(s.running, s.threshold);
      s.running = hn::Add(s.running, s.weights.Of(x));
      const auto is_drawn = hn::AndNot(hn::Le(s.running, s.threshold), was_open);
      s.drawn = hn::IfThenElse(is_drawn, x, s.drawn);
      if constexpr (kKeepsTaps) {
        s.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), is_drawn),
                               Taps::Set(tap), s.tap);
      }
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.drawn, y_ + out);
    if constexpr (kKeepsTaps) taps_.Store(lanes, s.tap, out);
  }

 private:
  T* y_;
  TapMemory<D> taps_;
  uint32_t seed_[2];
};

// expectation: Σ w · x / Σ w, what a draw gives on average.
template <class T>
class ExpectationForward : public WeightedPasses<T> {
  using Base = WeightedPasses<T>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  struct State : Base::WeighedState {
    V inverse;
    V mean;
  };

  explicit ExpectationForward(const Operands& o) : Base(o), y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    State s;
    s.greatest = CarefulOrder<typename Base::Lane, D>::Lowest();
    s.weights = Weights<D>::None();
    s.sum = hn::Zero(D());
    s.mean = s.sum;
    s.inverse = s.sum;
    return s;
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    if constexpr (kPass == 1) s.weights.SetGreatest(s.greatest.value);
    if constexpr (kPass == 2) {
      s.inverse = hn::Div(hn::Set(D(), typename Base::Lane{1}), s.sum);
    }
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    const V x = Lanes::Load(lanes, this->x_ + in);
    if constexpr (kPass < 2) {
      Base::template Weigh<kPass>(x, s);
    } else {
      const V weight = s.weights.Of(x);
      const V share = hn::Mul(hn::Mul(weight, s.inverse), x);
      // A tap of no weight has no share, even if it is infinite.
      s.mean =
          hn::Add(s.mean, hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(D())), share));
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.mean, y_ + out);
  }

 private:
  T* y_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
