// The loops over windows. A walk visits positions, their windows and their taps, and
// hands offsets to a reducer; it knows neither element types nor reductions. Included
// once per instruction set.
#if defined(KERAS_POOLING_KERNELS_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_WALK_INL_H_
#undef KERAS_POOLING_KERNELS_WALK_INL_H_
#else
#define KERAS_POOLING_KERNELS_WALK_INL_H_
#endif

#include "kernels/kernel.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Blocks of lanes live in registers only if their loops are unrolled.
#undef KP_UNROLL
#define KP_UNROLL _Pragma("GCC unroll 4")

// What a reducer may ask of the window at hand.
struct Window {
  int64_t first_tap;
  double share;  // what an average gives each tap; see Shares
  // Lane 0's offset into the output and number in the whole tensor, and the number's
  // step from lane to lane.
  int64_t out;
  int64_t index;
  int64_t index_step;

  HWY_INLINE int64_t IndexOf(int64_t offset) const {
    return index + (offset - out) * index_step;
  }
};

// The shares of windows' taps. Neighbours mostly have the same: only others are worth a
// division.
class Shares {
 public:
  HWY_INLINE explicit Shares(const Plan& plan)
      : is_fixed_(plan.divisor_override != 0.0), share_(1.0 / plan.divisor_override) {}

  HWY_INLINE double Of(const Span& d, const Span& h, const Span& w) {
    return Of(d.divisor * h.divisor * w.divisor);
  }

  HWY_INLINE double Of(int64_t divisor) {
    if (divisor != divisor_ && !is_fixed_) {
      divisor_ = divisor;
      share_ = 1.0 / static_cast<double>(divisor);
    }
    return share_;
  }

 private:
  bool is_fixed_;
  int64_t divisor_ = 0;
  double share_;
};

HWY_INLINE int64_t TapIndex(const Plan& plan, int64_t d, int64_t h, int64_t w) {
  return (d * plan.axes[1].max_taps + h) * plan.axes[2].max_taps + w;
}

// Calls visit(blocks, lanes, lane) so that every lane of [begin, end) is visited:
// kBlocks vectors at a time while there are enough, half as many once, then one by one;
// the last, if it is short, steps back over lanes that are done, or where there are too
// few, is masked.
template <size_t kLanes, int kBlocks, class Full, class Visit>
HWY_INLINE void ForLanes(int64_t begin, int64_t end, Full full, const Visit& visit) {
  constexpr int64_t kStep = static_cast<int64_t>(kLanes);
  int64_t lane = begin;
  if constexpr (kBlocks > 1) {
    for (; lane + kBlocks * kStep <= end; lane += kBlocks * kStep) {
      visit(std::integral_constant<int, kBlocks>(), full, lane);
    }
    if (lane + kBlocks / 2 * kStep <= end) {
      visit(std::integral_constant<int, kBlocks / 2>(), full, lane);
      lane += kBlocks / 2 * kStep;
    }
  }
  for (; lane + kStep <= end; lane += kStep) {
    visit(std::integral_constant<int, 1>(), full, lane);
  }
  if constexpr (!Full::kOnly) {
    if (lane == end) return;
    if (end - begin >= kStep) {
      visit(std::integral_constant<int, 1>(), AllLanes(), end - kStep);
    } else {
      visit(std::integral_constant<int, 1>(),
            FirstLanes{static_cast<size_t>(end - lane)}, lane);
    }
  }
}

template <class R>
constexpr bool kPresumes = !std::is_void_v<typename R::Careful>;

template <class Visit>
HWY_INLINE void ForRows(const Box& box, const Visit& visit) {
  for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) {
    for (int64_t h = box.axes[1].begin; h < box.axes[1].end; ++h) visit(d, h);
  }
}

