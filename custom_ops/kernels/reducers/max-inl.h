// Max pooling: its reducer. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_MAX_INL_H_
#endif

#include "kernels/simd/order-inl.h"
#include "kernels/reducers/reducer-inl.h"

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

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
