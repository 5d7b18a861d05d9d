// The gradient of selecting reductions where windows overlap: every window adds its
// gradient at the tap that won. One addition per output, however many taps windows
// have. Included once per instruction set.
//
// Sums are collected in scratch memory, which holds whatever the windows of a block
// reach, also beyond the input; so additions need no bounds. They happen in the order
// of the outputs, as GatherWalk's do, and give the same bits. A reducer that can be
// used here offers
//   Lane                              the type of the sums
//   LoadGradients(lanes, far, room)           where the gradients of one vector of
//   outputs lie:
//                                     in `room` if they had to be converted
//   TapOf(far)                        the tap of one output
//   StoreSums(lanes, from, near)           stores one vector of sums
#if defined(KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#endif

#include <cstring>

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Where along one axis the windows of a block reach. Their taps are neighbours.
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
    const Span& span = axis_.span(o);
    return axis_.stride() > 0 ? span.first - span.first_tap : span.first;
  }
  HWY_INLINE int64_t Taps(int64_t o) const {
    return axis_.stride() > 0 ? axis_.max_taps() : axis_.span(o).count;
  }
  HWY_INLINE Range outputs() const { return outputs_; }
  HWY_INLINE int64_t begin() const { return reached_.begin; }
  HWY_INLINE int64_t size() const { return reached_.end - reached_.begin; }

 private:
  const Axis& axis_;
  Range outputs_;
  Range reached_;
};

