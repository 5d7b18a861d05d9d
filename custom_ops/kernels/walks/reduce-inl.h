// Forward, window by window: the walk that suits every plan. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#endif

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Every output reduces its window. Visits outputs.
//
// Vectors are reduced kTogether at a time, so that they share the steps from tap to tap
// and none waits for its last tap: those of one window, or where a position has few, of
// neighbouring windows.
template <class R>
class ReduceBox {
  static constexpr int kTogether = R::kVectors;
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);

 public:
  HWY_INLINE ReduceBox(const Plan& plan, const Operands& operands, const TileView& view,
                       const Box& box)
      : operands_(operands),
        view_(view),
        columns_(box.axes[2]),
        windows_(plan, view.in, columns_),
        is_narrow_(kTogether > 1 &&
                   view.lane_end - view.lane_begin <= kTogether / 2 * kVector),
        // Where windows move by one position, the row below is the next that memory
        // brings.
        ahead_(plan.axes[1].stride() == 1 && plan.axes[2].stride() == 1 &&
                       plan.axes[1].max_taps() > 1
                   ? plan.axes[1].max_taps() * plan.axes[1].dilation() *
                         view.in.stride[1]
                   : 0) {}

  HWY_INLINE void Row(int64_t d, int64_t h) {
    const R reducer(operands_);  // a copy that no store may change
    windows_.StartRow(d, h);
    int64_t out = view_.out.At(d, h, columns_.begin);
    int64_t index = view_.index.At(d, h, columns_.begin);
    for (int64_t w = columns_.begin; w < columns_.end;) {
      WindowRun run = windows_.From(w);
      w += run.count;
      while (run.count > 0) {
        if (ahead_ > 0) FetchLanes(reducer, view_, run.in + ahead_);
        int64_t done = 1;
        if (kTogether > 1 && is_narrow_ && run.count >= kTogether) {
          Neighbours(reducer, run, out, index);
          done = kTogether;
        } else {
          OneWindow(reducer, run, out, index);
        }
        run.count -= done;
        run.in += done * run.apart;
        out += done * view_.out.stride[2];
        index += done * view_.index.stride[2];
      }
    }
  }

 private:
  // How far apart the vectors lie that are reduced together.
  struct Apart {
    int64_t in;
    int64_t out;
    int64_t index;
  };

  HWY_INLINE void OneWindow(const R& reducer, const WindowRun& at, int64_t out,
                            int64_t index) const {
    const int64_t end = view_.lane_end;
    const AllLanes all = {view_.streams};
    int64_t lane = view_.lane_begin;
    if constexpr (kTogether > 1) {
      for (; lane + kTogether * kVector <= end; lane += kTogether * kVector) {
        Reduce<kTogether>(reducer, all, at, lane, out, index,
                          {kVector, kVector, kVector * view_.index_step});
      }
    }
    for (; lane + kVector <= end; lane += kVector) {
      Reduce<1>(reducer, all, at, lane, out, index, {});
    }
    if (lane == end) return;
    if (end - view_.lane_begin >= kVector) {
      Reduce<1>(reducer, AllLanes(), at, end - kVector, out, index, {});
    } else {
      Reduce<1>(reducer, FirstLanes{static_cast<size_t>(end - lane)}, at, lane, out,
                index, {});
    }
  }

  HWY_INLINE void Neighbours(const R& reducer, const WindowRun& at, int64_t out,
                             int64_t index) const {
    const Apart apart = {at.apart, view_.out.stride[2], view_.index.stride[2]};
    const int64_t end = view_.lane_end;
    int64_t lane = view_.lane_begin;
    if (end - lane < kVector) {
      const FirstLanes first = {static_cast<size_t>(end - lane)};
      return Reduce<kTogether>(reducer, first, at, lane, out, index, apart);
    }
    AllLanes all = {view_.streams};
    for (; lane < end; lane += kVector) {
      if (lane + kVector > end) {  // steps back over lanes that are done
        lane = end - kVector;
        all = {};
      }
      Reduce<kTogether>(reducer, all, at, lane, out, index, apart);
    }
  }

  template <int kCount, class Lanes>
  HWY_INLINE void Reduce(const R& reducer, Lanes lanes, const WindowRun& at,
                         int64_t lane, int64_t out, int64_t index, Apart apart) const {
    const Window window = {at.taps->first_number(), at.share, view_.index_step};
    const int64_t in = at.in + lane;
    out += lane;
    index += lane * view_.index_step;
    typename R::State states[kCount];
    typename R::Doubts doubts = R::NoDoubts();
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      states[v] =
          reducer.Begin(lanes, window, out + v * apart.out, index + v * apart.index);
    }
    if constexpr (R::kPasses > 1) {
      if (HWY_UNLIKELY(!at.taps->holds_all())) {
        return OneVector<R>(operands_, lanes.template AsFirst<R::kLanes>(), window,
                            *at.taps, in, out, index);
      }
      Pass<0, false>(reducer, lanes, window, *at.taps, in, states[0]);
    } else if (HWY_LIKELY(at.taps->holds_all())) {
      AddTable<kCount>(reducer, lanes, window, *at.taps, in, apart, states, doubts);
    } else {
      // States whose address is known outside would be kept in memory, here and above.
      typename R::State outside[kCount];
      typename R::Doubts doubts_outside = doubts;
      KP_UNROLL for (int v = 0; v < kCount; ++v) outside[v] = states[v];
      AddMany<kCount>(operands_, lanes, window, *at.taps, in, apart, outside,
                      doubts_outside);
      KP_UNROLL for (int v = 0; v < kCount; ++v) states[v] = outside[v];
      doubts = doubts_outside;
    }
    if constexpr (kHasFallback<R> && !R::kLooksFirst) {
      bool holds = true;
      KP_UNROLL for (int v = 0; v < kCount; ++v) {
        holds &= reducer.Holds(lanes, states[v], doubts);
      }
      if (HWY_UNLIKELY(!holds)) {
        for (int64_t v = 0; v < kCount; ++v) {
          OneVector<typename R::Fallback>(
              operands_, lanes.template AsFirst<R::kLanes>(), window, *at.taps,
              in + v * apart.in, out + v * apart.out, index + v * apart.index);
        }
        return;
      }
    }
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      reducer.Finish(lanes, window, out + v * apart.out, states[v]);
    }
  }

  // The taps that the table holds.
  template <int kCount, class Lanes>
  static HWY_INLINE void AddTable(const R& reducer, Lanes lanes, const Window& window,
                                  const TapTable& taps, int64_t in, Apart apart,
                                  typename R::State* states,
                                  typename R::Doubts& doubts) {
    const int64_t count = taps.count();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t tap_at = in + taps.offset(i);
      KP_UNROLL for (int v = 0; v < kCount; v += 2) {
        const int64_t next = HWY_MIN(v + 1, kCount - 1);
        reducer.Look(lanes, tap_at + v * apart.in, tap_at + next * apart.in, doubts);
      }
      KP_UNROLL for (int v = 0; v < kCount; ++v) {
        reducer.Add(lanes, window, tap_at + v * apart.in, taps.number(i), states[v]);
      }
    }
  }

  // More taps than a table holds. Apart: a loop with a call in it keeps no vector in a
  // register.
  template <int kCount, class Lanes>
  static HWY_NOINLINE void AddMany(const Operands& operands, Lanes lanes, Window window,
                                   TapTable& taps, int64_t in, Apart apart,
                                   typename R::State* states,
                                   typename R::Doubts& doubts) {
    const R reducer(operands);
    taps.Rewind();
    do {
      typename R::State own[kCount];
      typename R::Doubts own_doubts = doubts;
      KP_UNROLL for (int v = 0; v < kCount; ++v) own[v] = states[v];
      AddTable<kCount>(reducer, lanes, window, taps, in, apart, own, own_doubts);
      KP_UNROLL for (int v = 0; v < kCount; ++v) states[v] = own[v];
      doubts = own_doubts;
    } while (taps.Next());
  }

  // All there is to do for one vector, by this reducer or by its fallback.
  template <class Any>
  static HWY_NOINLINE void OneVector(const Operands& operands, FirstLanes lanes,
                                     Window window, TapTable& taps, int64_t in,
                                     int64_t out, int64_t index) {
    const Any reducer(operands);
    typename Any::State state = reducer.Begin(lanes, window, out, index);
    Pass<0, true>(reducer, lanes, window, taps, in, state);
    reducer.Finish(lanes, window, out, state);
  }

  // kMany: whether there may be more taps than a table holds.
  template <int kPass, bool kMany, class Any, class Lanes>
  static HWY_INLINE void Pass(const Any& reducer, Lanes lanes, const Window& window,
                              TapTable& taps, int64_t in, typename Any::State& state) {
    if constexpr (kPass > 0) reducer.template StartPass<kPass>(state);
    if constexpr (kMany) taps.Rewind();
    do {
      const int64_t count = taps.count();
      for (int64_t i = 0; i < count; ++i) {
        const int64_t tap_at = in + taps.offset(i);
        if constexpr (Any::kPasses == 1) {
          reducer.Add(lanes, window, tap_at, taps.number(i), state);
        } else {
          reducer.template AddInPass<kPass>(lanes, window, tap_at, taps.number(i),
                                            state);
        }
      }
    } while (kMany && taps.Next());
    if constexpr (kPass + 1 < Any::kPasses) {
      Pass<kPass + 1, kMany>(reducer, lanes, window, taps, in, state);
    }
  }

  const Operands& operands_;
  const TileView view_;
  const Range columns_;
  RowWindows windows_;
  const bool is_narrow_;
  const int64_t ahead_;  // 0: nothing is fetched
};

struct ReduceWalk {
  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (R::kLooksFirst) {
      if (!AssumptionHolds(plan, reducer, view, box)) {
        return WalkBox<typename R::Fallback>(plan, operands, view, box, scratch);
      }
    } else if (plan.max_taps() >= 16) {  // which lie far apart
      Touch(reducer, view, view.in, InputsOf(plan, box));
    }
    ReduceBox<R> outputs(plan, operands, view, box);
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR { outputs.Row(d, h); });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
