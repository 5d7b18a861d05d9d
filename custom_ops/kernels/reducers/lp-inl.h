// Lp pooling: its reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_LP_INL_H_
#endif

#include <cmath>

#include "kernels/reducers/operands.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Powers of lanes that are not negative. Small integers by multiplication; any other
// lane by lane, in double, by the C library: slow, but the same bits everywhere.
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

  HWY_INLINE V operator()(V x) const {
    if (products_ >= 0) {
      V power = products_ == 0 ? hn::Set(D(), Lane{1}) : x;
      for (int i = 1; i < products_; ++i) power = hn::Mul(power, x);
      return power;
    }
    return is_root_ ? hn::Sqrt(x) : ByLane(x);
  }

 private:
  HWY_NOINLINE V ByLane(V x) const {
    HWY_ALIGN Lane lanes[hn::MaxLanes(D())];
    hn::Store(x, D(), lanes);
    for (Lane& lane : lanes) {
      lane = static_cast<Lane>(std::pow(static_cast<double>(lane), exponent_));
    }
    return hn::Load(D(), lanes);
  }

  double exponent_;
  int products_ = -1;
  bool is_root_ = false;
};

// lp: (Σ |x|^p / divisor)^(1/p).
template <class T>
class LpForward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr bool kAverages = true;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit LpForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<T*>(o.y)),
        power_(o.parameters.p),
        root_(1.0 / o.parameters.p) {}

  HWY_INLINE void Fetch(int64_t in) const { hwy::Prefetch(x_ + in); }
  HWY_INLINE void Touch(int64_t in, int64_t count) const { ReadLines(x_ + in, count); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t) const {
    return {hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t, State& s) const {
    s.sum = hn::Add(s.sum, power_(hn::Abs(Lanes::Load(lanes, x_ + in))));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(window.share);
    Lanes::Store(lanes, root_(hn::Mul(s.sum, hn::Set(D(), share))), y_ + out);
  }

 private:
  const T* x_;
  T* y_;
  Power<D> power_;
  Power<D> root_;
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
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in) const {
    return {Lanes::Load(lanes, x_ + in), hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(window.share);
    const V y = Lanes::Load(lanes, y_ + out);
    const V dy = hn::Mul(Lanes::Load(lanes, dy_ + out), hn::Set(D(), share));
    const V term = hn::Mul(dy, power_(hn::Div(hn::Abs(s.x), y)));
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