// The sums of a box of inputs and of what its windows reach beyond. Where windows are
// not deep, only of those rows that the next windows reach: rows before them are done.
template <class R>
class Sums {
  using Lane = typename R::Lane;
  static constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);

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
        kept_(RowsKept(plan, reach_[0], reach_[1], lanes)),
        kept_from_(reach_[1].begin()),
        first_(kept_from_),
        taps_(plan.max_taps()),
        table_(static_cast<int32_t*>(scratch)),
        sums_(reinterpret_cast<Lane*>(static_cast<char*>(scratch) + TableBytes(plan))) {
    side_ = {0, {0, 0, lanes}};
    side_.stride[1] = reach_[2].size() * side_.stride[2];
    side_.stride[0] = kept_ * side_.stride[1];
    KeepFrom(kept_from_, 0);
  }

  HWY_INLINE Range outputs(int i) const { return reach_[i].outputs(); }
  HWY_INLINE int64_t Taps(int i, int64_t o) const { return reach_[i].Taps(o); }
  // The sum of a position, of the first tap of a row's windows were they at column 0,
  // and how far from there window w's is.
  HWY_INLINE Lane* Of(int64_t d, int64_t h, int64_t w) const {
    return sums_ + side_.At(d, h, w);
  }
  HWY_INLINE Lane* RowAt(int64_t d, int64_t h) const {
    return Of(reach_[0].Start(d), reach_[1].Start(h), 0);
  }
  HWY_INLINE int64_t ColumnAt(int64_t w) const {
    return reach_[2].Start(w) * side_.stride[2];
  }

  // Calls add(d, h) for every row of outputs, and take(d, h) for every row of the box
  // when its sums are done.
  template <class Add, class StoreSums>
  HWY_INLINE void Run(const Add& add, const StoreSums& take) {
    const Box outputs = {{reach_[0].outputs(), reach_[1].outputs(), {}}};
    ForRows(outputs, [&](int64_t d, int64_t h) HWY_ATTR {
      if (kept_ < reach_[1].size()) {
        TakeBefore(reach_[1].Start(h), take);
        if (reach_[1].Start(h) + reach_[1].Taps(h) > kept_end()) MakeRoom();
      }
      add(d, h);
    });
    TakeBefore(rows_.end, take);
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
  // `step` apart from lane to lane. `is_whole`: every tap has its place in the table.
  HWY_INLINE void Add(const R& reducer, bool is_whole, int64_t out, int64_t lanes,
                      int64_t step, Lane* at) const {
    int64_t lane = 0;
    if (is_whole) {
      for (; lane + kStep <= lanes; lane += kStep) {
        AddVector<true>(reducer, AllLanes(), kStep, out + lane, step, at + lane * step);
      }
    }
    for (; lane < lanes; lane += kStep) {
      const int64_t rest = HWY_MIN(lanes - lane, kStep);
      AddVector<false>(reducer, FirstLanes{static_cast<size_t>(rest)}, rest, out + lane,
                       step, at + lane * step);
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
              d * side_.stride[0] + h * side_.stride[1] + w * side_.stride[2]);
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

  HWY_INLINE int64_t kept_end() const { return kept_from_ + kept_; }

  // Of the rows that are kept now, `count` from `row` on stay.
  HWY_INLINE void KeepFrom(int64_t row, int64_t count) {
    const int64_t depths = reach_[0].size();
    const int64_t stay = count * side_.stride[1];
    for (int64_t d = 0; d < depths; ++d) {
      Lane* const to = sums_ + d * side_.stride[0];
      std::memmove(to, to + (row - kept_from_) * side_.stride[1],
                   static_cast<size_t>(stay) * sizeof(Lane));
      std::memset(to + stay, 0,
                  static_cast<size_t>(side_.stride[0] - stay) * sizeof(Lane));
    }
    kept_from_ = row;
    side_.base = 0;
    side_.base = -side_.At(reach_[0].begin(), row, reach_[2].begin());
  }

  HWY_INLINE void MakeRoom() {
    KeepFrom(first_, HWY_MAX(kept_end() - first_, int64_t{0}));
  }

  template <class StoreSums>
  HWY_INLINE void TakeBefore(int64_t row, const StoreSums& take) {
    for (; first_ < row; ++first_) {
      if (first_ >= kept_end()) MakeRoom();
      if (first_ < rows_.begin || first_ >= rows_.end) continue;
      for (int64_t d = depths_.begin; d < depths_.end; ++d) take(d, first_);
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
                            int64_t step, Lane* at) const {
    HWY_ALIGN Lane room[R::kLanes];
    const Lane* const given = reducer.LoadGradients(which, out, room);
    const int32_t* const table = table_;
    if (kWhole && HWY_LIKELY(reducer.TapsAreBelow(which, out, taps_))) {
      if (HWY_LIKELY(step == 1)) {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i] += given[i];
        }
      } else {
        for (int64_t i = 0; i < lanes; ++i) {
          at[table[reducer.TapOf(out + i)] + i * step] += given[i];
        }
      }
      return;
    }
    for (int64_t i = 0; i < lanes; ++i) {
      const int64_t tap = reducer.TapOf(out + i);
      if (tap < taps_ && table[tap] >= 0) at[table[tap] + i * step] += given[i];
    }
  }

  const Plan& plan_;
  Reach reach_[kMaxRank];
  Range depths_;  // of the box
  Range rows_;
  int64_t kept_;
  int64_t kept_from_;
  int64_t first_;  // row that is not done
  Strides side_;
  int64_t taps_;
  int64_t shape_[kMaxRank] = {0, 0, 0};
  bool is_whole_ = false;
  int32_t* table_;
  Lane* sums_;
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
      const auto take = [&](int64_t d, int64_t h) HWY_ATTR {
        for (int64_t w = part.axes[2].begin; w < part.axes[2].end; ++w) {
          const auto* const from = sums.Of(d, h, w) - view.lane_begin;
          const int64_t in = view.in.At(d, h, w);
          ForLanes<R::kLanes, 1>(view.lane_begin, view.lane_end, AllLanes{view.streams},
                                 [&](auto, auto which, int64_t lane) HWY_ATTR {
                                   reducer.StoreSums(which, from + lane, in + lane);
                                 });
        }
      };
      sums.Run(add, take);
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
      sums.UseShape(plan.axes[0].max_taps(), plan.axes[1].max_taps(),
                    plan.axes[2].max_taps());
      const Range columns = sums.outputs(2);
      const int64_t count = columns.end - columns.begin;
      const auto add = [&](int64_t d, int64_t h) HWY_ATTR {
        if (count == 0) return;
        sums.Add(reducer, true, view.out.At(d, h, columns.begin), count,
                 plan.axes[2].stride(),
                 sums.RowAt(d, h) + sums.ColumnAt(columns.begin));
      };
      const auto take = [&](int64_t d, int64_t h) HWY_ATTR {
        const auto* const from = sums.Of(d, h, 0);
        ForLanes<R::kLanes, 1>(
            part.axes[2].begin, part.axes[2].end, AllLanes(),
            [&](auto, auto lanes, int64_t w)
                HWY_ATTR { reducer.StoreSums(lanes, from + w, view.in.At(d, h, w)); });
      };
      sums.Run(add, take);
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
