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
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const R reducer(operands);
      const BoxReaders::List rows = readers.OfRow(d, h);
      int64_t in = view.in.At(d, h, box.axes[2].begin);
      // The row below the last one that is read is the next that memory must bring.
      const int64_t next_row =
          rows.count > 0 ? rows.last().out + view.out.stride[1] : fetched_row;
      const bool fetches = next_row != fetched_row;
      fetched_row = next_row;
      int64_t fetched = -1;
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const BoxReaders::List columns = readers.OfColumn(w);
        if (fetches && columns.count > 0 && columns.last().out != fetched) {
          fetched = columns.last().out;
          FetchLanes(reducer, view, next_row + fetched);
        }
        ForLanes<R::kLanes, R::kVectors>(
            view.lane_begin, view.lane_end, AllLanes{view.streams},
            [&](auto vectors, auto lanes, int64_t lane) KP_INLINE {
              Gather<vectors.value>(reducer, lanes, tap_share, rows, columns, in + lane,
                                    lane);
            });
        in += view.in.stride[2];
      }
    });
  }

 private:
  template <int kVectors, class R, class Lanes>
  static HWY_INLINE void Gather(const R& reducer, Lanes lanes, TapShare& tap_share,
                                BoxReaders::List rows, BoxReaders::List columns,
                                int64_t in, int64_t lane) {
    constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);
    typename R::State states[kVectors];
    Window window = {0, 0.0, 0};
    KP_UNROLL for (int v = 0; v < kVectors; ++v) {
      states[v] = reducer.Begin(lanes, window, in + v * kVector, 0);
    }
    for (const Reader* row = rows.first; row != rows.first + rows.count; ++row) {
      for (const Reader* column = columns.first;
           column != columns.first + columns.count; ++column) {
        if constexpr (R::kAverages) {
          window.share = tap_share.Of(row->divisor * column->divisor);
        }
        const int64_t out = row->out + column->out + lane;
        KP_UNROLL for (int v = 0; v < kVectors; ++v) {
          reducer.Add(lanes, window, out + v * kVector, row->tap + column->tap,
                      states[v]);
        }
      }
    }
    KP_UNROLL for (int v = 0; v < kVectors; ++v) {
      reducer.Finish(lanes, window, in + v * kVector, states[v]);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
