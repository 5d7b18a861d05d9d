// Average pooling: its reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_AVG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_AVG_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_AVG_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_AVG_INL_H_
#endif

#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// avg: the sum of the taps over the window's divisor.
template <class T>
class AvgForward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  using Element = T;
  static constexpr bool kAverages = true;
  static constexpr bool kIsLight = true;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };
  static HWY_INLINE std::array<V*, 1> Sums(State& s) { return {&s.sum}; }

  explicit AvgForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)), y_(static_cast<T*>(o.y)) {}

  HWY_INLINE void Fetch(int64_t in) const { hwy::Prefetch(x_ + in); }
  HWY_INLINE void Touch(int64_t in, int64_t count) const { ReadLines(x_ + in, count); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {hn::Set(D(), typename Lanes::Lane{-0.0})};  // −0 + x is x, even for x = −0
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t, State& s) const {
    s.sum = hn::Add(s.sum, Lanes::Load(lanes, x_ + in));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(window.share);
    Lanes::Store(lanes, hn::Mul(s.sum, hn::Set(D(), share)), y_ + out);
  }

  static constexpr bool kSeparable = true;
  static constexpr int64_t kTapBytes = 0;
  static constexpr size_t kSavedBytes = kLanes * sizeof(typename Lanes::Lane);

  template <class Which>
  HWY_INLINE State First(Which lanes, int64_t in, int64_t) const {
    return {Lanes::Load(lanes, x_ + in)};
  }

  static HWY_INLINE void Merge(const State& second, State& first) {
    first.sum = hn::Add(first.sum, second.sum);
  }

  static HWY_INLINE void Renumber(int64_t, State&) {}

  static HWY_INLINE void Save(const State& s, char* to) {
    hn::Store(s.sum, D(), reinterpret_cast<typename Lanes::Lane*>(to));
  }

  static HWY_INLINE State Saved(const char* from) {
    return {hn::Load(D(), reinterpret_cast<const typename Lanes::Lane*>(from))};
  }

 protected:
  const T* x_;
  T* y_;
};

// The gradient of avg as a sum: of what each output gives to every tap.
template <class T>
class AvgAdjoint : public AvgForward<T> {
  using Base = AvgForward<T>;
  using Lanes = MathLanes<T>;

 public:
  using State = typename Base::State;
  explicit AvgAdjoint(const Operands& o) : Base(o) {}

  static constexpr bool kScales = true;

  static HWY_INLINE void Scale(double share, State& s) {
    const auto factor = static_cast<typename Lanes::Lane>(share);
    s.sum = hn::Mul(s.sum, hn::Set(typename Lanes::D(), factor));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    const auto zero = hn::Zero(typename Lanes::D());  // −0 + 0 is 0, as in AvgBackward
    Lanes::Store(lanes, hn::Add(s.sum, zero), this->y_ + out);
  }
};

// The gradient of avg: each tap gets its share of dy.
template <class T>
class AvgBackward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr bool kAverages = true;
  static constexpr bool kIsLight = !IsHalf<T>::value;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  using Adjoint = AvgAdjoint<T>;
  using Result = T;

  explicit AvgBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)), dx_(static_cast<T*>(o.dx)) {}

  HWY_INLINE void Fetch(int64_t in) const { hwy::Prefetch(dy_ + in); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(window.share);
    s.sum = hn::Add(s.sum, hn::Mul(Lanes::Load(lanes, dy_ + out), hn::Set(D(), share)));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

 private:
  const T* dy_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
