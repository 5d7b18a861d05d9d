// The gradient of selecting reductions where windows overlap: every window adds its
// gradient at the tap that won. One addition per output, however many taps windows
// have. Included once per instruction set.
//
// Sums are collected in scratch memory, which holds whatever the windows of a box
// reach, also beyond the input; so additions need no bounds. They happen in the order
// of the outputs, as GatherWalk's do, and give the same bits. A reducer that can be
// used here offers
//   Lane                                 the type of the sums
//   LoadGradients(lanes, tap_at, room)   where the gradients of one vector of outputs
//                                        lie: in `room` if they had to be converted
//   TapsAreBelow(lanes, tap_at, taps)    whether all of the vector's taps are
//   TapOf(tap_at)                        the tap of one output
//   StoreSums(lanes, from, result_at)    stores one vector of sums
#if defined(KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#endif

#include <cstring>

#include "kernels/walks/sliding_rows.h"
#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Where along one axis the windows reach that read a box. Their taps are neighbours.
class Reach {
 public:
  HWY_INLINE Reach(const Axis& axis, Range inputs)
      : axis_(axis), outputs_(axis.OutputsOf(inputs)), reached_(inputs) {
    for (int64_t o = outputs_.begin; o < outputs_.end; ++o) {
      reached_.begin = HWY_MIN(reached_.begin, Start(o));
      reached_.end = HWY_MAX(reached_.end, Start(o) + Taps(o));
    }
  }

  // Windows of one size count as whole wherever they lie.
  HWY_INLINE int64_t Start(int64_t o) const {
    const Span span = axis_.span(o);
    return axis_.stride() > 0 ? span.first - span.first_tap : span.first;
  }
  HWY_INLINE int64_t Taps(int64_t o) const {
    return axis_.stride() > 0 ? axis_.max_taps() : axis_.span(o).count;
  }
  HWY_INLINE Range outputs() const { return outputs_; }
  HWY_INLINE Range reached() const { return reached_; }
  HWY_INLINE int64_t size() const { return reached_.size(); }

 private:
  const Axis& axis_;
  Range outputs_;
  Range reached_;
};

