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
  static int64_t ScratchBytes(const Plan& plan, const Box&, int64_t) {
    const Axis* axes = plan.axes;
    return (axes[0].most_readers() * axes[1].most_readers() + axes[2].most_readers()) *
           static_cast<int64_t>(sizeof(Reader));
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    const R reducer(operands);
    TapShare tap_share(plan);
    Reader* const rows = static_cast<Reader*>(scratch);
    Reader* const columns =
        rows + plan.axes[0].most_readers() * plan.axes[1].most_readers();
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const Readers reading_rows = {rows, FindRows(plan, view, d, h, rows)};
      const R own = reducer;
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const Readers reading_columns = {columns, FindColumns(plan, view, w, columns)};
        if (reading_rows.count > 0 && reading_columns.count > 0) {
          // The row below the last is the next that memory must bring.
          FetchLanes(own, view,
                     reading_rows.last().out + reading_columns.last().out +
                         view.out.stride[1]);
        }
        const int64_t in = view.in.At(d, h, w);
        ForLanes<R::kLanes, 4>(view.lane_begin, view.lane_end, AllLanes{view.streams},
                               [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                                 Gather<blocks.value>(own, lanes, tap_share,
                                                      reading_rows, reading_columns,
                                                      in + lane, lane);
                               });
      }
    });
  }

 private:
  // Windows along one axis, or two, that read a position: where they lie in the output,
  // as which tap they read it, and what they divide by.
  struct Reader {
    int64_t out;
    int64_t tap;
    double divisor;
  };
  struct Readers {
    const Reader* first;
    int64_t count;

    HWY_INLINE const Reader& last() const { return first[count - 1]; }
  };

  static HWY_INLINE int64_t FindRows(const Plan& plan, const TileView& view, int64_t d,
                                     int64_t h, Reader* to) {
    const Axis& axis_d = plan.axes[0];
    const Axis& axis_h = plan.axes[1];
    const auto readers_d = axis_d.readers(d);
    const auto readers_h = axis_h.readers(h);
    int64_t count = 0;
    for (int64_t i = 0; i < readers_d.count; ++i) {
      const int64_t od = readers_d.first + i * axis_d.reader_step();
      for (int64_t j = 0; j < readers_h.count; ++j) {
        const int64_t oh = readers_h.first + j * axis_h.reader_step();
        to[count++] = {view.out.At(od, oh, 0),
                       TapIndex(plan, axis_d.TapAt(od, d), axis_h.TapAt(oh, h), 0),
                       static_cast<double>(axis_d.span(od).divisor) *
                           static_cast<double>(axis_h.span(oh).divisor)};
      }
    }
    return count;
  }

  static HWY_INLINE int64_t FindColumns(const Plan& plan, const TileView& view,
                                        int64_t w, Reader* to) {
    const Axis& axis = plan.axes[2];
    const auto readers = axis.readers(w);
    for (int64_t k = 0; k < readers.count; ++k) {
      const int64_t ow = readers.first + k * axis.reader_step();
      to[k] = {ow * view.out.stride[2], axis.TapAt(ow, w),
               static_cast<double>(axis.span(ow).divisor)};
    }
    return readers.count;
  }

  template <int kBlocks, class R, class Lanes>
  static HWY_INLINE void Gather(const R& reducer, Lanes lanes, TapShare& tap_share,
                                Readers rows, Readers columns, int64_t in,
                                int64_t lane) {
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    typename R::State states[kBlocks];
    Window window = {0, 0.0, 0, 0, 0};
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      states[b] = reducer.Begin(lanes, window, in + b * kStep);
    }
    for (const Reader* row = rows.first; row != rows.first + rows.count; ++row) {
      for (const Reader* column = columns.first;
           column != columns.first + columns.count; ++column) {
        if constexpr (R::kAverages) {
          window.share = tap_share.Of(row->divisor * column->divisor);
        }
        const int64_t out = row->out + column->out + lane;
        KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
          reducer.Add(lanes, window, out + b * kStep, row->tap + column->tap,
                      states[b]);
        }
      }
    }
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      reducer.Finish(lanes, window, in + b * kStep, states[b]);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
