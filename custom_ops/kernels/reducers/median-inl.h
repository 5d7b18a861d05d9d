// Median pooling: its reducers. Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_MEDIAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_MEDIAN_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_MEDIAN_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_MEDIAN_INL_H_
#endif

#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// median: the middle tap in order of size, or the mean of two; a NaN if there is one.
// Pass 0 puts all taps in order, pass 1 finds which the middle ones are, of equals the
// first. To prepare the gradient, it gives their numbers.
template <class T>
class MedianForward : public Reducer {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;
  using Taps = TapLanes<int32_t, D>;

 public:
  static constexpr int kPasses = 2;
  static constexpr int kVectors = 1;
  static constexpr int64_t kMostTaps = kMostMedianTaps;
  static constexpr size_t kLanes = hn::MaxLanes(D());

  // One of the two in the middle.
  struct Middle {
    V value;  // in order
    hn::Mask<D> is_found;
    V tap;  // whose sign a zero has
    typename Taps::V number;
  };
  struct State {
    V in_order[kMostMedianTaps];
    int64_t count;
    hn::Mask<D> has_nan;
    Middle below;
    Middle above;
  };

  explicit MedianForward(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        y_(o.y),
        norms_(static_cast<Lane*>(o.norms)),
        finds_taps_(o.parameters.task == Task::kPrepare) {}

  HWY_INLINE void Touch(int64_t in, int64_t count) const { ReadLines(x_ + in, count); }

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window& window, int64_t, int64_t) const {
    State s;
    const V zero = hn::Zero(D());
    const auto none = hn::MaskFalse(D());
    s.in_order[0] = zero;
    s.count = 0;
    s.has_nan = none;
    s.below = s.above = {zero, none, zero, Taps::Set(window.first_tap)};
    return s;
  }

  template <int kPass>
  HWY_INLINE void StartPass(State& s) const {
    s.below.value = InOrder(s, (s.count - 1) / 2);
    s.above.value = InOrder(s, s.count / 2);
  }

  template <int kPass, class Which, class Window>
  HWY_INLINE void AddInPass(Which lanes, const Window&, int64_t in, int64_t tap,
                            State& s) const {
    const V x = Lanes::Load(lanes, x_ + in);
    if constexpr (kPass == 0) {
      s.has_nan = hn::Or(s.has_nan, hn::IsNaN(x));
      V rest = x;
      for (int64_t i = 0; i < s.count; ++i) {
        const V other = s.in_order[i];
        s.in_order[i] = hn::Min(other, rest);
        rest = hn::Max(other, rest);
      }
      s.in_order[s.count++] = rest;
    } else {
      Find(x, tap, s.below);
      Find(x, tap, s.above);
    }
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t out,
                         const State& s) const {
    const D d;
    if (finds_taps_) {
      lanes.Store(hn::BitCast(d, s.below.number), d, static_cast<Lane*>(y_) + out);
      lanes.Store(hn::BitCast(d, s.above.number), d, norms_ + out);
      return;
    }
    const V half = hn::Set(d, Lane{0.5});  // first: a sum may exceed what V holds
    const V mean = hn::Add(hn::Mul(s.below.tap, half), hn::Mul(s.above.tap, half));
    Lanes::Store(lanes, s.count % 2 == 1 ? s.below.tap : mean,
                 static_cast<T*>(y_) + out);
  }

 private:
  // A NaN, which no tap is equal to, where there is one.
  static HWY_INLINE V InOrder(const State& s, int64_t place) {
    return hn::IfThenElse(s.has_nan, hn::NaN(D()), s.in_order[place]);
  }

  static HWY_INLINE void Find(V x, int64_t tap, Middle& middle) {
    const auto is_it = hn::Or(hn::Eq(x, middle.value), hn::IsNaN(x));
    const auto is_first = hn::AndNot(middle.is_found, is_it);
    middle.is_found = hn::Or(middle.is_found, is_it);
    middle.tap = hn::IfThenElse(is_first, x, middle.tap);
    middle.number = hn::IfThenElse(hn::RebindMask(typename Taps::DU(), is_first),
                                   Taps::Set(tap), middle.number);
  }

  const T* x_;
  void* y_;
  Lane* norms_;
  bool finds_taps_;
};

// Its gradient: dy goes to the middle tap, or half of it to each of two.
template <class T>
class MedianBackward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;
  using Taps = TapLanes<int32_t, D>;

 public:
  static constexpr int kVectors = 1;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    V sum;
  };

  explicit MedianBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)),
        below_(static_cast<const Lane*>(o.y)),
        above_(static_cast<const Lane*>(o.norms)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
    return {hn::Zero(D())};
  }

  template <class Which, class Window>
  HWY_INLINE void Add(Which lanes, const Window&, int64_t out, int64_t tap,
                      State& s) const {
    const V dy = Lanes::Load(lanes, dy_ + out);
    const auto below = IsAt(lanes, below_ + out, tap);
    const auto above = IsAt(lanes, above_ + out, tap);
    const V half = hn::Mul(dy, hn::Set(D(), Lane{0.5}));
    const V share = hn::IfThenElse(hn::And(below, above), dy, half);
    s.sum = hn::MaskedAddOr(s.sum, hn::Or(below, above), s.sum, share);
  }

  template <class Which, class Window>
  HWY_INLINE void Finish(Which lanes, const Window&, int64_t in, const State& s) const {
    Lanes::Store(lanes, s.sum, dx_ + in);
  }

 private:
  template <class Which>
  static HWY_INLINE hn::Mask<D> IsAt(Which lanes, const Lane* numbers, int64_t tap) {
    const typename Taps::DU du;
    const auto number = hn::BitCast(du, lanes.Load(D(), numbers));
    return hn::RebindMask(D(), hn::Eq(number, Taps::Set(tap)));
  }

  const T* dy_;
  const Lane* below_;
  const Lane* above_;
  T* dx_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