// The sums of a box of inputs and of what its windows reach beyond. Where windows are
// not deep, only of those rows that the next windows reach: rows before them are stored
// and let go.
template <class R>
class Sums {
  using Lane = typename R::Lane;
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);

 public:
  static HWY_INLINE int64_t Bytes(const Plan& plan, const Box& box, int64_t lanes) {
    const Reach depths(plan.axes[0], box.axes[0]);
    const Reach rows(plan.axes[1], box.axes[1]);
    const Reach columns(plan.axes[2], box.axes[2]);
    return TableBytes(plan) + depths.size() * RowsKept(plan, depths, rows, lanes) *
                                  columns.size() * lanes *
                                  static_cast<int64_t>(sizeof(Lane));
  }

  HWY_INLINE Sums(const Plan& plan, const Box& box, int64_t lanes, void* scratch)
      : plan_(plan),
        reach_{Reach(plan.axes[0], box.axes[0]), Reach(plan.axes[1], box.axes[1]),
               Reach(plan.axes[2], box.axes[2])},
        depths_(box.axes[0]),
        rows_(box.axes[1]),
        next_stored_(reach_[1].reached().begin),
        taps_(plan.max_taps()),
        table_(static_cast<int32_t*>(scratch)),
        sums_(reinterpret_cast<Lane*>(static_cast<char*>(scratch) + TableBytes(plan))),
        held_(reach_[0].size(), reach_[1].reached(),
              RowsKept(plan, reach_[0], reach_[1], lanes),
              reach_[2].size() * lanes * static_cast<int64_t>(sizeof(Lane)), sums_) {
    strides_ = {0, {0, 0, lanes}};
    strides_.stride[1] = reach_[2].size() * strides_.stride[2];
    strides_.stride[0] = held_.count() * strides_.stride[1];
    FindBase();
  }

  HWY_INLINE Range outputs(int i) const { return reach_[i].outputs(); }
  HWY_INLINE int64_t Taps(int i, int64_t o) const { return reach_[i].Taps(o); }
  // The sum of a position, of the first tap of a row's windows were they at column 0,
  // and how far from there window w's is.
  HWY_INLINE Lane* Of(int64_t d, int64_t h, int64_t w) const {
    return sums_ + strides_.At(d, h, w);
  }
  HWY_INLINE Lane* RowAt(int64_t d, int64_t h) const {
    return Of(reach_[0].Start(d), reach_[1].Start(h), 0);
  }
  HWY_INLINE int64_t ColumnAt(int64_t w) const {
    return reach_[2].Start(w) * strides_.stride[2];
  }

  // Calls add(d, h) for every row of outputs, and store(d, h) for every row of the box
  // when its sums are done.
  template <class Add, class Store>
  HWY_INLINE void Run(const Add& add, const Store& store) {
    const Box outputs = {{reach_[0].outputs(), reach_[1].outputs(), {}}};
    ForRows(outputs, [&](int64_t d, int64_t h) HWY_ATTR {
      if (!held_.hold_all()) {
        StoreBefore(reach_[1].Start(h), store);
        if (reach_[1].Start(h) + reach_[1].Taps(h) > held_.held().end) Slide();
      }
      add(d, h);
    });
    StoreBefore(rows_.end, store);
  }

  // From now on windows have so many taps. The table says where each of them lies, from
  // the first; −1 for no tap. Returns whether all of them have their place.
  HWY_INLINE bool UseShape(int64_t d, int64_t h, int64_t w) {
    if (HWY_UNLIKELY(d != shape_[0] || h != shape_[1] || w != shape_[2])) {
      FillTable(d, h, w);
    }
    return is_whole_;
  }

  // Adds what `lanes` outputs give, from `out` on, to the sums around `at`, which are
  // `apart` from lane to lane. `is_whole`: every tap has its place in the table.
  HWY_INLINE void Add(const R& reducer, bool is_whole, int64_t out, int64_t lanes,
                      int64_t apart, Lane* at) const {
    int64_t lane = 0;
    if (is_whole) {
      for (; lane + kVector <= lanes; lane += kVector) {
        AddVector<true>(reducer, AllLanes(), kVector, out + lane, apart,
                        at + lane * apart);
      }
    }
    for (; lane < lanes; lane += kVector) {
      const int64_t rest = HWY_MIN(lanes - lane, kVector);
      AddVector<false>(reducer, FirstLanes{static_cast<size_t>(rest)}, rest, out + lane,
                       apart, at + lane * apart);
    }
  }

 private:
  HWY_NOINLINE void FillTable(int64_t depth, int64_t height, int64_t width) {
    shape_[0] = depth;
    shape_[1] = height;
    shape_[2] = width;
    is_whole_ = depth * height * width == taps_;
    std::memset(table_, -1, static_cast<size_t>(TableSize(plan_)) * sizeof(int32_t));
    for (int64_t d = 0; d < depth; ++d) {
      for (int64_t h = 0; h < height; ++h) {
        for (int64_t w = 0; w < width; ++w) {
          table_[TapIndex(plan_, d, h, w)] = static_cast<int32_t>(
              d * strides_.stride[0] + h * strides_.stride[1] + w * strides_.stride[2]);
        }
      }
    }
  }

  // Rows are moved, to make room, once for every window's height. Those of planes are
  // so short that they would be read while they are still on their way to the cache.
  static HWY_INLINE int64_t RowsKept(const Plan& plan, const Reach& depths,
                                     const Reach& rows, int64_t lanes) {
    const bool is_one_depth = depths.outputs().end - depths.outputs().begin <= 1;
    return is_one_depth && lanes > 1 ? HWY_MIN(rows.size(), 2 * plan.axes[1].max_taps())
                                     : rows.size();
  }

  // Offsets lead to the rows that are held.
  HWY_INLINE void FindBase() {
    strides_.base = 0;
    strides_.base = -strides_.At(reach_[0].reached().begin, held_.held().begin,
                                 reach_[2].reached().begin);
  }

  HWY_INLINE void Slide() {
    held_.SlideTo(next_stored_);
    FindBase();
  }

  template <class Store>
  HWY_INLINE void StoreBefore(int64_t row, const Store& store) {
    for (; next_stored_ < row; ++next_stored_) {
      if (next_stored_ >= held_.held().end) Slide();
      if (next_stored_ < rows_.begin || next_stored_ >= rows_.end) continue;
      for (int64_t d = depths_.begin; d < depths_.end; ++d) store(d, next_stored_);
    }
  }

  // A tap index of one byte is always found in the table.
  static HWY_INLINE int64_t TableSize(const Plan& plan) {
    return HWY_MAX(plan.max_taps(), int64_t{256});
  }
  static HWY_INLINE int64_t TableBytes(const Plan& plan) {
    return (TableSize(plan) * 4 + 63) / 64 * 64;
  }

  template <bool kWhole, class Which>
  HWY_INLINE void AddVector(const R& reducer, Which which, int64_t lanes, int64_t out,
                            int64_t apart, Lane* at) const {
    HWY_ALIGN Lane room[R::kLanes];
    const Lane* const given = reducer.LoadGradients(which, out, room);
    const int32_t* const table = table_;
    if (kWhole && HWY_LIKELY(reducer.TapsAreBelow(which, out, taps_))) {
      if (HWY_LIKELY(apart == 1)) {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i] += given[i];
        }
      } else {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i * apart] += given[i];
        }
      }
      return;
    }
    for (int64_t i = 0; i < lanes; ++i) {
      const int64_t tap = reducer.TapOf(out + i);
      if (tap < taps_ && table[tap] >= 0) at[table[tap] + i * apart] += given[i];
    }
  }

  const Plan& plan_;
  Reach reach_[kMaxRank];
  Range depths_;  // of the box
  Range rows_;
  int64_t next_stored_;  // the first row that is not done
  Strides strides_;
  int64_t taps_;
  int64_t shape_[kMaxRank] = {0, 0, 0};
  bool is_whole_ = false;
  int32_t* table_;
  Lane* sums_;
  SlidingRows held_;
};

