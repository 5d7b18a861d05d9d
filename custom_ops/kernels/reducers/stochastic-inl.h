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

// What every tap of a window weighs:
//   a NaN is there   NaNs 1, others 0
//   +inf is there    +inf 1, others 0
//   nothing above 0  all 1
//   else             max(x, 0), scaled by a power of two so that sums stay in range
//
// Weights look at all taps in kPasses passes (Add, and StartPass before each pass but
// the first). After Close() they know the sum, and every tap's weight. Close() is told
// what a sum of ones comes to at most.
template <class D>
class CarefulWeights {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  using Order = CarefulOrder<Lane, D>;
  static constexpr Lane kInfinity = std::numeric_limits<Lane>::infinity();
  static constexpr Lane kLarge = sizeof(Lane) == 4 ? Lane(0x1p64f) : Lane(0x1p512);

 public:
  static constexpr int kPasses = 2;  // the greatest tap, the sum

  // Before the first tap. No constructor: an implicit one of what holds it would be of
  // no instruction set.
  static HWY_INLINE CarefulWeights None() {
    CarefulWeights weights;
    weights.greatest_ = Order::Lowest();
    weights.sum_ = hn::Zero(D());
    weights.is_flat_ = hn::MaskFalse(D());
    return weights;
  }

  template <int kPass>
  HWY_INLINE void StartPass() {
    is_flat_ = hn::Le(greatest_.value, hn::Zero(D()));
  }

  template <int kPass>
  HWY_INLINE void Add(V x) {
    if constexpr (kPass == 0) {
      Order::Replace({x}, greatest_);
    } else {
      sum_ = hn::Add(sum_, Of(x));
    }
  }

  HWY_INLINE void Close(int64_t) {}
  HWY_INLINE bool Hold() const { return true; }
  HWY_INLINE V sum() const { return sum_; }
  HWY_INLINE V* place_of_sum() { return &sum_; }

  HWY_INLINE V Of(V x) const {
    const D d;
    const V greatest = greatest_.value;
    const V one = hn::Set(d, Lane{1});
    const V large = hn::Set(d, kLarge);
    const V small = hn::Set(d, Lane{1} / kLarge);
    const V scale = hn::IfThenElse(hn::Ge(greatest, large), small,
                                   hn::IfThenElse(hn::Le(greatest, small), large, one));
    V weight = hn::Mul(hn::Max(x, hn::Zero(d)), scale);
    weight = hn::IfThenElse(is_flat_, one, weight);
    const V infinity = hn::Set(d, kInfinity);
    weight = hn::IfThenElse(hn::Eq(greatest, infinity),
                            hn::IfThenElseZero(hn::Eq(x, infinity), one), weight);
    const V of_nans = hn::IfThenElseZero(hn::IsNaN(x), one);
    return hn::IfThenElse(hn::IsNaN(greatest), of_nans, weight);
  }

  // A part of the sum; of several NaNs that of the first.
  HWY_INLINE V Part(V share) const {
    return hn::IfThenZeroElse(hn::IsNaN(greatest_.value), hn::Mul(share, sum_));
  }

 private:
  typename Order::Best greatest_;
  V sum_;
  hn::Mask<D> is_flat_;  // nothing is above 0
};

// Where neither NaN nor infinity is there, nor a scale needed: then what is above 0 is
// summed before the greatest is known.
template <class D>
class PlainWeights {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  static constexpr Lane kLarge = sizeof(Lane) == 4 ? Lane(0x1p64f) : Lane(0x1p512);

 public:
  static constexpr int kPasses = 1;

  static HWY_INLINE PlainWeights None() {
    PlainWeights weights;
    weights.greatest_ = hn::Set(D(), -std::numeric_limits<Lane>::infinity());
    weights.sum_ = hn::Zero(D());
    weights.has_nan_ = hn::MaskFalse(D());
    weights.is_flat_ = weights.has_nan_;
    weights.taps_ = 0;
    return weights;
  }

  template <int kPass>
  HWY_INLINE void Add(V x) {
    greatest_ = hn::Max(x, greatest_);
    has_nan_ = hn::Or(has_nan_, hn::IsNaN(x));
    sum_ = hn::Add(sum_, hn::Max(x, hn::Zero(D())));
    ++taps_;
  }

  HWY_INLINE void Close(int64_t most_ones) {
    is_flat_ = hn::Le(greatest_, hn::Zero(D()));
    const int64_t ones = HWY_MIN(taps_, most_ones);
    sum_ = hn::IfThenElse(is_flat_, hn::Set(D(), static_cast<Lane>(ones)), sum_);
  }

  HWY_INLINE bool Hold() const {
    const D d;
    const auto within = hn::And(hn::Lt(greatest_, hn::Set(d, kLarge)),
                                hn::Gt(greatest_, hn::Set(d, Lane{1} / kLarge)));
    return hn::AllTrue(d, hn::AndNot(has_nan_, hn::Or(within, is_flat_)));
  }