// Whether what the reducer presumes holds for the input of the outputs `box`. To look
// brings the input into the cache, row by row, as memory likes it best.
template <class R>
HWY_INLINE bool Holds(const Plan& plan, const R& reducer, const Frame& frame,
                      const Box& box) {
  Box in;
  for (int i = 0; i < kMaxRank; ++i) in.axes[i] = plan.axes[i].InputsOf(box.axes[i]);
  const int64_t lanes = frame.lane_end - frame.lane_begin;
  const Range columns = in.axes[2];
  const bool is_whole = frame.in.stride[2] == lanes;
  const int64_t runs = is_whole ? 1 : columns.end - columns.begin;
  const int64_t length = is_whole ? (columns.end - columns.begin) * lanes : lanes;
  bool holds = true;
  ForRows(in, [&](int64_t d, int64_t h) HWY_ATTR {
    const int64_t from = frame.in.At(d, h, columns.begin) + frame.lane_begin;
    for (int64_t i = 0; i < runs; ++i) {
      holds &= reducer.Holds(from + i * frame.in.stride[2], length);
    }
  });
  return holds;
}

// Tells memory that the lanes at `near` will be needed soon.
template <class R>
HWY_INLINE void FetchLanes(const R& reducer, const Frame& frame, int64_t near) {
  for (int64_t lane = frame.lane_begin; lane < frame.lane_end;
       lane += static_cast<int64_t>(R::kLanes)) {
    reducer.Fetch(near + lane);
  }
}

// Where the taps of a row's windows lie that are whole along the width, as offsets from
// their first, and their numbers: one short loop for every rank, dilation and layout.
class FlatWindow {
 public:
  // A row with few windows is not worth a table.
  static HWY_INLINE bool Serves(const Plan& plan, int64_t windows) {
    return windows >= 4 && plan.max_taps() <= kMostTaps;
  }

  HWY_INLINE FlatWindow(const Plan& plan, const Side& side, const Span& span_d,
                        const Span& span_h) {
    const int64_t first_tap = TapIndex(plan, span_d.first_tap, span_h.first_tap, 0);
    for (int64_t d = 0; d < span_d.count; ++d) {
      for (int64_t h = 0; h < span_h.count; ++h) {
        for (int64_t w = 0; w < plan.axes[2].max_taps; ++w) {
          offsets_[count_] = d * plan.axes[0].dilation * side.stride[0] +
                             h * plan.axes[1].dilation * side.stride[1] +
                             w * plan.axes[2].dilation * side.stride[2];
          taps_[count_++] = first_tap + TapIndex(plan, d, h, w);
        }
      }
    }
  }

  HWY_INLINE int64_t first_tap() const { return taps_[0]; }

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    for (int64_t i = 0; i < count_; ++i) visit(in + offsets_[i], taps_[i]);
  }

 private:
  static constexpr int64_t kMostTaps = 256;
  int64_t count_ = 0;
  int64_t offsets_[kMostTaps];
  int64_t taps_[kMostTaps];
};

// The taps of a window of which any part may be cut off.
struct ClippedWindow {
  const Plan& plan;
  const Side& side;
  const Window& window;
  const Span& span_d;
  const Span& span_h;
  const Span& span_w;

  template <class Visit>
  HWY_INLINE void ForTaps(int64_t in, const Visit& visit) const {
    const int64_t step_d = plan.axes[0].dilation * side.stride[0];
    const int64_t step_h = plan.axes[1].dilation * side.stride[1];
    const int64_t step_w = plan.axes[2].dilation * side.stride[2];
    for (int64_t d = 0; d < span_d.count; ++d) {
      for (int64_t h = 0; h < span_h.count; ++h) {
        int64_t near = in + d * step_d + h * step_h;
        int64_t tap = window.first_tap + TapIndex(plan, d, h, 0);
        for (int64_t w = 0; w < span_w.count; ++w) {
          visit(near, tap);
          near += step_w;
          ++tap;
        }
      }
    }
  }
};