// Windows that are not deep leave every depth to itself.
template <class Visit>
HWY_INLINE void ForDepths(const Plan& plan, Box box, const Visit& visit) {
  if (plan.axes[0].max_taps() > 1) return visit(box);
  const Range depths = box.axes[0];
  for (int64_t d = depths.begin; d < depths.end; ++d) {
    box.axes[0] = {d, d + 1};
    visit(box);
  }
}

struct ScatterWalk {
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t lanes) {
    int64_t most = 0;
    ForDepths(plan, box, [&](const Box& part) {
      most = HWY_MAX(most, Sums<R>::Bytes(plan, part, lanes));
    });
    return most;
  }

  // The inputs `box`.
  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    const int64_t lanes = view.lane_end - view.lane_begin;
    ForDepths(plan, box, [&](const Box& part) HWY_ATTR {
      Sums<R> sums(plan, part, lanes, scratch);
      const Range columns = sums.outputs(2);
      const auto add = [&](int64_t d, int64_t h) HWY_ATTR {
        const R own = reducer;
        const int64_t step = view.out.stride[2];
        const int64_t taps_d = sums.Taps(0, d);
        const int64_t taps_h = sums.Taps(1, h);
        auto* const row = sums.RowAt(d, h);
        int64_t out = view.out.At(d, h, columns.begin) + view.lane_begin;
        for (int64_t w = columns.begin; w < columns.end; ++w, out += step) {
          const bool is_whole = sums.UseShape(taps_d, taps_h, sums.Taps(2, w));
          FetchLanes(own, view, out - view.lane_begin + kAhead * step);
          sums.Add(own, is_whole, out, lanes, 1, row + sums.ColumnAt(w));
        }
      };
      const auto store = [&](int64_t d, int64_t h) HWY_ATTR {
        for (int64_t w = part.axes[2].begin; w < part.axes[2].end; ++w) {
          const auto* const from = sums.Of(d, h, w) - view.lane_begin;
          const int64_t in = view.in.At(d, h, w);
          ForLanes<R::kLanes, 1>(view.lane_begin, view.lane_end, AllLanes{view.streams},
                                 [&](auto, auto which, int64_t lane) KP_INLINE {
                                   reducer.StoreSums(which, from + lane, in + lane);
                                 });
        }
      };
      sums.Run(add, store);
    });
  }

 private:
  // Windows of which memory is told in advance.
  static constexpr int64_t kAhead = 4;
};

// The same of planes, whose outputs lie side by side: lanes are neighbouring windows of
// a row, and what they read is a stride apart.
struct ColumnScatterWalk {
  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    ForDepths(plan, box, [&](const Box& part) HWY_ATTR {
      Sums<R> sums(plan, part, 1, scratch);
      const Range columns = sums.outputs(2);
      const int64_t count = columns.end - columns.begin;
      const auto add = [&](int64_t d, int64_t h) HWY_ATTR {
        if (count == 0) return;
        const bool is_whole =
            sums.UseShape(sums.Taps(0, d), sums.Taps(1, h), plan.axes[2].max_taps());
        sums.Add(reducer, is_whole, view.out.At(d, h, columns.begin), count,
                 plan.axes[2].stride(),
                 sums.RowAt(d, h) + sums.ColumnAt(columns.begin));
      };
      const auto store = [&](int64_t d, int64_t h) HWY_ATTR {
        const auto* const from = sums.Of(d, h, 0);
        ForLanes<R::kLanes, 1>(
            part.axes[2].begin, part.axes[2].end, AllLanes(),
            [&](auto, auto lanes, int64_t w)
                KP_INLINE { reducer.StoreSums(lanes, from + w, view.in.At(d, h, w)); });
      };
      sums.Run(add, store);
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