  HWY_INLINE V sum() const { return sum_; }
  HWY_INLINE V* place_of_sum() { return &sum_; }
  HWY_INLINE V Of(V x) const {
    const V positive = hn::Max(x, hn::Zero(D()));
    return hn::IfThenElse(is_flat_, hn::Set(D(), Lane{1}), positive);
  }
  HWY_INLINE V Part(V share) const { return hn::Mul(share, sum_); }

 private:
  V greatest_;
  V sum_;
  hn::Mask<D> has_nan_;
  hn::Mask<D> is_flat_;
  int64_t taps_;
};

// What drawing and expecting have in common.
template <class T, template <class> class Weights>
class Weighing : public Reducer {
 protected:
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;
  static constexpr int kLast = Weights<D>::kPasses;  // the pass after theirs
  static constexpr bool kIsPlain = std::is_same_v<Weights<D>, PlainWeights<D>>;

  explicit Weighing(const Operands& o) : x_(static_cast<const T*>(o.x)) {}

 public:
  static constexpr int kPasses = kLast + 1;
  static constexpr int kVectors = 1;
  static constexpr size_t kLanes = hn::MaxLanes(D());

  template <class Which, class State>
  HWY_INLINE bool Holds(Which, const State& s, const Reducer::Doubts&) const {
    return s.weights.Hold();
  }

 protected:
  const T* x_;
};

// stochastic: one tap, drawn with a probability in proportion to its weight. Its sums
// are not of parts: a running sum shall come to the same.
template <class T, template <class> class Weights>
class Stochastic : public Weighing<T, Weights> {
  using Base = Weighing<T, Weights>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;
  using Taps = TapLanes<uint8_t, D>;
  // Where a running sum of ones ends: another one would be lost.
  static constexpr int64_t kMostOnes = int64_t{1}
                                       << (sizeof(typename Base::Lane) == 4 ? 24 : 53);

 public:
  using Fallback =
      std::conditional_t<Base::kIsPlain, Stochastic<T, CarefulWeights>, void>;
  struct State {
    Weights<D> weights;
    V threshold;
    V running;
    V drawn;
    typename Taps::V tap;
  };

  explicit Stochastic(const Operands& o)
      : Base(o),
        y_(static_cast<T*>(o.y)),
        taps_(o.taps, o.parameters.tap_type),
        seed_{o.parameters.seed[0], o.parameters.seed[1]} {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t, int64_t index) const {
    State s;
    s.weights = Weights<D>::None();
    s.running = hn::Zero(D());
    s.drawn = s.running;
    s.tap = Taps::Set(0);
    s.threshold = Uniform(D(), seed_, index, window.index_step);
    return s;
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    if constexpr (kPass < Base::kLast) {
      s.weights.template StartPass<kPass>();
    } else {
      s.weights.Close(kMostOnes);
      // Below the sum in any case: the greatest number below 1 times a number rounds to
      // less than that.
      s.threshold = s.weights.Part(s.threshold);
    }
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t tap,
                            State& s) const {
    const V x = Lanes::Load(lanes, this->x_ + in);
    if constexpr (kPass < Base::kLast) {
      s.weights.template Add<kPass>(x);
    } else {
      // The first tap with which the running sum, made as the sum was, passes the
      // threshold.
      const auto was_open = hn::Le(s.running, s.threshold);
      s.running = hn::Add(s.running, s.weights.Of(x));
      const auto is_drawn = hn::AndNot(hn::Le(s.running, s.threshold), was_open);
      s.drawn = hn::IfThenElse(is_drawn, x, s.drawn);
      s.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), is_drawn),
                             Taps::Set(tap), s.tap);
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.drawn, y_ + out);
    taps_.Store(lanes, s.tap, out);
  }

 private:
  T* y_;
  TapMemory<D> taps_;
  uint32_t seed_[2];
};

// expectation: Σ w · x / Σ w, what a draw gives on average.
template <class T, template <class> class Weights>
class Expectation : public Weighing<T, Weights> {
  using Base = Weighing<T, Weights>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  using Fallback =
      std::conditional_t<Base::kIsPlain, Expectation<T, CarefulWeights>, void>;
  struct State {
    Weights<D> weights;
    V inverse;
    V mean;
  };

  static HWY_INLINE std::array<V*, 2> Sums(State& s) {
    return {s.weights.place_of_sum(), &s.mean};
  }

  explicit Expectation(const Operands& o) : Base(o), y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    State s;
    s.weights = Weights<D>::None();
    s.mean = hn::Zero(D());
    s.inverse = s.mean;
    return s;
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    if constexpr (kPass < Base::kLast) {
      s.weights.template StartPass<kPass>();
    } else {
      s.weights.Close(std::numeric_limits<int64_t>::max());
      s.inverse = hn::Div(hn::Set(D(), typename Base::Lane{1}), s.weights.sum());
    }
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    const V x = Lanes::Load(lanes, this->x_ + in);
    if constexpr (kPass < Base::kLast) {
      s.weights.template Add<kPass>(x);
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

template <class T>
using StochasticForward = Stochastic<T, PlainWeights>;
template <class T>
using ExpectationForward = Expectation<T, PlainWeights>;

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
