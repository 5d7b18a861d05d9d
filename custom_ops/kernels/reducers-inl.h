// The reductions: the few lines that each one computes, on vectors. Knows nothing of
// geometry or loops. Included once per instruction set.
//
// A reducer works for one window on the lanes at one offset:
//   State Begin(lanes, window, far)              before the first tap
//   void Add(lanes, window, near, tap, &state)   for each tap
//   void Finish(lanes, window, far, state)       stores what the window gives
// In forward walks `near` is an offset into the input and `far` into the output; in
// backward walks it is the other way round: a "window" then is one input position, and
// its "taps" the outputs that read it. `lanes` says which lanes exist (lanes-inl.h).
#if defined(KERAS_POOLING_KERNELS_REDUCERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_INL_H_
#endif

#include <limits>

#include "kernels/kernel.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Stands for a tap type where no taps are kept.
struct NoTap {};

template <class Tap>
constexpr bool kKeepsTaps = !std::is_same_v<Tap, NoTap>;

// The order of elements: NaN above all, −0 equal to +0. Keys are compared; halves need
// one of their own, since their lanes hold bits.
template <class T>
struct Order {
  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToSigned<D>> HalfKey(D d, hn::Vec<D> bits) {
    using Bits = hn::TFromD<D>;
    const hn::RebindToSigned<D> di;
    const auto magnitude = hn::And(bits, hn::Set(d, Bits{0x7fff}));
    const auto is_negative = hn::Ne(magnitude, bits);
    const auto is_nan = hn::Gt(hn::BitCast(di, magnitude),
                               hn::BitCast(di, hn::Set(d, Bits{kHalfInfinity<T>})));
    const auto key = hn::BitCast(di, magnitude);
    const auto ordered =
        hn::IfThenElse(hn::RebindMask(di, is_negative), hn::Neg(key), key);
    return hn::IfThenElse(is_nan, hn::BitCast(di, hn::Set(d, Bits{0x7fff})), ordered);
  }

  template <class D>
  static HWY_INLINE auto Key(D d, hn::Vec<D> bits) {
    if constexpr (IsHalf<T>::value) {
      return HalfKey(d, bits);
    } else {
      (void)d;
      return bits;
    }
  }

  // Whether `key` takes the place of `best`, which came before it.
  template <class V>
  static HWY_INLINE auto Beats(V key, V best) {
    if constexpr (std::is_floating_point_v<T>) {
      // "Not ≤" holds for a NaN key as well; a NaN that came first stays.
      return hn::And(hn::Not(hn::Le(key, best)), hn::Eq(best, best));
    } else {
      return hn::Gt(key, best);
    }
  }

  // Below or equal to every element.
  static constexpr BitsOf<T, false> Lowest() {
    if constexpr (std::is_floating_point_v<T>) {
      return -std::numeric_limits<T>::infinity();
    } else if constexpr (IsHalf<T>::value) {
      return static_cast<uint16_t>(0x8000 | kHalfInfinity<T>);
    } else {
      return std::numeric_limits<T>::lowest();
    }
  }
};

// max: the greatest tap; the first of them; the first NaN if there is one.
template <class T, class Tap>
class MaxForward {
  static constexpr bool kWide = kKeepsTaps<Tap> && sizeof(Tap) > 1;
  using Lanes = BitLanes<T, kWide>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using K = decltype(Order<T>::Key(D(), hn::Zero(D())));
  using Taps = TapLanes<std::conditional_t<kKeepsTaps<Tap>, Tap, uint8_t>, D>;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V best;
    K key;
    typename Taps::V tap;
  };

  explicit MaxForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<T*>(o.y)),
        taps_(static_cast<Tap*>(o.taps)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t) const {
    const V lowest = hn::Set(D(), typename Lanes::Lane{Order<T>::Lowest()});
    return {lowest, Order<T>::Key(D(), lowest), Taps::Set(window.first_tap)};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t tap,
                      State& s) const {
    const V x = Lanes::Load(lanes, x_ + in);
    const K key = Order<T>::Key(D(), x);
    const auto beats = Order<T>::Beats(key, s.key);
    s.best = hn::IfThenElse(hn::RebindMask(D(), beats), x, s.best);
    s.key = hn::IfThenElse(beats, key, s.key);
    if constexpr (kKeepsTaps<Tap>) {
      s.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), beats), Taps::Set(tap),
                             s.tap);
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.best, y_ + out);
    if constexpr (kKeepsTaps<Tap>) Taps::Store(lanes, s.tap, taps_ + out);
  }

 private:
  const T* x_;
  T* y_;
  Tap* taps_;
};

// avg: the sum of the taps over the window's divisor.
template <class T>
class AvgForward {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit AvgForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)), y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t) const {
    return {hn::Set(D(), typename Lanes::Lane{-0.0})};  // −0 + x is x, even for x = −0
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t, State& s) const {
    s.sum = hn::Add(s.sum, Lanes::Load(lanes, x_ + in));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window& window, int64_t out,
                         const State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(1.0 / window.divisor());
    Lanes::Store(lanes, hn::Mul(s.sum, hn::Set(D(), share)), y_ + out);
  }

 private:
  const T* x_;
  T* y_;
};

// The gradient of avg: each tap gets its share of dy.
template <class T>
class AvgBackward {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit AvgBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)), dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t) const {
    return {hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window& window, int64_t out, int64_t,
                      State& s) const {
    const auto share = static_cast<typename Lanes::Lane>(1.0 / window.divisor());
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

// The gradient of every selecting reduction: dy goes to the tap that won.
template <class T, class Tap>
class SelectBackward {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Taps = TapLanes<Tap, D>;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit SelectBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)),
        taps_(static_cast<const Tap*>(o.taps)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t) const {
    return {hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t out, int64_t tap,
                      State& s) const {
    const auto won = hn::Eq(Taps::Load(lanes, taps_ + out), Taps::Set(tap));
    s.sum = hn::Add(s.sum, hn::IfThenElseZero(hn::RebindMask(D(), won),
                                              Lanes::Load(lanes, dy_ + out)));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

 private:
  const T* dy_;
  const Tap* taps_;
  T* dx_;
};

// The tap that `taps` names, of another tensor: the gradient of SelectBackward.
template <class T, class Tap>
class SelectPick {
  using Lanes = BitLanes<T, (sizeof(Tap) > 1)>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Taps = TapLanes<Tap, D>;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    typename Taps::V tap;
    V picked;
  };

  explicit SelectPick(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        taps_(static_cast<const Tap*>(o.taps)),
        y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t out) const {
    return {Taps::Load(lanes, taps_ + out), hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t tap,
                      State& s) const {
    const auto is_picked = hn::RebindMask(D(), hn::Eq(s.tap, Taps::Set(tap)));
    s.picked = hn::IfThenElse(is_picked, Lanes::Load(lanes, x_ + in), s.picked);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.picked, y_ + out);
  }

 private:
  const T* x_;
  const Tap* taps_;
  T* y_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
