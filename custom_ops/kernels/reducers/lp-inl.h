// Lp pooling: its reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#endif

#include <cmath>
#include <limits>

#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What `of` makes of each lane, in double, by the C library: slow, but the same bits
// everywhere.
template <class D, class Of>
HWY_INLINE hn::Vec<D> LaneByLane(D d, hn::Vec<D> a, hn::Vec<D> b, const Of& of) {
  using Lane = hn::TFromD<D>;
  HWY_ALIGN Lane from_a[hn::MaxLanes(D())];
  HWY_ALIGN Lane from_b[hn::MaxLanes(D())];
  hn::Store(a, d, from_a);
  hn::Store(b, d, from_b);
  for (size_t i = 0; i < hn::MaxLanes(D()); ++i) {
    from_a[i] = static_cast<Lane>(
        of(static_cast<double>(from_a[i]), static_cast<double>(from_b[i])));
  }
  return hn::Load(d, from_a);
}

// Powers of lanes that are not negative. Small integers by multiplication, the square
// root by an instruction.
template <class D>
class Power {
  using V = hn::Vec<D>;
  using Lane = hn::TFromD<D>;
  static constexpr int kMostProducts = 8;

 public:
  explicit Power(double exponent) : exponent_(exponent) {
    if (exponent >= 0 && exponent <= kMostProducts &&
        exponent == std::floor(exponent)) {
      products_ = static_cast<int>(exponent);
    } else if (exponent == 0.5) {
      is_root_ = true;
    }
  }

  HWY_INLINE V operator()(V x) const { return is_quick() ? Quick(x) : ByLane(x); }

  // Of a quotient, which by itself may be too large or small for a lane.
  HWY_INLINE V OfQuotient(V x, V y) const {
    const V quotient = hn::Div(x, y);
    return is_quick() ? Quick(quotient) : QuotientByLane(quotient, x, y);
  }

 private:
  HWY_INLINE bool is_quick() const { return products_ >= 0 || is_root_; }

  HWY_INLINE V Quick(V x) const {
    if (is_root_) return hn::Sqrt(x);
    V power = products_ == 0 ? hn::Set(D(), Lane{1}) : x;
    for (int i = 1; i < products_; ++i) power = hn::Mul(power, x);
    return power;
  }

  HWY_NOINLINE V ByLane(V x) const {
    const double exponent = exponent_;
    return LaneByLane(D(), x, x, [exponent](double lane, double) {
      return std::pow(lane, exponent);
    });
  }

  HWY_NOINLINE V QuotientByLane(V quotient, V x, V y) const {
    const D d;
    const V power = ByLane(quotient);
    const auto is_normal = hn::And(hn::Ge(quotient, hn::Set(d, kLeast)),
                                   hn::Lt(quotient, hn::Set(d, kInfinity)));
    const auto has_none = hn::Or(hn::Eq(hn::Min(x, y), hn::Zero(d)),
                                 hn::Ge(hn::Max(x, y), hn::Set(d, kInfinity)));
    if (HWY_LIKELY(hn::AllTrue(d, hn::Or(is_normal, has_none)))) return power;
    const double exponent = exponent_;
    const V wide = LaneByLane(
        d, x, y, [exponent](double a, double b) { return std::pow(a / b, exponent); });
    return hn::IfThenElse(hn::Or(is_normal, has_none), power, wide);
  }

  static constexpr Lane kLeast = std::numeric_limits<Lane>::min();
  static constexpr Lane kInfinity = std::numeric_limits<Lane>::infinity();

  double exponent_;
  int products_ = -1;
  bool is_root_ = false;
};

// What both ways to compute lp have in common: the plain formula, and where it serves.
template <class T>
class LpFormula : public Reducer {
 protected:
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;

  explicit LpFormula(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<T*>(o.y)),
        p_(o.parameters.p),
        power_(o.parameters.p),
        root_(1.0 / o.parameters.p) {}

 public:
  static constexpr bool kAverages = true;
  static constexpr int kVectors = 2;  // four are slower, and much more code
  static constexpr size_t kLanes = hn::MaxLanes(D());

 protected:
  template <class Which>
  HWY_INLINE V Magnitude(Which lanes, int64_t in) const {
    return hn::Abs(Lanes::Load(lanes, x_ + in));
  }

  static HWY_INLINE V Share(double share) {
    return hn::Set(D(), static_cast<Lane>(share));
  }

  // Whether no power that matters is beyond what a lane can hold, nor will the quotient
  // by any divisor be; and whether the root does not magnify what is rounded.
  HWY_INLINE hn::Mask<D> IsPlain(V greatest, V sum) const {
    const D d;
    const auto in_range =
        hn::And(hn::Ge(sum, hn::Set(d, kLeastSum)), hn::Le(sum, hn::Set(d, kMostSum)));
    return hn::And(hn::Or(in_range, hn::Eq(greatest, hn::Zero(d))),
                   hn::Ge(hn::Set(d, static_cast<Lane>(p_)), hn::Set(d, kLeastPower)));
  }

  static constexpr Lane kLeastPower = Lane{0.125};
  static constexpr Lane kLeastSum = sizeof(Lane) == 4 ? Lane(0x1p-60f) : Lane(0x1p-900);
  static constexpr Lane kMostSum = sizeof(Lane) == 4 ? Lane(0x1p100f) : Lane(0x1p900);

  const T* x_;
  T* y_;
  double p_;
  Power<D> power_;
  Power<D> root_;
};

