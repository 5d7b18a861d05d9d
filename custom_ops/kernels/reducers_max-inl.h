// Max pooling: its reducers, and those of every reduction that selects a tap. Included
// once per instruction set; see reducers-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#endif

#include "kernels/order-inl.h"
#include "kernels/reducers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Lanes for maxima, and how they are ordered: carefully, or fast.
template <class T, class Tap>
using MaxLanes = BitLanes<T, (kKeepsTaps<Tap> && sizeof(Tap) > 1)>;
template <class T, class Tap, class D = typename MaxLanes<T, Tap>::D>
using CarefulMaxOrder =
    std::conditional_t<IsHalf<T>::value, HalfOrder<T, D>, Order<T, D>>;
template <class T, class Tap, class D = typename MaxLanes<T, Tap>::D>
using MaxOrder = std::conditional_t<
    IsHalf<T>::value, PlainHalfOrder<T, D>,
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
    const auto beats =
        Ranking::Replace(Ranking::Of(Lanes::Load(lanes, x_ + in)), s.best);
    if constexpr (kKeepsTaps<Tap>) {
      s.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), beats), Taps::Set(tap),
                             s.tap);
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, Ranking::Value(s.best), y_ + out);
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
    const auto beats = Ranking::Replace(second.best, first.best);
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
    hn::Store(Ranking::Packed(s.best), D(), reinterpret_cast<Lane*>(to));
    if constexpr (kKeepsTaps<Tap>) {
      const typename Taps::DU du;
      using Number = hn::TFromD<typename Taps::DU>;
      hn::Store(s.tap, du, reinterpret_cast<Number*>(to + kVectorBytes));
    }
  }

  static HWY_INLINE State Saved(const char* from) {
    using Lane = typename Lanes::Lane;
    State s = {Ranking::Unpacked(hn::Load(D(), reinterpret_cast<const Lane*>(from))),
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
