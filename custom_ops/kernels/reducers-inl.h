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

#include "hwy/cache_control.h"
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

// What reducers may offer besides; here they do not.
//   void Fetch(near) const   tells memory that a vector at `near` will be needed soon
struct Reducer {
  HWY_INLINE void Fetch(int64_t) const {}
  static constexpr bool kSeparable = false;  // see separable-inl.h
  static constexpr bool kScatters = false;   // see scatter-inl.h
  static constexpr bool kAverages = false;   // whether it looks at Window::share
  static constexpr bool kStreams = false;    // whether results go past the caches
  // A reducer may presume something of its input that makes it faster:
  //   bool Holds(near, count) const   whether it is so, of neighbouring elements
  // Where it is not, the reducer named here does the work.
  using Careful = void;
  // A gradient may be had as a forward walk the other way round (see AdjointOf), by the
  // reducer named here. That one may scale each input before any other step:
  //   void Scale(share, &state)
  using Adjoint = void;
  static constexpr bool kScales = false;
};

// A reducer that looks at each tap once. Others have more passes: they offer
//   void StartPass<kPass>(&state)                            before each but the first
//   void AddInPass<kPass>(lanes, window, near, tap, &state)  in place of Add
struct OnePass : Reducer {
  static constexpr int kPasses = 1;
};

// Stands for the gradient of a reduction whose callers compose it of others.
template <class T>
struct NoBackward {};

// The order of elements: NaN above all, −0 equal to +0, and of equals the first wins.
// Of integers it is the plain one.
template <class T, class D>
struct Order {
  using V = hn::Vec<D>;
  static constexpr bool kPresumes = false;

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
    if constexpr (std::is_floating_point_v<T>) {
      best.value = hn::IfThenElse(beats, x, best.value);
    } else {
      best.value = hn::Max(x, best.value);
    }
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

// The same of elements none of which is a NaN.
template <class T, class D>
struct NumberOrder {
  using V = hn::Vec<D>;
  using Best = typename Order<T, D>::Best;
  static constexpr bool kPresumes = true;

  static HWY_INLINE Best Lowest() { return Order<T, D>::Lowest(); }
  static HWY_INLINE Best Of(V x) { return {x}; }

  static HWY_INLINE hn::Mask<D> Replace(V x, Best& best) {
    const auto beats = hn::Gt(x, best.value);
#if HWY_ARCH_X86
    best.value = hn::Max(x, best.value);  // x > best ? x : best, also of zeros
#else
    best.value = hn::IfThenElse(beats, x, best.value);
#endif
    return beats;
  }

  // Whether none of `count` elements is a NaN.
  static HWY_INLINE bool Holds(const T* from, int64_t count) {
    const D d;
    constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(D()));
    auto are_numbers = hn::Eq(hn::Zero(d), hn::Zero(d));
    auto more = are_numbers;
    int64_t i = 0;
    for (; i + 2 * kStep <= count; i += 2 * kStep) {
      const V a = hn::LoadU(d, from + i);
      const V b = hn::LoadU(d, from + i + kStep);
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
      more = hn::And(more, hn::Eq(b, b));
    }
    for (; i < count; i += kStep) {
      const V a =
          hn::LoadN(d, from + i, static_cast<size_t>(HWY_MIN(count - i, kStep)));
      are_numbers = hn::And(are_numbers, hn::Eq(a, a));
    }
    return hn::AllTrue(d, hn::And(are_numbers, more));
  }
};

// Lanes of halves hold bits: what is compared is a key made of them, more easily where
// all are numbers.
template <class T, class D, bool kNumbers>
struct HalfOrder {
  static constexpr bool kPresumes = kNumbers;
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
    best.key = hn::Max(key, best.key);
    return mask;
  }

  // Whether none of `count` elements is a NaN.
  static HWY_INLINE bool Holds(const T* elements, int64_t count) {
    const hn::ScalableTag<uint16_t> d;
    constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(decltype(d)()));
    const auto from = reinterpret_cast<const uint16_t*>(elements);
    const auto magnitude = hn::Set(d, uint16_t{0x7fff});
    auto greatest = hn::Zero(d);
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) {
      greatest = hn::Max(greatest, hn::And(hn::LoadU(d, from + i), magnitude));
    }
    const auto rest = hn::LoadN(d, from + i, static_cast<size_t>(count - i));
    greatest = hn::Max(greatest, hn::And(rest, magnitude));
    return hn::AllTrue(d, hn::Le(greatest, hn::Set(d, kHalfInfinity<T>)));
  }

 private:
  static HWY_INLINE K Key(V bits) {
    const DI di;
    const V magnitude = hn::And(bits, hn::Set(D(), Bits{0x7fff}));
    const auto is_negative = hn::RebindMask(di, hn::Ne(magnitude, bits));
    const K key = hn::BitCast(di, magnitude);
    const K number = hn::IfThenElse(is_negative, hn::Neg(key), key);
    if constexpr (kNumbers) return number;
    const K infinity = hn::BitCast(di, hn::Set(D(), Bits{kHalfInfinity<T>}));
    const K nan = hn::BitCast(di, hn::Set(D(), Bits{0x7fff}));
    return hn::IfThenElse(hn::Gt(key, infinity), nan, number);
  }
};

