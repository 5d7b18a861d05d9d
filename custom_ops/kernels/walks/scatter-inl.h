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
//   ResultAt(result_at)                  where a result belongs, of type Result
//   StoreSums(lanes, from, to)           stores one vector of sums
#if defined(KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#undef KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALKS_SCATTER_INL_H_
#endif

#include "kernels/simd/stream-inl.h"
#include "kernels/spec/integers.h"
#include "kernels/walks/reached_sums.h"
#include "kernels/walks/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Adds what outputs give to the sums of their taps.
template <class R>
class Sums {
  using Lane = typename R::Lane;
  static constexpr int64_t kVector = static_cast<int64_t>(R::kLanes);

 public:
  static int64_t Bytes(const Plan& plan, const Box& box, int64_t lanes) {
    return ReachedSums::Bytes(plan, box, lanes, sizeof(Lane));
  }

  HWY_INLINE Sums(const Plan& plan, const Box& box, int64_t lanes, void* scratch)
      : reached(plan, box, lanes, sizeof(Lane), scratch),
        sums_(static_cast<Lane*>(reached.sums())) {}

  HWY_INLINE Lane* At(int64_t offset) const { return sums_ + offset; }

  // Adds what `lanes` outputs give, from `out` on, to the sums around `at`, which are
  // `apart` from lane to lane. `is_whole`: every tap has its place in the table.
  HWY_INLINE void Add(const R& reducer, bool is_whole, int64_t out, int64_t lanes,
                      int64_t apart, Lane* at) const {
    int64_t lane = 0;
    for (; lane + kVector <= lanes; lane += kVector) {
      AddVector(reducer, is_whole, AllLanes(), kVector, out + lane, apart,
                at + lane * apart);
    }
    if (lane < lanes) {
      const int64_t rest = lanes - lane;
      AddVector(reducer, is_whole, FirstLanes{static_cast<size_t>(rest)}, rest,
                out + lane, apart, at + lane * apart);
    }
  }

  ReachedSums reached;

 private:
  template <class Which>
  HWY_INLINE void AddVector(const R& reducer, bool is_whole, Which which, int64_t lanes,
                            int64_t out, int64_t apart, Lane* at) const {
    HWY_ALIGN Lane room[R::kLanes];
    const Lane* const given = reducer.LoadGradients(which, out, room);
    const int32_t* const table = reached.table();
    const int64_t taps = reached.taps();
    if (HWY_LIKELY(is_whole && reducer.TapsAreBelow(which, out, taps))) {
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
      if (tap < taps && table[tap] >= 0) at[table[tap] + i * apart] += given[i];
    }
  }

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
      ReachedSums& reached = sums.reached;
      const Range columns = reached.outputs(2);
      const auto add = [&](int64_t d, int64_t h) HWY_ATTR {
        const R own = reducer;
        const int64_t step = view.out.stride[2];
        const int64_t taps_d = reached.Taps(0, d);
        const int64_t taps_h = reached.Taps(1, h);
        auto* const row = sums.At(reached.RowAt(d, h));
        int64_t out = view.out.At(d, h, columns.begin) + view.lane_begin;
        for (int64_t w = columns.begin; w < columns.end; ++w, out += step) {
          const bool is_whole = reached.UseShape(taps_d, taps_h, reached.Taps(2, w));
          FetchLanes(own, view, out - view.lane_begin + kAhead * step);
          sums.Add(own, is_whole, out, lanes, 1, row + reached.ColumnAt(w));
        }
      };
      const auto store = [&](int64_t d, int64_t h) HWY_ATTR {
        for (int64_t w = part.axes[2].begin; w < part.axes[2].end; ++w) {
          const auto* const from = sums.At(reached.Of(d, h, w)) - view.lane_begin;
          const int64_t in = view.in.At(d, h, w);
          ForLanes<R::kLanes, 1>(view.lane_begin, view.lane_end, AllLanes{view.streams},
                                 [&](auto, auto which, int64_t lane) KP_INLINE {
                                   reducer.StoreSums(which, from + lane,
                                                     reducer.ResultAt(in + lane));
                                 });
        }
      };
      reached.Run(add, store);
    });
  }

 private:
  // Windows of which memory is told in advance.
  static constexpr int64_t kAhead = 4;
};

// The same of planes, whose outputs lie side by side: a vector's lanes are neighbouring
// windows of a row, and what they read is a stride apart. The view's lanes are planes.
struct ColumnScatterWalk {
  // The sums, then room for the results of a plane that are to go past the caches.
  template <class R>
  static int64_t ScratchBytes(const Plan& plan, const Box& box, int64_t) {
    return SumsBytes<R>(plan, box) +
           box.positions() * static_cast<int64_t>(sizeof(typename R::Result));
  }

  template <class R>
  static void WalkBox(const Plan& plan, const Operands& operands, const TileView& view,
                      const Box& box, void* scratch) {
    using Result = typename R::Result;
    const R reducer(operands);
    auto* const room = reinterpret_cast<Result*>(static_cast<char*>(scratch) +
                                                 SumsBytes<R>(plan, box));
    ForDepths(plan, box, [&](const Box& part) HWY_ATTR {
      Sums<R> sums(plan, part, 1, scratch);
      ReachedSums& reached = sums.reached;
      const Range windows = reached.outputs(2);
      const Range columns = part.axes[2];
      const int64_t first =
          view.in.At(part.axes[0].begin, part.axes[1].begin, columns.begin);
      const bool streams = view.streams && IsOnePiece(plan, part);
      for (int64_t plane = view.lane_begin; plane < view.lane_end; ++plane) {
        const int64_t out = plane * plan.out_positions() + windows.begin;
        Result* const results = reducer.ResultAt(plane * plan.in_positions() + first);
        Result* const to = streams ? room : results;
        const auto add = [&](int64_t d, int64_t h) HWY_ATTR {
          if (windows.size() == 0) return;
          const bool is_whole = reached.UseShape(reached.Taps(0, d), reached.Taps(1, h),
                                                 plan.axes[2].max_taps());
          sums.Add(reducer, is_whole, view.out.At(d, h, 0) + out, windows.size(),
                   plan.axes[2].stride(),
                   sums.At(reached.RowAt(d, h)) + reached.ColumnAt(windows.begin));
        };
        const auto store = [&](int64_t d, int64_t h) HWY_ATTR {
          const auto* const from = sums.At(reached.Of(d, h, columns.begin));
          Result* const row = to + (view.in.At(d, h, columns.begin) - first);
          ForLanes<R::kLanes, 1>(0, columns.size(), AllLanes(),
                                 [&](auto, auto lanes, int64_t w) KP_INLINE {
                                   reducer.StoreSums(lanes, from + w, row + w);
                                 });
        };
        if (plane > view.lane_begin) reached.Restart();
        reached.Run(add, store);
        if (streams) {
          Stream(to, results, part.positions() * static_cast<int64_t>(sizeof(Result)));
        }
      }
    });
  }

 private:
  template <class R>
  static int64_t SumsBytes(const Plan& plan, const Box& box) {
    return RoundUp(ScatterWalk::ScratchBytes<R>(plan, box, 1));
  }

  // Whether a plane's part is one piece of memory: whole rows, and if not all of them,
  // of one depth.
  static bool IsOnePiece(const Plan& plan, const Box& part) {
    const Range* const axes = part.axes;
    const bool has_whole_rows = axes[2].size() == plan.axes[2].in();
    const bool has_all_rows = axes[1].size() == plan.axes[1].in();
    return has_whole_rows && (has_all_rows || axes[0].size() == 1);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
