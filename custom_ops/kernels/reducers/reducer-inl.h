// What a reducer is: the few lines that one reduction computes, on vectors. Knows
// nothing of geometry or loops. Included once per instruction set.
//
// A reducer is made of a call's operands, and works for one window on the lanes at one
// offset:
//   State Begin(lanes, window, result_at, index)   before the first tap
//   void Add(lanes, window, tap_at, tap, &state)   for each tap
//   void Finish(lanes, window, result_at, state)   stores what the window gives
// In forward walks `tap_at` is an offset into the input and `result_at` into the
// output; in backward walks it is the other way round: a "window" then is one input
// position, and its "taps" the outputs that read it. `index` is the first lane's number
// in the whole tensor (of forward walks). `lanes` says which lanes exist (lanes-inl.h).
#if defined(KERAS_POOLING_KERNELS_REDUCERS_REDUCER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_REDUCERS_REDUCER_INL_H_
#undef KERAS_POOLING_KERNELS_REDUCERS_REDUCER_INL_H_
#else
#define KERAS_POOLING_KERNELS_REDUCERS_REDUCER_INL_H_
#endif

#include <array>
#include <limits>

#include "hwy/cache_control.h"
#include "kernels/reducers/operands.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Reads memory, a byte of each line, to bring it into the cache. In long pieces this is
// much faster than to tell the processor, which then does not see what comes next.
template <class T>
HWY_INLINE void ReadLines(const T* from, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) {
    (void)*reinterpret_cast<const volatile char*>(from + i);
  }
}

// What reducers may offer besides; here they do not.
//   void Fetch(tap_at) const         tells memory that a vector there will be needed
//   void Touch(tap_at, count) const  brings `count` elements into the cache
struct Reducer {
  HWY_INLINE void Fetch(int64_t) const {}
  HWY_INLINE void Touch(int64_t, int64_t) const {}
  static constexpr bool kSeparable = false;  // see separable-inl.h
  static constexpr bool kScatters = false;   // see scatter-inl.h
  static constexpr bool kAverages = false;   // whether it looks at Window::share
  static constexpr int kVectors = 4;         // that are reduced together
  // Of a window; where the table of taps holds them, there is no code for its parts.
  static constexpr int64_t kMostTaps = std::numeric_limits<int64_t>::max();

  // The places of a state's sums, which large windows have summed part by part (see
  // PartSums): in each pass they begin at what they were, then at −0 for every part.
  template <class State>
  static HWY_INLINE std::array<void*, 0> Sums(State&) {
    return {};
  }

  // Whether it computes so little that memory, or the steps from tap to tap, take most
  // of its time. Then results go past the caches, large windows are read as memory
  // likes, and alike positions of few lanes share those steps: for that a gradient must
  // not read the input, and names the type of a Result.
  static constexpr bool kIsLight = false;

  // A reducer may assume something that makes it faster. It looks for doubts at the
  // taps as they come, of two vectors at a time, and in the end says whether the
  // assumption held. Where it did not, the reducer named here does the window again.
  // One to whom looking costs more looks at the whole box first.
  using Fallback = void;
  struct Doubts {};
  static HWY_INLINE Doubts NoDoubts() { return {}; }
  template <class Which>
  HWY_INLINE void Look(Which, int64_t, int64_t, Doubts&) const {}
  //   bool Holds(lanes, state, doubts) const
  static constexpr bool kLooksFirst = false;
  // What is said beforehand, of neighbouring elements.
  HWY_INLINE bool AssumptionHolds(int64_t, int64_t) const { return true; }

  // A gradient may be had as a forward walk the other way round (see AdjointOf), by the
  // reducer named here. That one may scale each input before any other step:
  //   void Scale(share, &state)
  using Adjoint = void;
  static constexpr bool kScales = false;
};

// A reducer that looks at each tap once. One with more passes offers, in place of Add,
//   void AddInPass<kPass>(lanes, window, tap_at, tap, &state)
// and StartPass<kPass>(&state), called before each pass but the first. It keeps more in
// registers, so that its vectors are reduced one at a time.
struct OnePass : Reducer {
  static constexpr int kPasses = 1;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
