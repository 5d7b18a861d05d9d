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

// What a maximum keeps of taps: none; those that fit a byte, in lanes as wide as
// elements; or any, in lanes that have room for them.
enum class Keep { kNoTaps, kSmallTaps, kAnyTaps };

// How elements are ordered: fast, or with care.
template <class T, Keep kKeep>
struct MaxOrders {
  using D = typename BitLanes<T, kKeep == Keep::kAnyTaps>::D;
  using OfIntegers =
      std::conditional_t<std::is_same_v<T, int8_t> && kKeep != Keep::kNoTaps,
                         ByteOrder<D>, IntegerOrder<T, D>>;
  using OfNumbers =
      std::conditional_t<std::is_floating_point_v<T>, NumberOrder<T, D>, OfIntegers>;
  using OfHalves = std::conditional_t<kKeep == Keep::kNoTaps, TaplessHalfOrder<D>,
                                      PlainHalfOrder<D>>;
  using Fast = std::conditional_t<IsHalf<T>::value, OfHalves, OfNumbers>;
  using Careful =
      std::conditional_t<IsHalf<T>::value, CarefulHalfOrder<D>, CarefulOrder<T, D>>;
};

// max: the greatest tap; the first of them; the first NaN if there is one.
template <class T, Keep kKeep, class Order>
class MaxOf : public OnePass {
  using Lanes = BitLanes<T, kKeep == Keep::kAnyTaps>;
  using D = typename Lanes::D;
  using Taps = TapLanes<uint8_t, D>;
  static constexpr bool kKeepsTaps = kKeep != Keep::kNoTaps;

 public:
  using Element = T;
  using Fallback =
      std::conditional_t<Order::kAssumes,
                         MaxOf<T, kKeep, typename MaxOrders<T, kKeep>::Careful>, void>;
  static constexpr bool kLooksFirst = Order::kLooksFirst;
  static constexpr int kVectors = Order::kIsRare ? 1 : OnePass::kVectors;
  static constexpr bool kIsLight = !Order::kIsRare;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct WithTap {
    typename Taps::V tap;
  };
  struct WithoutTap {};
  struct State : std::conditional_t<kKeepsTaps, WithTap, WithoutTap> {
    typename Order::Best best;
  };

  explicit MaxOf(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(static_cast<T*>(o.y)),
        taps_(o.taps, o.parameters.tap_type),
        order_(o.parameters.type) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t, int64_t) const {
    return StateOf(order_.Lowest(), window.first_tap);
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t in, int64_t tap,
                      State& s) const {
    Merge(First(lanes, in, tap), s);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    Lanes::Store(lanes, order_.Value(s.best), y_ + out);
    if constexpr (kKeepsTaps) taps_.Store(lanes, s.tap, out);
  }

  HWY_INLINE void Fetch(int64_t in) const { hwy::Prefetch(x_ + in); }
  HWY_INLINE void Touch(int64_t in, int64_t count) const { ReadLines(x_ + in, count); }

  using Doubts = typename Order::Doubts;
  static HWY_INLINE Doubts NoDoubts() { return Order::NoDoubts(); }

  template <class Which>
  HWY_INLINE void Look(Which lanes, int64_t in, int64_t other, Doubts& doubts) const {
    if constexpr (Order::kAssumes && !Order::kLooksFirst) {
      Order::Look(Lanes::Load(lanes, x_ + in), Lanes::Load(lanes, x_ + other), doubts);
    }
  }

  template <class Which>
  HWY_INLINE bool Holds(Which, const State& s, const Doubts& doubts) const {
    return order_.Holds(s.best, doubts);
  }

  HWY_INLINE bool AssumptionHolds(int64_t in, int64_t count) const {
    if constexpr (Order::kAssumes) return order_.AssumptionHolds(x_ + in, count);
    return true;
  }

  // Of integers only bytes are pooled often, and hardly ever with their taps.
  static constexpr bool kSeparable =
      Order::kAssumes || (std::is_integral_v<T> && sizeof(T) == 1 && !kKeepsTaps);
  static constexpr int64_t kTapBytes = kKeepsTaps ? 4 : 0;
  static constexpr size_t kVectorBytes = kLanes * sizeof(typename Lanes::Lane);
  static constexpr size_t kSavedBytes = kVectorBytes * (kKeepsTaps ? 2 : 1);

  template <class Which>
  HWY_INLINE State First(Which lanes, int64_t in, int64_t tap) const {
    return StateOf(order_.Of(Lanes::Load(lanes, x_ + in)), tap);
  }

  HWY_INLINE void Merge(const State& second, State& first) const {
    if constexpr (kKeepsTaps) {
      const auto beats = order_.Replace(second.best, first.best);
      first.tap = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), beats), second.tap,
                                 first.tap);
    } else {
      order_.Replace(second.best, first.best);
    }
  }

  static HWY_INLINE void Renumber(int64_t by, State& s) {
    if constexpr (kKeepsTaps) s.tap = hn::Add(s.tap, Taps::Set(by));
  }

  static HWY_INLINE void Save(const State& s, char* to) {
    using Lane = typename Lanes::Lane;
    hn::Store(Order::Packed(s.best), D(), reinterpret_cast<Lane*>(to));
    if constexpr (kKeepsTaps) {
      const typename Taps::DU du;
      using Number = hn::TFromD<typename Taps::DU>;
      hn::Store(s.tap, du, reinterpret_cast<Number*>(to + kVectorBytes));
    }
  }

  static HWY_INLINE State Saved(const char* from) {
    using Lane = typename Lanes::Lane;
    State s =
        StateOf(Order::Unpacked(hn::Load(D(), reinterpret_cast<const Lane*>(from))), 0);
    if constexpr (kKeepsTaps) {
      const typename Taps::DU du;
      using Number = hn::TFromD<typename Taps::DU>;
      s.tap = hn::Load(du, reinterpret_cast<const Number*>(from + kVectorBytes));
    }
    return s;
  }

 private:
  static HWY_INLINE State StateOf(const typename Order::Best& best, int64_t tap) {
    if constexpr (kKeepsTaps) {
      return {{Taps::Set(tap)}, best};
    } else {
      return {{}, best};
    }
  }

  const T* x_;
  T* y_;
  TapMemory<D> taps_;
  Order order_;
};

template <class T, Keep kKeep>
using MaxForward = MaxOf<T, kKeep, typename MaxOrders<T, kKeep>::Fast>;

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
