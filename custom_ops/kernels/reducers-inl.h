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

// A reducer that looks at each tap once. Others have more passes: they offer
//   void StartPass<kPass>(&state)                            before each but the first
//   void AddInPass<kPass>(lanes, window, near, tap, &state)  in place of Add
struct OnePass {
  static constexpr int kPasses = 1;
  static constexpr bool kSeparable = false;  // see separable-inl.h
};

// Stands for the gradient of a reduction whose callers compose it of others.
template <class T>
struct NoBackward {};

// The order of elements: NaN above all, −0 equal to +0, and of equals the first wins.
template <class T, class D>
struct Order {
  using V = hn::Vec<D>;

  // The best element so far, ready to be compared.
  struct Best {
    V value;
  };

  static HWY_INLINE Best Lowest() {
    if constexpr (std::is_floating_point_v<T>) {
      return {hn::Set(D(), -std::numeric_limits<T>::infinity())};
    } else {
      return {hn::Set(D(), hn::TFromD<D>{std::numeric_limits<T>::lowest()})};
    }
  }

  static HWY_INLINE Best Of(V x) { return {x}; }

  // Puts the lanes of x that beat the best in its place; returns which did.
  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const auto beats = Beats(x, best.value);
    best.value = hn::IfThenElse(beats, x, best.value);
    return beats;
  }

 private:
  static HWY_INLINE hn::Mask<D> Beats(V x, V best) {
    if constexpr (std::is_floating_point_v<T>) {
      // "Not ≤" holds for a NaN x as well; a NaN that came first stays.
      return hn::AndNot(hn::Le(x, best), hn::Eq(best, best));
    } else {
      return hn::Gt(x, best);
    }
  }
};

// Lanes of halves hold bits: what is compared is a key made of them.
template <class T, class D>
struct HalfOrder {
  using V = hn::Vec<D>;
  using DI = hn::RebindToSigned<D>;
  using K = hn::Vec<DI>;
  using Bits = hn::TFromD<D>;

  struct Best {
    V value;
    K key;
  };

  static HWY_INLINE Best Lowest() {
    return Of(hn::Set(D(), Bits{0x8000 | kHalfInfinity<T>}));
  }

  static HWY_INLINE Best Of(V x) { return {x, Key(x)}; }

  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const K key = Key(x);
    const auto beats = hn::Gt(key, best.key);
    const auto mask = hn::RebindMask(D(), beats);
    best.value = hn::IfThenElse(mask, x, best.value);
    best.key = hn::IfThenElse(beats, key, best.key);
    return mask;
  }

 private:
  static HWY_INLINE K Key(V bits) {
    const DI di;
    const V magnitude = hn::And(bits, hn::Set(D(), Bits{0x7fff}));
    const auto is_negative = hn::RebindMask(di, hn::Ne(magnitude, bits));
    const K key = hn::BitCast(di, magnitude);
    const K infinity = hn::BitCast(di, hn::Set(D(), Bits{kHalfInfinity<T>}));
    const K nan = hn::BitCast(di, hn::Set(D(), Bits{0x7fff}));
    return hn::IfThenElse(hn::Gt(key, infinity), nan,
                          hn::IfThenElse(is_negative, hn::Neg(key), key));
  }
};

// max: the greatest tap; the first of them; the first NaN if there is one.
template <class T, class Tap>
class MaxForward : public OnePass {
  static constexpr bool kWide = kKeepsTaps<Tap> && sizeof(Tap) > 1;
  using Lanes = BitLanes<T, kWide>;
  using D = typename Lanes::D;
  using Ranking = std::conditional_t<IsHalf<T>::value, HalfOrder<T, D>, Order<T, D>>;
  using Taps = TapLanes<std::conditional_t<kKeepsTaps<Tap>, Tap, uint8_t>, D>;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    typename Ranking::Best best;
    typename Taps::V tap;
  };

  explicit MaxForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<T*>(o.y)),
        taps_(static_cast<Tap*>(o.taps)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t) const {
    return {Ranking::Lowest(), Taps::Set(window.first_tap)};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t tap,
                      State& s) const {
    const auto beats = Ranking::Replace(Lanes::Load(lanes, x_ + in), s.best);
    if constexpr (kKeepsTaps<Tap>) {
      s.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), beats), Taps::Set(tap),
                             s.tap);
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, s.best.value, y_ + out);
    if constexpr (kKeepsTaps<Tap>) Taps::Store(lanes, s.tap, taps_ + out);
  }

  static constexpr bool kSeparable = true;
  static constexpr size_t kVectorBytes = kLanes * sizeof(typename Lanes::Lane);
  static constexpr size_t kSavedBytes = kVectorBytes * (kKeepsTaps<Tap> ? 2 : 1);

  template <class Which>
  HWY_INLINE State First(Which lanes, int64_t in, int64_t tap) const {
    return {Ranking::Of(Lanes::Load(lanes, x_ + in)), Taps::Set(tap)};
  }

  static HWY_INLINE void Merge(const State& second, State& first) {
    const auto beats = Ranking::Replace(second.best.value, first.best);
    if constexpr (kKeepsTaps<Tap>) {
      first.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), beats), second.tap,
                                 first.tap);
    }
  }

  static HWY_INLINE void Renumber(int64_t by, State& s) {
    if constexpr (kKeepsTaps<Tap>) s.tap = hn::Add(s.tap, Taps::Set(by));
  }

  static HWY_INLINE void Save(const State& s, char* to) {
    using Lane = typename Lanes::Lane;
    hn::Store(s.best.value, D(), reinterpret_cast<Lane*>(to));
    if constexpr (kKeepsTaps<Tap>) {
      const typename Taps::DU du;
      using Number = hn::TFromD<typename Taps::DU>;
      hn::Store(s.tap, du, reinterpret_cast<Number*>(to + kVectorBytes));
    }
  }

  static HWY_INLINE State Saved(const char* from) {
    using Lane = typename Lanes::Lane;
    State s = {Ranking::Of(hn::Load(D(), reinterpret_cast<const Lane*>(from))),
               Taps::Set(0)};
    if constexpr (kKeepsTaps<Tap>) {
      const typename Taps::DU du;
      using Number = hn::TFromD<typename Taps::DU>;
      s.tap = hn::Load(du, reinterpret_cast<const Number*>(from + kVectorBytes));
    }
    return s;
  }

 private:
  const T* x_;
  T* y_;
  Tap* taps_;
};

// avg: the sum of the taps over the window's divisor.
template <class T>
class AvgForward : public OnePass {
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

  static constexpr bool kSeparable = true;
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

 private:
  const T* x_;
  T* y_;
};

// The gradient of avg: each tap gets its share of dy.
template <class T>
class AvgBackward : public OnePass {
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
class SelectBackward : public OnePass {
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
class SelectPick : public OnePass {
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