// Lanes for maxima, and how they are ordered: carefully, or fast.
template <class T, class Tap>
using MaxLanes = BitLanes<T, (kKeepsTaps<Tap> && sizeof(Tap) > 1)>;
template <class T, class Tap, class D = typename MaxLanes<T, Tap>::D>
using CarefulMaxOrder =
    std::conditional_t<IsHalf<T>::value, HalfOrder<T, D, false>, Order<T, D>>;
template <class T, class Tap, class D = typename MaxLanes<T, Tap>::D>
using MaxOrder = std::conditional_t<
    IsHalf<T>::value, HalfOrder<T, D, true>,
    std::conditional_t<std::is_floating_point_v<T>, NumberOrder<T, D>, Order<T, D>>>;

// max: the greatest tap; the first of them; the first NaN if there is one.
template <class T, class Tap, class Ranking>
class MaxOf : public OnePass {
  using Lanes = MaxLanes<T, Tap>;
  using D = typename Lanes::D;
  using Taps = TapLanes<std::conditional_t<kKeepsTaps<Tap>, Tap, uint8_t>, D>;

 public:
  using Careful = std::conditional_t<Ranking::kPresumes,
                                     MaxOf<T, Tap, CarefulMaxOrder<T, Tap>>, void>;
  static constexpr bool kStreams = !std::is_same_v<Tap, int32_t>;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    typename Ranking::Best best;
    typename Taps::V tap;
  };

  explicit MaxOf(const Operands& o)
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
    if constexpr (kKeepsTaps<Tap>) Taps::Store(lanes.Cached(), s.tap, taps_ + out);
  }

  HWY_INLINE void Fetch(int64_t in) const { hwy::Prefetch(x_ + in); }

  HWY_INLINE bool Holds(int64_t in, int64_t count) const {
    return Ranking::Holds(x_ + in, count);
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

template <class T, class Tap>
using MaxForward = MaxOf<T, Tap, MaxOrder<T, Tap>>;

// avg: the sum of the taps over the window's divisor.
template <class T>
class AvgForward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;

 public:
  static constexpr bool kAverages = true;
  static constexpr bool kStreams = true;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit AvgForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)), y_(static_cast<T*>(o.y)) {}

  HWY_INLINE void Fetch(int64_t near) const { hwy::Prefetch(x_ + near); }

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
    const auto share = static_cast<typename Lanes::Lane>(window.share);
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
    Lanes::Store(lanes, s.sum, this->y_ + out);
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
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  using Adjoint = AvgAdjoint<T>;

  explicit AvgBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)), dx_(static_cast<T*>(o.dx)) {}

  HWY_INLINE void Fetch(int64_t near) const { hwy::Prefetch(dy_ + near); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t) const {
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
    s.sum = hn::MaskedAddOr(s.sum, hn::RebindMask(D(), won), s.sum,
                            Lanes::Load(lanes, dy_ + out));
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

  static constexpr bool kScatters = true;
  using Lane = typename Lanes::Lane;

  template <class Which>
  HWY_INLINE const Lane* Given(Which lanes, int64_t out, Lane* room) const {
    if constexpr (std::is_same_v<Lane, T>) return dy_ + out;
    hn::Store(Lanes::Load(lanes, dy_ + out), D(), room);
    return room;
  }

  HWY_INLINE void Fetch(int64_t out) const {
    hwy::Prefetch(dy_ + out);
    hwy::Prefetch(taps_ + out);
  }

  template <class Which>
  HWY_INLINE bool TapsAreBelow(Which lanes, int64_t out, int64_t taps) const {
    const typename Taps::DU du;
    return hn::AllTrue(du, hn::Lt(Taps::Load(lanes, taps_ + out), Taps::Set(taps)));
  }

  HWY_INLINE hwy::MakeUnsigned<Tap> TapOf(int64_t out) const {
    return static_cast<hwy::MakeUnsigned<Tap>>(taps_[out]);
  }

  template <class Which>
  HWY_INLINE void Take(Which lanes, const Lane* from, int64_t in) const {
    Lanes::Store(lanes, lanes.Load(D(), from), dx_ + in);
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
