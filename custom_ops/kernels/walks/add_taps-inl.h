// How a window's taps are added to the states of vectors, for the walk over windows.
// Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_ADD_TAPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_ADD_TAPS_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_ADD_TAPS_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_ADD_TAPS_INL_H_
#endif

#include <algorithm>

#include "kernels/spec/integers.h"
#include "kernels/walks/part_sums-inl.h"
#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

template <int kPass, class R>
HWY_INLINE void StartPass(const R& reducer, int64_t count, typename R::State* states) {
  if constexpr (kPass > 0) {
    for (int64_t v = 0; v < count; ++v) reducer.template StartPass<kPass>(states[v]);
  }
}

// Where vectors lie that are reduced together, from the first of them.
struct EvenlyApart {
  int64_t apart;
  HWY_INLINE int64_t operator()(int64_t v) const { return v * apart; }
};
// Of neighbours those that would pass the end are the last one again.
struct NeighboursUpTo {
  int64_t vector;
  int64_t last;
  HWY_INLINE int64_t operator()(int64_t v) const { return HWY_MIN(v * vector, last); }
};

// Adds taps that the table holds to kCount vectors: kTaps of them or, if that is 0, any
// number.
template <int kCount, int kPass, int kTaps, class R, class Lanes, class Places>
HWY_INLINE void AddSome(const R& reducer, Lanes lanes, const Window& window,
                        const TapTable& taps, Range some, int64_t in, Places places,
                        typename R::State* states, typename R::Doubts& doubts) {
  const auto add = [&](int64_t i) HWY_ATTR {
    const int64_t tap_at = in + taps.offset(i);
    KP_UNROLL for (int v = 0; v < kCount; v += 2) {
      const int64_t next = HWY_MIN(v + 1, kCount - 1);
      reducer.Look(lanes, tap_at + places(v), tap_at + places(next), doubts);
    }
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      if constexpr (R::kPasses == 1) {
        reducer.Add(lanes, window, tap_at + places(v), taps.number(i), states[v]);
      } else {
        reducer.template AddInPass<kPass>(lanes, window, tap_at + places(v),
                                          taps.number(i), states[v]);
      }
    }
  };
  if constexpr (kTaps > 0) {
    KP_UNROLL for (int i = 0; i < kTaps; ++i) add(some.begin + i);
  } else {
    for (int64_t i = some.begin; i < some.end; ++i) add(i);
  }
}

// The same in every pass: of a window that the table holds as a whole.
template <int kCount, int kPass = 0, class R, class Lanes>
HWY_INLINE void AddTaps(const R& reducer, Lanes lanes, const Window& window,
                        const TapTable& taps, int64_t in, EvenlyApart places,
                        typename R::State* states, typename R::Doubts& doubts) {
  StartPass<kPass>(reducer, kCount, states);
  AddSome<kCount, kPass, 0>(reducer, lanes, window, taps, {0, taps.count()}, in, places,
                            states, doubts);
  if constexpr (kPass + 1 < R::kPasses) {
    AddTaps<kCount, kPass + 1>(reducer, lanes, window, taps, in, places, states,
                               doubts);
  }
}

