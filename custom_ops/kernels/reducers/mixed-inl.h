// Mixed pooling (Lee et al., 2016), whose α may be learned: its reducers. Included once
// per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_MIXED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_MIXED_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_MIXED_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_MIXED_INL_H_
#endif

#include "kernels/reducers/learned-inl.h"
#include "kernels/simd/order-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// mixed: α · maximum + (1 − α) · mean; or its derivative by α, maximum − mean. What the
// order assumes need not hold: where a tap is a NaN, the mean and all made of it is.
template <class T>
class MixedForward : public Learned<T> {
  using Base = Learned<T>;
  using typename Base::D;
  using typename Base::Lane;
  using typename Base::Lanes;
  using typename Base::V;
  using Order = NumberOrder<Lane, D>;

 public:
  static constexpr int kPasses = 1;
  static constexpr bool kAverages = true;
  static constexpr bool kIsLight = true;
  struct State {
    typename Order::Best best;
    V sum;
  };

  static HWY_INLINE std::array<V*, 1> Sums(State& s) { return {&s.sum}; }

  explicit MixedForward(const Operands& o)
      : Base(o),
        x_(static_cast<const T*>(o.x)),
        y_(o.y),
        is_slope_(o.parameters.task == Task::kParameterGradient) {}

  HWY_INLINE void Touch(int64_t in, int64_t count) const { ReadLines(x_ + in, count); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {Order::Lowest(), Base::Number(-0.0)};  // −0 + x is x, even for x = −0
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t, State& s) const {
    const V x = Lanes::Load(lanes, x_ + in);
    Order::Replace(Order::Of(x), s.best);
    s.sum = hn::Add(s.sum, x);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const V maximum = Order::Value(s.best);
    const V mean = hn::Mul(s.sum, Base::Number(window.share));
    if (is_slope_) {
      lanes.Store(hn::Sub(maximum, mean), D(), static_cast<Lane*>(y_) + out);
      return;
    }
    const V alpha = this->Parameter(lanes, out);
    const V rest = hn::Sub(Base::Number(1), alpha);
    const V y = hn::Add(hn::Mul(alpha, maximum), hn::Mul(rest, mean));
    Lanes::Store(lanes, y, static_cast<T*>(y_) + out);
  }

 private:
  const T* x_;
  void* y_;
  bool is_slope_;
};

// Its gradient: each tap gets its share of (1 − α) · dy, the first maximum α · dy too.
template <class T>
class MixedBackward : public Learned<T> {
  using Base = Learned<T>;
  using typename Base::D;
  using typename Base::Lanes;
  using typename Base::V;
  using Taps = TapLanes<int32_t, D>;

 public:
  static constexpr int kPasses = 1;
  static constexpr int kVectors = 2;  // four are hardly faster, and much more code
  static constexpr bool kAverages = true;
  struct State {
    V alpha;
    V rest;  // 1 − α
    V sum;
  };

  explicit MixedBackward(const Operands& o)
      : Base(o),
        dy_(static_cast<const T*>(o.dy)),
        taps_(static_cast<const int32_t*>(o.taps)),
        dx_(static_cast<T*>(o.dx)) {}

  HWY_INLINE void Fetch(int64_t out) const {
    hwy::Prefetch(dy_ + out);
    hwy::Prefetch(taps_ + out);
  }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t in, int64_t) const {
    const V alpha = this->Parameter(lanes, in);
    return {alpha, hn::Sub(Base::Number(1), alpha), hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t tap,
                      State& s) const {
    const V dy = Lanes::Load(lanes, dy_ + out);
    const auto won = hn::Eq(Taps::Load(lanes, taps_ + out), Taps::Set(tap));
    s.sum = hn::Add(s.sum, hn::Mul(hn::Mul(dy, s.rest), Base::Number(window.share)));
    s.sum =
        hn::MaskedAddOr(s.sum, hn::RebindMask(D(), won), s.sum, hn::Mul(dy, s.alpha));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

 private:
  const T* dy_;
  const int32_t* taps_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
