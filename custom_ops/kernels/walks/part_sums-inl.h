// Sums of more taps than float32 can add one by one: taps are summed part by part, and
// the parts in wider lanes. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_PART_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_PART_SUMS_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_PART_SUMS_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_PART_SUMS_INL_H_
#endif

#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/simd/sums-inl.h"
#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class R>
using PlacesOfSums = decltype(R::Sums(std::declval<typename R::State&>()));
template <class R>
constexpr int64_t kSumsOf = static_cast<int64_t>(std::tuple_size_v<PlacesOfSums<R>>);

// Sums of up to kStates states (see Reducer::Sums). A part of the taps is summed in the
// states themselves, and parts in wider lanes; where there is but one part, nothing is
// done to a state.
template <class R, int64_t kStates, int64_t kSums = kSumsOf<R>>
class PartSums {
  using State = typename R::State;
  using V = std::remove_pointer_t<typename PlacesOfSums<R>::value_type>;
  using D = hn::DFromV<V>;

 public:
  // Tells that `taps` have been added, up to TapTable::kMost, and more will be.
  HWY_INLINE void Added(int64_t taps, int64_t count, State* states) {
    taps_ += taps;
    if (taps_ > kMostTapsInLanes - TapTable::kMost) EndPart(count, states);
  }

  // Tells that all taps have been added: sums become those of all parts.
  HWY_INLINE void EndAll(int64_t count, State* states) {
    if (has_parts_) AddParts(count, states);
    taps_ = 0;
  }

 private:
  HWY_NOINLINE void EndPart(int64_t count, State* states) {
    ForSums(count, states, [&](V& sum, WideSum<D>& done) HWY_ATTR {
      const auto part = WideSum<D>::Of(sum);
      if (has_parts_) {
        done.Add(part);
      } else {
        done = part;
      }
      sum = hn::Set(D(), static_cast<hn::TFromD<D>>(-0.0));  // −0 + x is x
    });
    has_parts_ = true;
    taps_ = 0;
  }

  HWY_NOINLINE void AddParts(int64_t count, State* states) {
    ForSums(count, states, [](V& sum, WideSum<D>& done) HWY_ATTR {
      done.Add(WideSum<D>::Of(sum));
      sum = done.Rounded();
    });
    has_parts_ = false;
  }

  template <class Visit>
  HWY_INLINE void ForSums(int64_t count, State* states, const Visit& visit) {
    WideSum<D>* done = done_;
    for (int64_t v = 0; v < count; ++v) {
      for (V* const sum : R::Sums(states[v])) visit(*sum, *done++);
    }
  }

  int64_t taps_ = 0;  // of the part at hand
  bool has_parts_ = false;
  WideSum<D> done_[kStates * kSums];
};

template <class R, int64_t kStates>
class PartSums<R, kStates, 0> {
 public:
  HWY_INLINE void Added(int64_t, int64_t, typename R::State*) {}
  HWY_INLINE void EndAll(int64_t, typename R::State*) {}
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
