// What reductions that learn a parameter share: their reducers' operands. Included once
// per instruction set; see reducer-inl.h.
#if defined(KERAS_POOLING_KERNELS_REDUCERS_LEARNED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_LEARNED_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_LEARNED_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_LEARNED_INL_H_
#endif

#include <type_traits>

#include "kernels/reducers/operands.h"
#include "kernels/reducers/reducer-inl.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/power-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Powers of 2 by these exponents, and by sums of two, are normal numbers.
template <class Lane>
constexpr Lane kTame = sizeof(Lane) == 4 ? Lane{60} : Lane{500};

template <class T>
class Learned : public Reducer {
 protected:
  using Lanes = MathLanes<T>;
  using D = typename Lanes::D;
  using V = typename Lanes::V;
  using Lane = typename Lanes::Lane;
  using Math = Powers<D>;

  explicit Learned(const Operands& o)
      : parameter_(static_cast<const Lane*>(o.parameters.learned)),
        period_(o.parameters.period) {}

 public:
  static constexpr int kVectors = 1;  // powers take nearly all of the time
  static constexpr size_t kLanes = hn::MaxLanes(D());

 protected:
  static HWY_INLINE V Number(double value) {
    return hn::Set(D(), static_cast<Lane>(value));
  }

  // Whether a mask is set in all lanes that exist.
  template <class Which>
  static HWY_INLINE bool AllOf(Which lanes, hn::Mask<D> mask) {
    const D d;
    return HWY_LIKELY(hn::AllTrue(d, mask)) ||
           hn::AllFalse(
               d, hn::AndNot(mask, hn::FirstN(d, lanes.template Count<kLanes>())));
  }

  // The parameter of the lanes at an offset.
  template <class Which>
  HWY_INLINE V Parameter(Which lanes, int64_t offset) const {
    return period_ > 1 ? lanes.Load(D(), parameter_ + offset % period_)
                       : hn::Set(D(), *parameter_);
  }

 private:
  const Lane* parameter_;
  int64_t period_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
