// Backward, input by input: the walk that suits every plan. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_GATHER_INL_H_
#endif

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Every input position gathers from the windows that read it, and is written once.
// Visits inputs. Scratch memory holds where those windows are.
//
// Vectors gather R::kVectors at a time, so that they share the steps from window to
// window: those of one position, or where a position has few and they compute little,
// of alike ones.
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
    if constexpr (R::kIsLight) {
      if (AreFew<R>(view)) {
        return ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
          const BoxReaders::List rows = readers.OfRow(d, h);
          RowBelow below(view, rows, fetched_row);
          AlikePositions(R(operands), view, readers, tap_share, rows, below,
                         view.in.At(d, h, 0), box.axes[2]);
        });
      }
    }
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const R reducer(operands);
      const BoxReaders::List rows = readers.OfRow(d, h);
      RowBelow below(view, rows, fetched_row);
      int64_t in = view.in.At(d, h, box.axes[2].begin);
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const BoxReaders::List columns = readers.OfColumn(w);
        below.Fetch(reducer, view, columns);
        ForLanes<R::kLanes, R::kVectors>(
            view.lane_begin, view.lane_end, AllLanes{view.streams},
            [&](auto vectors, auto lanes, int64_t lane) KP_INLINE {
              Gather<vectors.value>(reducer, lanes, tap_share, rows, columns, in + lane,
                                    lane, {kVector<R>, kVector<R>});
            });
        in += view.in.stride[2];
      }
    });
  }

 private:
  template <class R>
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);

  template <class R>
  static bool AreFew(const TileView& view) {
    const int64_t lanes = view.lane_end - view.lane_begin;
    return lanes >= kVector<R> && lanes <= (R::kVectors - 1) * kVector<R>;
  }

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
    template <class R>
    HWY_INLINE void Fetch(const R& reducer, const TileView& view,
                          BoxReaders::List columns) {
      if (!fetches_ || columns.count == 0 || columns.last().out <= fetched_) return;
      fetched_ = columns.last().out;
      FetchLanes(reducer, view, row_ + fetched_);
    }

   private:
    int64_t row_;
    bool fetches_;
    int64_t fetched_ = -1;  // the last position
  };

  // How far apart the vectors lie that gather together.
  struct Apart {
    int64_t in;
    int64_t out;
  };

  // The positions of a row from `in` on, those one period apart together where they
  // are alike.
  template <class R>
  static HWY_INLINE void AlikePositions(const R& reducer, const TileView& view,
                                        const BoxReaders& readers, TapShare& tap_share,
                                        BoxReaders::List rows, RowBelow& below,
                                        int64_t in, Range row) {
    const int64_t period = readers.period();
    const Apart apart = {period * view.in.stride[2], view.out.stride[2]};
    const auto gather = [&](auto count, int64_t w) KP_INLINE {
      const BoxReaders::List columns = readers.OfColumn(w);
      for (int64_t lane = view.lane_begin; lane < view.lane_end; lane += kVector<R>) {
        // The last one steps back over lanes that are done.
        if (HWY_UNLIKELY(lane + kVector<R> > view.lane_end)) {
          lane = view.lane_end - kVector<R>;
        }
        Gather<count.value>(reducer, AllLanes{view.streams}, tap_share, rows, columns,
                            in + w * view.in.stride[2] + lane, lane, apart);
      }
    };
    for (int64_t begin = row.begin; begin < row.end; begin += R::kVectors * period) {
      const int64_t end = HWY_MIN(begin + R::kVectors * period, row.end);
      for (int64_t w = begin; w < end; ++w) {
        below.Fetch(reducer, view, readers.OfColumn(w));
      }
      for (int64_t first = begin; first < HWY_MIN(begin + period, end); ++first) {
        if (readers.AreAlike(first, R::kVectors)) {
          gather(std::integral_constant<int, R::kVectors>(), first);
        } else {
          for (int64_t w = first; w < end; w += period) {
            gather(std::integral_constant<int, 1>(), w);
          }
        }
      }
    }
  }

  template <int kCount, class R, class Lanes>
  static HWY_INLINE void Gather(const R& reducer, Lanes lanes, TapShare& tap_share,
                                BoxReaders::List rows, BoxReaders::List columns,
                                int64_t in, int64_t lane, Apart apart) {
    typename R::State states[kCount];
    Window window = {0, 0.0, 0};
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      states[v] = reducer.Begin(lanes, window, in + v * apart.in, 0);
    }
    for (const Reader* row = rows.first; row != rows.first + rows.count; ++row) {
      for (const Reader* column = columns.first;
           column != columns.first + columns.count; ++column) {
        if constexpr (R::kAverages) {
          window.share = tap_share.Of(row->divisor * column->divisor);
        }
        const int64_t out = row->out + column->out + lane;
        KP_UNROLL for (int v = 0; v < kCount; ++v) {
          reducer.Add(lanes, window, out + v * apart.out, row->tap + column->tap,
                      states[v]);
        }
      }
    }
    KP_UNROLL for (int v = 0; v < kCount; ++v) {
      reducer.Finish(lanes, window, in + v * apart.in, states[v]);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