// Forward: every output reduces its window. Visits outputs.
struct ReduceWalk {
  template <class R, class Full>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void* scratch) {
    const R reducer(operands);
    if constexpr (kPresumes<R>) {
      if (!Holds(plan, reducer, frame, box)) {
        Block<typename R::Careful, AllLanes>(plan, operands, frame, box, scratch);
        return;
      }
    }
    Shares shares(plan);
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      Row<Full>(plan, reducer, frame, d, h, box.axes[2], shares);
    });
  }

 private:
  template <class Full, class R>
  static HWY_INLINE void Row(const Plan& plan, R reducer, const Frame& frame, int64_t d,
                             int64_t h, Range row, Shares& shares) {
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    if (!FlatWindow::Serves(plan, row.end - row.begin)) {
      Clipped<Full>(plan, reducer, frame, d, h, row, shares);
      return;
    }
    const Span* const spans = plan.axes[2].spans.data();
    const int64_t whole = plan.axes[2].max_taps;
    const FlatWindow taps(plan, frame.in, sd, sh);
    // Where windows move by one position, the row below is the next that memory brings.
    const bool fetches = !kPresumes<R> && plan.axes[1].stride == 1 &&
                         plan.axes[2].stride == 1 && plan.axes[1].max_taps > 1;
    const int64_t ahead =
        plan.axes[1].max_taps * plan.axes[1].dilation * frame.in.stride[1];
    // Where a position has few vectors of lanes, neighbouring windows share the steps
    // from tap to tap.
    const bool is_narrow = plan.axes[2].stride > 0 &&
                           frame.lane_end - frame.lane_begin <= kBlocks / 2 * kStep<R>;
    const Apart apart = {plan.axes[2].stride * frame.in.stride[2], frame.out.stride[2]};
    for (int64_t w = row.begin; w < row.end; ++w) {
      if (spans[w].count != whole) {  // at the row's ends
        Clipped<Full>(plan, reducer, frame, d, h, {w, w + 1}, shares);
        continue;
      }
      const Window window = {taps.first_tap(), shares.Of(sd, sh, spans[w]),
                             frame.out.At(d, h, w), frame.index.At(d, h, w),
                             frame.index_step};
      const int64_t in = frame.in.At(sd.first, sh.first, spans[w].first);
      if (fetches) FetchLanes(reducer, frame, in + ahead);
      if constexpr (R::kPasses == 1) {
        if (is_narrow && w + kBlocks <= row.end &&
            spans[w + kBlocks - 1].count == whole) {
          ReduceNeighbours<Full>(reducer, frame, window, taps, in, apart);
          w += kBlocks - 1;
          continue;
        }
      }
      ReduceLanes<Full>(reducer, frame, window, taps, in);
    }
  }

  template <class Full, class R>
  static HWY_NOINLINE void Clipped(const Plan& plan, R reducer, const Frame& frame,
                                   int64_t d, int64_t h, Range row, Shares& shares) {
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    for (int64_t w = row.begin; w < row.end; ++w) {
      const Span& sw = plan.axes[2].spans[static_cast<size_t>(w)];
      const Window window = {TapIndex(plan, sd.first_tap, sh.first_tap, sw.first_tap),
                             shares.Of(sd, sh, sw), frame.out.At(d, h, w),
                             frame.index.At(d, h, w), frame.index_step};
      const ClippedWindow taps = {plan, frame.in, window, sd, sh, sw};
      const int64_t in = frame.in.At(sd.first, sh.first, sw.first);
      // Few windows of many taps lie far apart: memory is told the next lanes.
      const bool fetches =
          !kPresumes<R> && row.end - row.begin == 1 && sh.count * sw.count >= 16;
      ReduceLanes<Full>(reducer, frame, window, taps, in, fetches);
    }
  }

  // Vectors that are reduced together. More passes keep more in registers.
  static constexpr int kBlocks = 4;
  template <class R>
  static constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);

  // How far apart those lie.
  struct Apart {
    int64_t in;
    int64_t out;
  };

  template <class Full, class R, class Taps>
  static HWY_INLINE void ReduceLanes(const R& reducer, const Frame& frame,
                                     const Window& window, const Taps& taps, int64_t in,
                                     bool fetches = false) {
    ForLanes<R::kLanes, R::kPasses == 1 ? kBlocks : 1>(
        frame.lane_begin, frame.lane_end, Full(),
        [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
          if (fetches) {
            taps.ForTaps(in + lane, [&](int64_t near, int64_t) HWY_ATTR {
              KP_UNROLL for (int b = 0; b < blocks.value; ++b) {
                reducer.Fetch(near + (blocks.value + b) * kStep<R>);
              }
            });
          }
          ReduceTaps<blocks.value>(reducer, lanes, window, taps, in + lane,
                                   window.out + lane, {kStep<R>, kStep<R>});
        });
  }

  template <class Full, class R, class Taps>
  static HWY_INLINE void ReduceNeighbours(const R& reducer, const Frame& frame,
                                          const Window& window, const Taps& taps,
                                          int64_t in, Apart apart) {
    ForLanes<R::kLanes, 1>(frame.lane_begin, frame.lane_end, Full(),
                           [&](auto, auto lanes, int64_t lane) HWY_ATTR {
                             ReduceTaps<kBlocks>(reducer, lanes, window, taps,
                                                 in + lane, window.out + lane, apart);
                           });
  }

  template <int kCount, class R, class Lanes, class Taps>
  static HWY_INLINE void ReduceTaps(const R& reducer, Lanes lanes, const Window& window,
                                    const Taps& taps, int64_t in, int64_t out,
                                    Apart apart) {
    typename R::State states[kCount];
    KP_UNROLL for (int b = 0; b < kCount; ++b) {
      states[b] = reducer.Begin(lanes, window, out + b * apart.out);
    }
    if constexpr (R::kPasses == 1) {
      taps.ForTaps(in, [&](int64_t near, int64_t tap) HWY_ATTR {
        KP_UNROLL for (int b = 0; b < kCount; ++b) {
          reducer.Add(lanes, window, near + b * apart.in, tap, states[b]);
        }
      });
    } else {
      Pass<0>(reducer, lanes, window, taps, in, states[0]);
    }
    KP_UNROLL for (int b = 0; b < kCount; ++b) {
      reducer.Finish(lanes, window, out + b * apart.out, states[b]);
    }
  }

  template <int kPass, class R, class Lanes, class Taps>
  static HWY_INLINE void Pass(const R& reducer, Lanes lanes, const Window& window,
                              const Taps& taps, int64_t in, typename R::State& state) {
    if constexpr (kPass > 0) reducer.template StartPass<kPass>(state);
    taps.ForTaps(in, [&](int64_t near, int64_t tap) HWY_ATTR {
      reducer.template AddInPass<kPass>(lanes, window, near, tap, state);
    });
    if constexpr (kPass + 1 < R::kPasses) {
      Pass<kPass + 1>(reducer, lanes, window, taps, in, state);
    }
  }
};

