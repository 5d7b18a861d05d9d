// The gradient of every reduction that selects a tap, and the gradient of that.
// Included once per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_SELECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_SELECT_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_SELECT_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_SELECT_INL_H_
#endif

#include "kernels/reducers/reducer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The gradient of every selecting reduction: dy goes to the tap that won.
template <class T, class Tap>
class SelectBackward : public OnePass {
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Taps = TapLanes<Tap, D>;

 public:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  static constexpr bool kIsLight = !IsHalf<T>::value && sizeof(Tap) == 1;
  struct State {
    V sum;
  };

  explicit SelectBackward(const Operands& o)
      : dy_(static_cast<const T*>(o.dy)),
        taps_(static_cast<const Tap*>(o.taps)),
        dx_(static_cast<T*>(o.dx)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which, const Window&, int64_t, int64_t) const {
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
  using Result = T;

  template <class Which>
  HWY_INLINE const Lane* LoadGradients(Which lanes, int64_t out, Lane* room) const {
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

  HWY_INLINE Result* ResultAt(int64_t in) const { return dx_ + in; }

  template <class Which>
  HWY_INLINE void StoreSums(Which lanes, const Lane* from, Result* to) const {
    Lanes::Store(lanes, lanes.Load(D(), from), to);
  }

 private:
  const T* dy_;
  const Tap* taps_;
  T* dx_;
};

// The tap that `taps` names, of another tensor: the gradient of SelectBackward.
template <class T, class Tap>
class GatherTaps : public OnePass {
  using Lanes = BitLanes<T, (sizeof(Tap) > 1)>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Taps = TapLanes<Tap, D>;

 public:
  static constexpr int kVectors = 1;  // gradients of gradients are rare
  static constexpr size_t kLanes = hn::MaxLanes(D());
  struct State {
    typename Taps::V tap;
    V picked;
  };

  explicit GatherTaps(const Operands& o)
      : x_(static_cast<const T*>(o.x)),
        taps_(static_cast<const Tap*>(o.taps)),
        y_(static_cast<T*>(o.y)) {}

  template <class Which, class Window>
  HWY_INLINE State Begin(Which lanes, const Window&, int64_t out, int64_t) const {
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