// The same for every p and scale: m · (Σ (|x| / m)^p / divisor)^(1/p), m the greatest
// tap; and where p is small, as m · exp(log(Σ (|x| / m)^p / divisor) / p), the sum
// made of what powers differ from 1 by. Lanes that the plain formula serves have its
// bits.
template <class T>
class LpScaled : public LpFormula<T> {
  using Base = LpFormula<T>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  static constexpr int kVectors = 1;
  static constexpr int kPasses = 2;
  struct State {
    V greatest;
    V plain;
    V sum;
    double taps;
  };

  explicit LpScaled(const Operands& o) : Base(o) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {hn::Zero(D()), hn::Zero(D()), hn::Zero(D()), 0.0};
  }

  static HWY_INLINE std::array<V*, 2> Sums(State& s) { return {&s.plain, &s.sum}; }

  template <int kPass>
  HWY_INLINE void StartPass(State&) const {}

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t,
                            State& s) const {
    const V x = this->Magnitude(lanes, in);
    if constexpr (kPass == 0) {
      s.greatest = hn::Max(x, s.greatest);
    } else {
      s.plain = hn::Add(s.plain, this->power_(x));
      s.taps += 1.0;
      if (this->p_ >= Base::kLeastPower) {
        s.sum = hn::Add(s.sum, this->power_.OfQuotient(x, s.greatest));
      } else {
        const double p = this->p_;
        s.sum = hn::Add(s.sum, LaneByLane(D(), x, s.greatest, [p](double a, double m) {
                          return std::expm1(p * std::log(a / m));
                        }));
      }
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const D d;
    const V share = this->Share(window.share);
    const V plain = this->root_(hn::Mul(s.plain, share));
    V scaled;
    if (this->p_ >= Base::kLeastPower) {
      scaled = hn::Mul(s.greatest, this->root_(hn::Mul(s.sum, share)));
    } else {
      const double p = this->p_;
      const double taps = s.taps;
      const double all =
          1.0 / taps == window.share ? 0.0 : std::log(taps * window.share);
      scaled = LaneByLane(d, s.sum, s.greatest, [=](double sum, double m) {
        const double root = std::exp((all + std::log1p(sum / taps)) / p / 2);
        // Twice, for the square may be too large by itself.
        return m == 0.0 ? 0.0 : m * root * root;
      });
    }
    // Infinities and NaNs come out of the plain formula.
    const auto is_infinite =
        hn::Eq(s.greatest, hn::Set(d, std::numeric_limits<Lane>::infinity()));
    const auto is_plain = hn::Or(this->IsPlain(s.greatest, s.plain),
                                 hn::Or(is_infinite, hn::IsNaN(s.plain)));
    Lanes::Store(lanes, hn::IfThenElse(is_plain, plain, scaled), this->y_ + out);
  }
};

// lp: (Σ |x|^p / divisor)^(1/p).
template <class T>
class LpForward : public LpFormula<T> {
  using Base = LpFormula<T>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;

 public:
  static constexpr int kPasses = 1;
  using Fallback = LpScaled<T>;
  struct State {
    V greatest;
    V sum;
  };

  static HWY_INLINE std::array<V*, 1> Sums(State& s) { return {&s.sum}; }

  explicit LpForward(const Operands& o) : Base(o) {}

  HWY_INLINE void Touch(int64_t in, int64_t count) const {
    ReadLines(this->x_ + in, count);
  }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {hn::Zero(D()), hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t, State& s) const {
    const V x = this->Magnitude(lanes, in);
    s.greatest = hn::Max(x, s.greatest);
    s.sum = hn::Add(s.sum, this->power_(x));
  }

  template <class Which>
  HWY_INLINE bool Holds(Which, const State& s, const Reducer::Doubts&) const {
    return hn::AllTrue(D(), this->IsPlain(s.greatest, s.sum));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const V mean = hn::Mul(s.sum, this->Share(window.share));
    Lanes::Store(lanes, this->root_(mean), this->y_ + out);
  }
};

// The gradient of lp: sign(x) · Σ dy · (|x| / y)^(p − 1) / divisor, without the windows
// whose y is 0.
template <class T>
class LpBackward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr bool kAverages = true;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V x;
    V sum;
  };

  explicit LpBackward(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<const T*>(o.y)),
        dy_(static_cast<const T*>(o.dy)),
        dx_(static_cast<T*>(o.dx)),
        power_(o.parameters.p - 1.0) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in, int64_t) const {
    return {Lanes::Load(lanes, x_ + in), hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(window.share);
    const V y = Lanes::Load(lanes, y_ + out);
    const V dy = hn::Mul(Lanes::Load(lanes, dy_ + out), hn::Set(D(), share));
    const V term = hn::Mul(dy, power_.OfQuotient(hn::Abs(s.x), y));
    s.sum = hn::Add(s.sum, hn::IfThenZeroElse(hn::Eq(y, hn::Zero(D())), term));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    // For p below 1 an x of 0 has an infinite slope; its sign makes that 0.
    const V signed_sum =
        hn::IfThenElse(hn::Lt(s.x, hn::Zero(D())), hn::Neg(s.sum), s.sum);
    Lanes::Store(lanes, hn::IfThenZeroElse(hn::Eq(s.x, hn::Zero(D())), signed_sum),
                 dx_ + in);
  }

 private:
  const T* x_;
  const T* y_;
  const T* dy_;
  T* dx_;
  Power<D> power_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
