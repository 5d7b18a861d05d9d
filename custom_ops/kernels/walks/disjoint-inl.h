// Backward where no windows overlap. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALKS_DISJOINT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_DISJOINT_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_DISJOINT_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_DISJOINT_INL_H_
#endif

#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Every output writes its own taps, and zeros into the gap before the next window.
// Visits outputs.
struct DisjointWalk {
  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void*) {
    TapShare tap_share(plan);
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      Row(plan, R(operands), view, d, h, box.axes[2], tap_share);
    });
  }

 private:
  template <class R>
  static HWY_INLINE void Row(const Plan& plan, R reducer, const TileView& view,
                             int64_t d, int64_t h, Range row, TapShare& tap_share) {
    const Span sd = plan.axes[0].span(d);
    const Span sh = plan.axes[1].span(h);
    const Range own_d = plan.axes[0].Owned(d);
    const Range own_h = plan.axes[1].Owned(h);
    const Axis& columns = plan.axes[2];
    for (int64_t id = own_d.begin; id < own_d.end; ++id) {
      for (int64_t ih = own_h.begin; ih < own_h.end; ++ih) {
        const bool row_is_read = Contains(sd, id) && Contains(sh, ih);
        const int64_t row_tap = TapIndex(plan, sd.first_tap + id - sd.first,
                                         sh.first_tap + ih - sh.first, 0);
        Span sw = columns.span(row.begin);
        int64_t begin = columns.Owned(row.begin).begin;
        int64_t in = view.in.At(id, ih, begin);
        int64_t out = view.out.At(d, h, row.begin);
        for (int64_t w = row.begin; w < row.end; ++w) {
          const bool is_last = w + 1 == columns.out();
          const Span next = is_last ? Span{columns.in(), 0, 0, 0} : columns.span(w + 1);
          const int64_t count = next.first - begin;
          const int64_t gap = sw.first - begin;  // only before the first window
          const int64_t read = row_is_read ? sw.count : 0;
          const int64_t tap = row_tap + sw.first_tap - gap;
          const Window window = {0, R::kAverages ? tap_share.Of(sd, sh, sw) : 0.0, 0};
          ForLanes<R::kLanes, R::kVectors>(
              view.lane_begin, view.lane_end, AllLanes{view.streams},
              [&](auto vectors, auto lanes, int64_t lane) KP_INLINE {
                int64_t at = in + lane;
                for (int64_t i = 0; i < count; ++i, at += view.in.stride[2]) {
                  const bool is_read = i >= gap && i < gap + read;
                  Write<vectors.value>(reducer, lanes, window, is_read, tap + i, at,
                                       out + lane);
                }
              });
          in += count * view.in.stride[2];
          out += view.out.stride[2];
          begin = next.first;
          sw = next;
        }
      }
    }
  }

  static HWY_INLINE bool Contains(const Span& span, int64_t position) {
    return position >= span.first && position < span.first + span.count;
  }

  template <int kVectors, class R, class Lanes>
  static HWY_INLINE void Write(const R& reducer, Lanes lanes, const Window& window,
                               bool is_read, int64_t tap, int64_t in, int64_t out) {
    constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);
    KP_UNROLL for (int v = 0; v < kVectors; ++v) {
      typename R::State state = reducer.Begin(lanes, window, in + v * kVector, 0);
      if (is_read) reducer.Add(lanes, window, out + v * kVector, tap, state);
      reducer.Finish(lanes, window, in + v * kVector, state);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
