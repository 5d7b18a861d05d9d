// Backward, input by input: the walk that suits every plan. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#endif

#include <numeric>

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Every input position gathers from the windows that read it, and is written once.
// Visits inputs. Scratch memory holds where those windows are.
//
// Vectors gather R::kVectors at a time, so that they share the steps from window to
// window. Where a position has fewer lanes and they compute little, alike positions
// gather together.
struct GatherWalk {
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t) {
    return BoxReaders::Bytes(plan, box);
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    BoxReaders readers(plan, view, box, scratch);
    TapShare tap_share(plan);
    int64_t fetched_row = -1;
    const int64_t lanes = view.lane_end - view.lane_begin;
    if constexpr (R::kIsLight) {
      if (lanes < kGroup<R>) {
        AlikePositions<R> alike(operands, view, readers);
        return ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
          const BoxReaders::List rows = readers.OfRow(d, h);
          RowBelow below(view, rows, fetched_row);
          const int64_t in = view.in.At(d, h, 0);
          int64_t w = box.axes[2].begin;
          while (w < box.axes[2].end) {
            w += alike.Gather(tap_share, rows, below, in + w * view.in.stride[2], w);
          }
        });
      }
      HWY_ASSUME(lanes >= kVector<R>);  // no code for fewer
    }
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const R reducer(operands);
      const BoxReaders::List rows = readers.OfRow(d, h);
      RowBelow below(view, rows, fetched_row);
      int64_t in = view.in.At(d, h, box.axes[2].begin);
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const BoxReaders::List columns = readers.OfColumn(w);
        below.Fetch(reducer, view, columns, 1);
        GatherLanes(reducer, tap_share, rows, columns, in,
                    {view.lane_begin, view.lane_begin + lanes}, view.streams);
        in += view.in.stride[2];
      }
    });
  }

 private:
  template <class R>
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);
  template <class R>
  static constexpr int64_t kGroup = R::kVectors * kVector<R>;

  // The row below the last that is read is the next that memory must bring, each of its
  // positions once.
  class RowBelow {
   public:
    HWY_INLINE RowBelow(const TileView& view, BoxReaders::List rows,
                        int64_t& fetched_row)
        : row_(rows.count > 0 ? rows.last().out + view.out.stride[1] : fetched_row),
          fetches_(row_ != fetched_row) {
      fetched_row = row_;
    }
    // What `count` positions read whose windows are neighbours.
    template <class R>
    HWY_INLINE void Fetch(const R& reducer, const TileView& view,
                          BoxReaders::List columns, int64_t count) {
      if (!fetches_ || columns.count == 0) return;
      const int64_t last = columns.last().out + (count - 1) * view.out.stride[2];
      const int64_t end = last + view.lane_end;
      for (int64_t at = HWY_MAX(columns.last().out + view.lane_begin, next_); at < end;
           at += kVector<R>) {
        reducer.Fetch(row_ + at);
      }
      next_ = HWY_MAX(end, next_);
    }

   private:
    int64_t row_;
    bool fetches_;
    int64_t next_ = 0;  // lane
  };

  // Gathers alike positions together: their windows are neighbours, and so the lanes
  // that they read are one long row.
  template <class R>
  class AlikePositions {
    using Result = typename R::Result;

   public:
    HWY_INLINE AlikePositions(const Operands& operands, const TileView& view,
                              const BoxReaders& readers)
        : operands_(operands),
          view_(view),
          readers_(readers),
          lanes_(view.lane_end - view.lane_begin) {
      const bool are_whole =
          lanes_ == view.out.stride[2] && lanes_ == view.in.stride[2];
      most_ = are_whole ? kMostResults / (lanes_ * readers.period()) : 0;
      // So many fill whole groups of vectors.
      const int64_t fill = kGroup<R> / std::gcd(kGroup<R>, lanes_);
      if (most_ > fill) most_ -= most_ % fill;
    }

    // Gathers column `w`, which is at `in`, and those after it up to several periods on
    // that have alike ones; returns how many. One period on, columns have other
    // readers: those of each phase gather together, then all results go to their
    // places.
    HWY_INLINE int64_t Gather(TapShare& tap_share, BoxReaders::List rows,
                              RowBelow& below, int64_t in, int64_t w) {
      const int64_t alike = HWY_MIN(readers_.AlikeFrom(w), most_);
      const int64_t count = HWY_MAX(alike, int64_t{1});
      const int64_t phases = alike > 0 ? readers_.period() : 1;
      Operands operands = operands_;
      if (phases > 1) operands.dx = room_;
      const R reducer(operands);
      const Range lanes = {view_.lane_begin, view_.lane_begin + count * lanes_};
      for (int64_t phase = 0; phase < phases; ++phase) {
        const BoxReaders::List columns = readers_.OfColumn(w + phase);
        below.Fetch(reducer, view_, columns, count);
        GatherLanes(reducer, tap_share, rows, columns,
                    phases > 1 ? phase * lanes.size() : in, lanes,
                    view_.streams && phases == 1);
      }
      if (phases > 1)
        Interleave(static_cast<Result*>(operands_.dx) + in, count, phases);
      return count * phases;
    }

   private:
    static constexpr int64_t kMostResults = 48 * kVector<R>;

    // Takes results, which lie phase by phase, to where their positions are.
    HWY_INLINE void Interleave(Result* to, int64_t count, int64_t phases) const {
      const hn::ScalableTag<Result> d;
      for (int64_t i = 0; i < count; ++i) {
        const Result* from = room_ + i * lanes_;
        for (int64_t phase = 0; phase < phases; ++phase) {
          ForLanes<hn::MaxLanes(d), 2>(
              0, lanes_, AllLanes{view_.streams},
              [&](auto vectors, auto which, int64_t lane) KP_INLINE {
                for (int64_t v = 0; v < vectors.value; ++v) {
                  const int64_t at = lane + v * kVector<R>;
                  which.Store(which.Load(d, from + at), d, to + at);
                }
              });
          from += count * lanes_;
          to += lanes_;
        }
      }
    }

    const Operands& operands_;
    const TileView& view_;
    const BoxReaders& readers_;
    const int64_t lanes_;  // of a position
    int64_t most_;
    HWY_ALIGN Result room_[kMostResults];  // where results wait for their places
  };

  // The lanes of one column or, behind each other, of alike ones.
  template <class R>
  static HWY_INLINE void GatherLanes(const R& reducer, TapShare& tap_share,
                                     BoxReaders::List rows, BoxReaders::List columns,
                                     int64_t in, Range lanes, bool streams) {
    ForLanes<R::kLanes, R::kVectors>(
        lanes.begin, lanes.end, AllLanes{streams},
        [&](auto vectors, auto which, int64_t lane) KP_INLINE {
          Gather<vectors.value>(reducer, which, tap_share, rows, columns, in + lane,
                                lane);
        });
  }

  // kCount vectors.
  template <int kCount, class R, class Lanes>
  static HWY_INLINE void Gather(const R& reducer, Lanes lanes, TapShare& tap_share,
                                BoxReaders::List rows, BoxReaders::List columns,
                                int64_t in, int64_t lane) {
    typename R::State states[kCount];
    Window window = {0, 0.0, 0};
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      states[v] = reducer.Begin(lanes, window, in + v * kVector<R>, 0);
    }
    for (const Reader* row = rows.first; row != rows.first + rows.count; ++row) {
      for (const Reader* column = columns.first;
           column != columns.first + columns.count; ++column) {
        if constexpr (R::kAverages) {
          window.share = tap_share.Of(row->divisor * column->divisor);
        }
        const int64_t out = row->out + column->out + lane;
        KP_UNROLL for (int v = 0; v < kCount; ++v) {
          reducer.Add(lanes, window, out + v * kVector<R>, row->tap + column->tap,
                      states[v]);
        }
      }
    }
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      reducer.Finish(lanes, window, in + v * kVector<R>, states[v]);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
