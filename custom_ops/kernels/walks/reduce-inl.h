// Forward, window by window: the walk that suits every plan. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_REDUCE_INL_H_
#endif

#include "kernels/walks/add_taps-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Every output reduces its window. Visits outputs.
//
// Vectors are reduced kTogether at a time, so that they share the steps from tap to tap
// and none waits for its last tap: those of one window, or where a position has few, of
// neighbouring windows. Where these move by one position, they lie in memory as their
// lanes do, and are reduced like one window of many lanes.
template <class R>
class ReduceBox {
  static constexpr int kTogether = R::kVectors;
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);

 public:
  // Where windows move by one position, each tells memory of the row that comes next:
  // of what it reads itself, only that is new.
  static bool Fetches(const Plan& plan) {
    return R::kIsLight && plan.axes[0].max_taps() == 1 && plan.axes[1].max_taps() > 1 &&
           plan.axes[1].stride() == 1 && plan.axes[2].stride() == 1;
  }

  HWY_INLINE ReduceBox(const Plan& plan, const Operands& operands, const TileView& view,
                       const Box& box)
      : operands_(operands),
        view_(view),
        columns_(box.axes[2]),
        windows_(plan, view.in, columns_),
        in_parts_(WindowInParts<R>::Suits(plan, view)),
        fetches_(Fetches(plan)),
        ahead_(plan.axes[1].max_taps() * plan.axes[1].dilation() * view.in.stride[1]),
        lanes_(view.lane_end - view.lane_begin),
        is_narrow_(lanes_ <= (kTogether - 1) * kVector),
        is_row_(R::kIsLight && is_narrow_ &&
                plan.axes[2].stride() * view.in.stride[2] == lanes_ &&
                view.out.stride[2] == lanes_ &&
                view.index.stride[2] == lanes_ * view.index_step) {}

  HWY_INLINE void Row(int64_t d, int64_t h) {
    const R reducer(operands_);  // a copy that no store may change
    windows_.StartRow(d, h);
    int64_t out = view_.out.At(d, h, columns_.begin);
    int64_t index = view_.index.At(d, h, columns_.begin);
    for (int64_t w = columns_.begin; w < columns_.end;) {
      WindowRun run = windows_.From(w);
      w += run.count;
      while (run.count > 0) {
        int64_t done = 1;
        if (R::kMostTaps > TapTable::kMost &&
            HWY_UNLIKELY(in_parts_ || !run.taps->holds_all())) {
          WindowInParts<R>::Run(operands_, run, view_,
                                {view_.lane_begin, view_.lane_end}, out, index);
        } else if (kTogether > 1 && is_narrow_ && !is_row_ && run.count >= kTogether) {
          done = kTogether;
          FetchAhead(reducer, run, done);
          Neighbours(reducer, run, out, index);
        } else {
          if (is_row_) done = run.count;
          FetchAhead(reducer, run, done);
          OneWindow(reducer, run, view_.lane_begin + done * lanes_, out, index);
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

  HWY_INLINE void FetchAhead(const R& reducer, const WindowRun& at,
                             int64_t windows) const {
    if (!fetches_) return;
    for (int64_t i = 0; i < windows; ++i) {
      FetchLanes(reducer, view_, at.in + ahead_ + i * at.apart);
    }
  }

  HWY_INLINE void OneWindow(const R& reducer, const WindowRun& at, int64_t end,
                            int64_t out, int64_t index) const {
    ForLanes<R::kLanes, kTogether>(
        view_.lane_begin, end, AllLanes{view_.streams},
        [&](auto vectors, auto lanes, int64_t lane) KP_INLINE {
          Reduce<vectors.value>(reducer, lanes, at, lane, out, index,
                                {kVector, kVector, kVector * view_.index_step});
        });
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
    for (; lane < end; lane += kVector) {
      // The last one steps back over lanes that are done.
      if (HWY_UNLIKELY(lane + kVector > end)) lane = end - kVector;
      Reduce<kTogether>(reducer, AllLanes{view_.streams}, at, lane, out, index, apart);
    }
  }

  template <int kCount, class Lanes>
  HWY_INLINE void Reduce(const R& reducer, Lanes lanes, const WindowRun& at,
                         int64_t lane, int64_t out, int64_t index, Apart apart) const {
    const Window window = {at.taps->first_number(), at.share, view_.index_step};
    const int64_t in = InOneRegister(at.in + lane);
    const int64_t result = out + lane;
    const int64_t number = index + lane * view_.index_step;
    typename R::State states[kCount];
    typename R::Doubts doubts = R::NoDoubts();
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      states[v] = reducer.Begin(lanes, window, result + v * apart.out,
                                number + v * apart.index);
    }
    AddTaps<kCount>(reducer, lanes, window, *at.taps, in, EvenlyApart{apart.in}, states,
                    doubts);
    if constexpr (kHasFallback<R> && !R::kLooksFirst) {
      bool holds = true;
      KP_UNROLL for (int v = 0; v < kCount; ++v) {
        holds &= reducer.Holds(lanes, states[v], doubts);
      }
      if (HWY_UNLIKELY(!holds)) {
        for (int64_t v = 0; v < kCount; ++v) {
          const WindowRun one = {1, at.in + v * apart.in, 0, at.share, at.taps};
          WindowInParts<typename R::Fallback>::Run(
              operands_, one, view_, {lane, lane + lanes.template Count<R::kLanes>()},
              out + v * apart.out, index + v * apart.index);
        }
        return;
      }
    }
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      reducer.Finish(lanes, window, result + v * apart.out, states[v]);
    }
  }

  const Operands& operands_;
  const TileView view_;
  const Range columns_;
  RowWindows windows_;
  const bool in_parts_;
  const bool fetches_;
  const int64_t ahead_;
  const int64_t lanes_;
  const bool is_narrow_;
  // Windows lie as their lanes do. (Reducers with a parameter of each channel, which
  // would have to know it, reduce one vector at a time and are never narrow.)
  const bool is_row_;
};

struct ReduceWalk {
  // Whether each window of a row reads one position that the last one has not.
  static bool IsInOrder(const Plan& plan) {
    return plan.max_taps() == plan.axes[2].max_taps() && plan.axes[2].stride() == 1;
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (R::kLooksFirst) {
      if (!AssumptionHolds(plan, reducer, view, box)) {
        return WalkBox<typename R::Fallback>(plan, operands, view, box, scratch);
      }
    } else if (plan.max_taps() <= TapTable::kMost && !IsInOrder(plan) &&
               !ReduceBox<R>::Fetches(plan) && !WindowInParts<R>::Suits(plan, view)) {
      // Windows jump from row to row, or have all their lanes read a few at a time:
      // memory does not like either. In parts they come in its own order.
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