// Reduces one window of any number of taps, part by part, and sums likewise. Where it
// has more lanes than registers hold, a few taps are added to all of them before the
// next ones, so that memory is read in long pieces; the states wait in the nearest
// cache.
template <class R>
class WindowInParts {
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);
  static constexpr int64_t kGroup = R::kVectors * kVector;  // lanes held in registers
  static constexpr int64_t kStateBytes =
      static_cast<int64_t>(sizeof(typename R::State));
  static constexpr int64_t kMostStates =  // of whole groups
      HWY_MAX(8192 / kStateBytes, int64_t{16}) / R::kVectors * R::kVectors;
  static constexpr int64_t kTogether = 4;

 public:
  // Whether windows are better read so although the table holds them: they have many
  // taps, which are read once, and more lanes than registers hold, or more than one
  // vector of them and no neighbours to be reduced with.
  static bool Suits(const Plan& plan, const TileView& view) {
    const auto is_disjoint = [](const Axis& axis) { return axis.is_disjoint(); };
    const int64_t lanes = view.lane_end - view.lane_begin;
    return R::kIsLight && plan.max_taps() > 4 * kTogether &&
           (lanes > kGroup || (lanes > kVector && plan.axes[2].out() < R::kVectors)) &&
           std::all_of(plan.axes, plan.axes + kMaxRank, is_disjoint);
  }

  // `out` and `index` are those of lane 0. Not inline: what has its address taken here
  // would else be kept in memory where windows are small, too.
  static HWY_NOINLINE void Run(const Operands& operands, const WindowRun& at,
                               const TileView& view, Range lanes, int64_t out,
                               int64_t index) {
    while (lanes.size() > 0) {
      const int64_t end = HWY_MIN(lanes.begin + kMostStates * kVector, lanes.end);
      WindowInParts(operands, at, view, {lanes.begin, end}, out, index).Reduce();
      lanes.begin = end;
    }
  }

 private:
  WindowInParts(const Operands& operands, const WindowRun& at, const TileView& view,
                Range lanes, int64_t out, int64_t index)
      : operands_(operands),
        at_(at),
        view_(view),
        lanes_(lanes),
        out_(out),
        index_(index),
        window_({at.taps->first_number(), at.share, view.index_step}) {}

  void Reduce() const {
    const R reducer(operands_);
    typename R::State states[kMostStates];
    PartSums<R, kMostStates> sums;
    typename R::Doubts doubts = R::NoDoubts();
    int64_t v = 0;
    ForEach([&](auto which, int64_t lane) KP_INLINE {
      states[v++] =
          reducer.Begin(which, window_, out_ + lane, index_ + lane * view_.index_step);
    });
    for (; v % R::kVectors != 0; ++v) states[v] = states[v - 1];
    AddParts<0>(reducer, states, sums, doubts);
    if constexpr (kHasFallback<R> && !R::kLooksFirst) {
      bool holds = true;
      v = 0;
      ForEach([&](auto which, int64_t)
                  KP_INLINE { holds &= reducer.Holds(which, states[v++], doubts); });
      if (HWY_UNLIKELY(!holds)) {
        return WindowInParts<typename R::Fallback>::Run(operands_, at_, view_, lanes_,
                                                        out_, index_);
      }
    }
    v = 0;
    ForEach([&](auto which, int64_t lane) KP_INLINE {
      reducer.Finish(which, window_, out_ + lane, states[v++]);
    });
  }

  template <int kPass>
  HWY_INLINE void AddParts(const R& reducer, typename R::State* states,
                           PartSums<R, kMostStates>& sums,
                           typename R::Doubts& doubts) const {
    StartPass<kPass>(reducer, States(), states);
    for (;;) {
      const int64_t count = at_.taps->count();
      int64_t tap = 0;
      if constexpr (R::kIsLight) {
        for (; tap + kTogether <= count && lanes_.size() > kGroup; tap += kTogether) {
          AddToAll<kPass, kTogether>(reducer, {tap, tap + kTogether}, states, doubts);
        }
      }
      if (tap < count) AddToAll<kPass, 0>(reducer, {tap, count}, states, doubts);
      if (!at_.taps->NextPart()) break;
      sums.Added(count, States(), states);
    }
    sums.EndAll(States(), states);
    if constexpr (kPass + 1 < R::kPasses) {
      AddParts<kPass + 1>(reducer, states, sums, doubts);
    }
  }

  // Adds some taps, kTaps of them or, if that is 0, any number.
  template <int kPass, int kTaps>
  HWY_INLINE void AddToAll(const R& reducer, Range some, typename R::State* states,
                           typename R::Doubts& doubts) const {
    constexpr int kVectors = kTaps > 0 ? HWY_MIN(R::kVectors, 2) : R::kVectors;
    ForGroups<kVectors>(
        [&](auto vectors, auto which, int64_t lane, NeighboursUpTo places) KP_INLINE {
          constexpr int kCount = vectors.value;
          typename R::State own[kCount];  // in registers
          KP_UNROLL for (int i = 0; i < kCount; ++i) own[i] = states[i];
          AddSome<kCount, kPass, kTaps>(reducer, which, window_, *at_.taps, some,
                                        at_.in + lane, places, own, doubts);
          KP_UNROLL for (int i = 0; i < kCount; ++i) states[i] = own[i];
          states += kCount;
        });
  }

  int64_t States() const { return CeilDiv(lanes_.size(), kVector); }

  // One vector after the other; the last, if it is short, steps back.
  template <class Visit>
  HWY_INLINE void ForEach(const Visit& visit) const {
    ForLanes<R::kLanes, 1>(lanes_.begin, lanes_.end, AllLanes{view_.streams},
                           [&](auto, auto which, int64_t lane)
                               KP_INLINE { visit(which, lane); });
  }

  // kVectors of them at a time. One at a time would wait for its last tap: where fewer
  // are left, the last one is there several times.
  template <int kVectors, class Visit>
  HWY_INLINE void ForGroups(const Visit& visit) const {
    constexpr std::integral_constant<int, 1> kOne;
    constexpr std::integral_constant<int, kVectors> kAll;
    if constexpr (kVectors == 1) {
      ForEach([&](auto which, int64_t lane)
                  KP_INLINE { visit(kOne, which, lane, NeighboursUpTo{0, 0}); });
    } else if (lanes_.size() < kVector) {
      const FirstLanes first{static_cast<size_t>(lanes_.size())};
      visit(kOne, first, lanes_.begin, NeighboursUpTo{0, 0});
    } else {
      const int64_t last = lanes_.end - kVector;
      for (int64_t lane = lanes_.begin; lane < lanes_.end; lane += kVectors * kVector) {
        visit(kAll, AllLanes(), lane, NeighboursUpTo{kVector, last - lane});
      }
    }
  }

  const Operands& operands_;
  const WindowRun& at_;
  const TileView& view_;
  const Range lanes_;
  const int64_t out_;
  const int64_t index_;
  const Window window_;
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