// Backward: every input position gathers from the windows that read it, and is written
// once. Visits inputs. Scratch memory holds where those windows are.
struct GatherWalk {
  static int64_t ScratchBytes(const Plan& plan, const Box&, int64_t) {
    const Axis* axes = plan.axes;
    return (axes[0].most_readers * axes[1].most_readers + axes[2].most_readers) *
           static_cast<int64_t>(sizeof(Reader));
  }

  template <class R, class Full>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void* scratch) {
    const R reducer(operands);
    Shares shares(plan);
    Reader* const rows = static_cast<Reader*>(scratch);
    Reader* const columns =
        rows + plan.axes[0].most_readers * plan.axes[1].most_readers;
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      const Readers reading_rows = {rows, FindRows(plan, frame, d, h, rows)};
      const R own = reducer;
      for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w) {
        const Readers reading_columns = {columns, FindColumns(plan, frame, w, columns)};
        if (reading_rows.count > 0 && reading_columns.count > 0) {
          // The row below the last is the next that memory must bring.
          FetchLanes(own, frame,
                     reading_rows.last().out + reading_columns.last().out +
                         frame.out.stride[1]);
        }
        const int64_t in = frame.in.At(d, h, w);
        ForLanes<R::kLanes, 4>(frame.lane_begin, frame.lane_end, Full(),
                               [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                                 Gather<blocks.value>(own, lanes, shares, reading_rows,
                                                      reading_columns, in + lane, lane);
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
    int64_t divisor;
  };
  struct Readers {
    const Reader* first;
    int64_t count;

    HWY_INLINE const Reader& last() const { return first[count - 1]; }
  };

  static HWY_INLINE int64_t FindRows(const Plan& plan, const Frame& frame, int64_t d,
                                     int64_t h, Reader* to) {
    const Axis& axis_d = plan.axes[0];
    const Axis& axis_h = plan.axes[1];
    const auto readers_d = axis_d.readers[static_cast<size_t>(d)];
    const auto readers_h = axis_h.readers[static_cast<size_t>(h)];
    int64_t count = 0;
    for (int64_t i = 0; i < readers_d.count; ++i) {
      const int64_t od = readers_d.first + i * axis_d.reader_step;
      for (int64_t j = 0; j < readers_h.count; ++j) {
        const int64_t oh = readers_h.first + j * axis_h.reader_step;
        to[count++] = {frame.out.At(od, oh, 0),
                       TapIndex(plan, axis_d.TapAt(od, d), axis_h.TapAt(oh, h), 0),
                       axis_d.spans[static_cast<size_t>(od)].divisor *
                           axis_h.spans[static_cast<size_t>(oh)].divisor};
      }
    }
    return count;
  }

  static HWY_INLINE int64_t FindColumns(const Plan& plan, const Frame& frame, int64_t w,
                                        Reader* to) {
    const Axis& axis = plan.axes[2];
    const auto readers = axis.readers[static_cast<size_t>(w)];
    for (int64_t k = 0; k < readers.count; ++k) {
      const int64_t ow = readers.first + k * axis.reader_step;
      to[k] = {ow * frame.out.stride[2], axis.TapAt(ow, w),
               axis.spans[static_cast<size_t>(ow)].divisor};
    }
    return readers.count;
  }

  template <int kBlocks, class R, class Lanes>
  static HWY_INLINE void Gather(const R& reducer, Lanes lanes, Shares& shares,
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
          window.share = shares.Of(row->divisor * column->divisor);
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

// Backward where no windows overlap: every output writes its own taps, and zeros into
// the gap before the next window. Visits outputs.
struct DisjointWalk {
  template <class R, class Full>
  static void Block(const Plan& plan, const Operands& operands, const Frame& frame,
                    const Box& box, void*) {
    const R reducer(operands);
    Shares shares(plan);
    ForRows(box, [&](int64_t d, int64_t h) HWY_ATTR {
      Row<Full>(plan, reducer, frame, d, h, box.axes[2], shares);
    });
  }

 private:
  template <class Full, class R>
  static HWY_INLINE void Row(const Plan& plan, R reducer, const Frame& frame, int64_t d,
                             int64_t h, Range row, Shares& shares) {
    const Span& sd = plan.axes[0].spans[static_cast<size_t>(d)];
    const Span& sh = plan.axes[1].spans[static_cast<size_t>(h)];
    const Range own_d = plan.axes[0].Owned(d);
    const Range own_h = plan.axes[1].Owned(h);
    for (int64_t id = own_d.begin; id < own_d.end; ++id) {
      for (int64_t ih = own_h.begin; ih < own_h.end; ++ih) {
        const bool row_is_read = Contains(sd, id) && Contains(sh, ih);
        for (int64_t w = row.begin; w < row.end; ++w) {
          const Span& sw = plan.axes[2].spans[static_cast<size_t>(w)];
          const Window window = {0, shares.Of(sd, sh, sw), 0, 0, 0};
          const Range own_w = plan.axes[2].Owned(w);
          const int64_t out = frame.out.At(d, h, w);
          for (int64_t iw = own_w.begin; iw < own_w.end; ++iw) {
            const bool is_read = row_is_read && Contains(sw, iw);
            const int64_t tap =
                TapIndex(plan, sd.first_tap + id - sd.first,
                         sh.first_tap + ih - sh.first, sw.first_tap + iw - sw.first);
            const int64_t in = frame.in.At(id, ih, iw);
            ForLanes<R::kLanes, 4>(frame.lane_begin, frame.lane_end, Full(),
                                   [&](auto blocks, auto lanes, int64_t lane) HWY_ATTR {
                                     Write<blocks.value>(reducer, lanes, window,
                                                         is_read, tap, in + lane,
                                                         out + lane);
                                   });
          }
        }
      }
    }
  }

  static HWY_INLINE bool Contains(const Span& span, int64_t position) {
    return position >= span.first && position < span.first + span.count;
  }

  template <int kBlocks, class R, class Lanes>
  static HWY_INLINE void Write(const R& reducer, Lanes lanes, const Window& window,
                               bool is_read, int64_t tap, int64_t in, int64_t out) {
    constexpr int64_t kStep = static_cast<int64_t>(R::kLanes);
    KP_UNROLL for (int b = 0; b < kBlocks; ++b) {
      typename R::State state = reducer.Begin(lanes, window, in + b * kStep);
      if (is_read) reducer.Add(lanes, window, out + b * kStep, tap, state);
      reducer.Finish(lanes, window, in + b * kStep, state);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
