// Images share nothing, and where they are fewer than threads these take bands of their
// positions: each goes over all windows of its image in order and leaves aside what
// belongs to others. Some thousand indices at a time are first held against the plane,
// so that nothing is ever read or written outside of it.
#include "kernels/ops/unpool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "kernels/spec/integers.h"
#include "kernels/spec/text.h"

namespace keras_pooling {
namespace {

// Indices that are taken together: they are read twice, and should stay in the nearest
// cache.
constexpr int64_t kIndicesAtOnce = 2048;

// Nanoseconds, roughly, that a band should take: each reads all of its image's indices.
constexpr int64_t kLeastBand = 100000;

// What a gradient reads does not come in order, least of all backwards.
constexpr int64_t kPrefetchAhead = 128;
inline void Prefetch(const void* address) { __builtin_prefetch(address); }

int64_t CountOf(const Shape& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

Shape SpatialOf(const PoolSpec& spec, const Shape& shape) {
  const auto first = shape.begin() + static_cast<int64_t>(spec.SpatialAxis(0));
  return {first, first + spec.rank()};
}

// How the two tensors lie: images × positions × lanes. A plane of channels_first is an
// image of one lane.
struct Layout {
  int64_t images;
  int64_t lanes;
  int64_t windows;  // of an image
  int64_t plane;    // positions of an image
};

Layout LayoutOf(const PoolSpec& spec, const Shape& windows, const Shape& positions) {
  const int64_t channels = windows[spec.ChannelAxis()];
  return {spec.channels_first ? windows[0] * channels : windows[0],
          spec.channels_first ? 1 : channels, CountOf(SpatialOf(spec, windows)),
          CountOf(SpatialOf(spec, positions))};
}

// An image, and the positions that a thread cares for.
template <class Value, class Index>
struct Band {
  const Index* indices;
  Value* windows;
  Value* plane;
  int64_t begin;
  int64_t end;

  // Of unsigned numbers: what lies before the band is large.
  bool Has(int64_t index) const {
    return static_cast<uint64_t>(index - begin) < static_cast<uint64_t>(end - begin);
  }
};

// The least and the greatest of some indices.
template <class Index>
struct Extremes {
  Extremes(const Index* indices, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      least = std::min(least, indices[i]);
      most = std::max(most, indices[i]);
    }
  }

  bool LieIn(int64_t plane) const { return least >= 0 && most < plane; }
  bool Miss(int64_t begin, int64_t end) const { return most < begin || least >= end; }

  Index least = std::numeric_limits<Index>::max();
  Index most = 0;
};

template <class Value>
void Clear(Value* plane, const Layout& layout, int64_t begin, int64_t end) {
  if (begin == end) return;  // of no elements there may be no memory
  std::memset(plane + begin * layout.lanes, 0,
              static_cast<size_t>((end - begin) * layout.lanes) * sizeof(Value));
}

// The band is cleared as far as the indices reach, no sooner: where these ascend, more
// or less, what is cleared is still in the cache when values are written to it. False
// if an index lies outside the plane.
template <class Value, class Index>
bool Scatter(const Band<Value, Index>& band, const Layout& layout) {
  const int64_t lanes = layout.lanes;
  const int64_t at_once = std::max<int64_t>(kIndicesAtOnce / lanes, 1);
  Value* __restrict const plane = band.plane;
  int64_t cleared = band.begin;
  for (int64_t begin = 0; begin < layout.windows; begin += at_once) {
    const int64_t count = std::min(at_once, layout.windows - begin) * lanes;
    const Index* __restrict const indices = band.indices + begin * lanes;
    const Value* __restrict const values = band.windows + begin * lanes;
    const Extremes<Index> found(indices, count);
    if (!found.LieIn(layout.plane)) return false;
    if (found.Miss(band.begin, band.end)) continue;
    const auto reach = std::min(int64_t{found.most} + 1, band.end);
    if (reach > cleared) {
      Clear(plane, layout, cleared, reach);
      cleared = reach;
    }
    if (lanes == 1) {
      for (int64_t i = 0; i < count; ++i) {
        if (band.Has(indices[i])) plane[indices[i]] = values[i];
      }
      continue;
    }
    for (int64_t i = 0; i < count; i += lanes) {
      for (int64_t c = 0; c < lanes; ++c) {
        const auto index = int64_t{indices[i + c]};
        if (band.Has(index)) plane[index * lanes + c] = values[i + c];
      }
    }
  }
  Clear(plane, layout, cleared, band.end);
  return true;
}

// A bit for each lane of each position of a band. Neighbouring lanes have bits of
// different bytes, since a byte that was just written is slow to read.
struct Marks {
  static int64_t BytesOf(int64_t lanes) { return CeilDiv(lanes, 8); }

  uint8_t* __restrict data;
  int64_t bytes;  // of a position

  // Whether it was set before.
  bool Set(int64_t position, int64_t byte, unsigned bit) const {
    uint8_t& mark = data[position * bytes + byte];
    const bool was_set = (mark & bit) != 0;
    mark = static_cast<uint8_t>(mark | bit);
    return was_set;
  }
};

// Calls fn(i) for the numbers from `begin` to `end`, up or down, until it says false.
template <bool kUp, class Fn>
bool InOrder(int64_t begin, int64_t end, const Fn& fn) {
  for (int64_t n = 0; n < end - begin; ++n) {
    if (!fn(kUp ? begin + n : end - 1 - n)) return false;
  }
  return true;
}

enum class Outcome { kDone, kOutside, kSame };

// Down: from the last window to the first, who comes to an unmarked position is the one
// whose value stayed there. Up: the processor foresees better what is read next, but
// two windows with the same index end it. All loops go one way, for the same reason.
template <bool kUp, class Value, class Index>
Outcome Gather(const Band<Value, Index>& band, const Layout& layout,
               const Marks& marks) {
  const int64_t lanes = layout.lanes;
  const int64_t at_once = std::max<int64_t>(kIndicesAtOnce / lanes, 1);
  const int64_t ahead = CeilDiv(kPrefetchAhead, lanes) * lanes * (kUp ? 1 : -1);
  const Value* __restrict const plane = band.plane;
  std::memset(marks.data, 0,
              static_cast<size_t>((band.end - band.begin) * marks.bytes));
  bool holds = true;
  const auto chunk = [&](int64_t number) {
    const int64_t begin = number * at_once;
    const int64_t count = std::min(at_once, layout.windows - begin) * lanes;
    const Index* __restrict const indices = band.indices + begin * lanes;
    Value* __restrict const values = band.windows + begin * lanes;
    const Extremes<Index> found(indices, count);
    holds = found.LieIn(layout.plane);
    if (!holds || found.Miss(band.begin, band.end)) return holds;
    const auto take = [&](int64_t i, int64_t c, int64_t byte, unsigned bit) {
      if (static_cast<uint64_t>(i + ahead) < static_cast<uint64_t>(count)) {
        Prefetch(&plane[int64_t{indices[i + ahead]} * lanes + c]);
      }
      const auto index = int64_t{indices[i]};
      if (!band.Has(index)) return true;
      const Value value = plane[index * lanes + c];
      const bool was_set = marks.Set(index - band.begin, byte, bit);
      values[i] = was_set ? Value{0} : value;
      return !kUp || !was_set;
    };
    if (lanes == 1) {
      return InOrder<kUp>(0, count, [&](int64_t i) { return take(i, 0, 0, 1); });
    }
    return InOrder<kUp>(0, count / lanes, [&](int64_t w) {
      return InOrder<kUp>(0, CeilDiv(lanes, marks.bytes), [&](int64_t part) {
        const int64_t first = part * marks.bytes;
        const int64_t end = std::min(first + marks.bytes, lanes);
        return InOrder<kUp>(first, end, [&](int64_t c) {
          return take(w * lanes + c, c, c - first, 1u << part);
        });
      });
    });
  };
  const bool is_done = InOrder<kUp>(0, CeilDiv(layout.windows, at_once), chunk);
  if (!holds) return Outcome::kOutside;
  return is_done ? Outcome::kDone : Outcome::kSame;
}

// One call for values of one size, as the integers that have it, and indices of one
// type. They are moved, whatever they are.
template <class Value, class Index>
class Unpooling {
 public:
  Unpooling(const Layout& layout, const Array& indices, const Array& windows,
            const Array& plane, bool is_gradient, int threads)
      : layout_(layout),
        indices_(static_cast<const Index*>(indices.data)),
        windows_(static_cast<Value*>(windows.data)),
        plane_(static_cast<Value*>(plane.data)),
        is_gradient_(is_gradient),
        cost_((layout.windows * 2 + layout.plane / 2) * layout.lanes),
        bands_(std::min(CeilDiv(threads, layout.images),
                        std::max<int64_t>(cost_ / kLeastBand, 1))) {}

  // False if an index lies outside the plane.
  bool Run(const Parallel& parallel) {
    parallel.For(layout_.images * bands_, std::min(cost_ / bands_, int64_t{1} << 30),
                 {&Unpooling::RunSome, this});
    return holds_;
  }

 private:
  static void RunSome(const void* context, int64_t begin, int64_t end) {
    auto& call = *static_cast<Unpooling*>(const_cast<void*>(context));
    call.is_gradient_ ? call.GatherSome(begin, end) : call.ScatterSome(begin, end);
  }

  void ScatterSome(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && holds_; ++i) {
      if (!Scatter(BandOf(i), layout_)) holds_ = false;
    }
  }

  void GatherSome(int64_t begin, int64_t end) {
    if (begin >= end) return;
    const int64_t bytes = Marks::BytesOf(layout_.lanes);
    const Scratch scratch(CeilDiv(layout_.plane, bands_) * bytes);
    const Marks marks = {static_cast<uint8_t*>(scratch.data()), bytes};
    for (int64_t i = begin; i < end && holds_; ++i) {
      const Band<Value, Index> band = BandOf(i);
      Outcome outcome = Gather<true>(band, layout_, marks);
      if (outcome == Outcome::kSame) outcome = Gather<false>(band, layout_, marks);
      if (outcome == Outcome::kOutside) holds_ = false;
    }
  }

  Band<Value, Index> BandOf(int64_t i) const {
    const int64_t image = i / bands_;
    const int64_t size = CeilDiv(layout_.plane, bands_);
    const int64_t begin = std::min(i % bands_ * size, layout_.plane);
    const int64_t windows = image * layout_.windows * layout_.lanes;
    return {indices_ + windows, windows_ + windows,
            plane_ + image * layout_.plane * layout_.lanes, begin,
            std::min(begin + size, layout_.plane)};
  }

  const Layout layout_;
  const Index* const indices_;
  Value* const windows_;  // only read in the forward direction
  Value* const plane_;    // only read in the other
  const bool is_gradient_;
  const int64_t cost_;   // of an image, in nanoseconds, roughly
  const int64_t bands_;  // of an image
  std::atomic<bool> holds_{true};
};

template <class Index>
std::string FindFault(const Layout& layout, const PoolSpec& spec, const Array& indices,
                      const Shape& positions) {
  const auto* const values = static_cast<const Index*>(indices.data);
  const int64_t count = CountOf(indices.shape);
  int64_t at = 0;
  while (at < count && values[at] >= 0 && int64_t{values[at]} < layout.plane) ++at;
  if (at == count) return "";
  Shape place(indices.shape.size());
  int64_t rest = at;
  for (size_t axis = place.size(); axis-- > 0;) {
    place[axis] = rest % indices.shape[axis];
    rest /= indices.shape[axis];
  }
  return "an index lies outside the plane: indices hold " + std::to_string(values[at]) +
         " at " + ListText(SpatialOf(spec, place)) + " of image " +
         std::to_string(place[0]) + ", channel " +
         std::to_string(place[spec.ChannelAxis()]) + ", the plane " +
         ListText(SpatialOf(spec, positions)) + " has " + std::to_string(layout.plane) +
         " elements. Hand over the indices that pooling gave, and the sizes of what it "
         "pooled";
}

template <class Index>
std::string RunOn(const PoolSpec& spec, const Array& windows, const Array& indices,
                  const Array& plane, bool is_gradient, const Parallel& parallel) {
  // Without lanes there is nothing to do, and no plane that must fit any memory.
  if (windows.shape[0] == 0 || windows.shape[spec.ChannelAxis()] == 0) return "";
  const Layout layout = LayoutOf(spec, windows.shape, plane.shape);
  const auto run = [&](auto value) {
    Unpooling<decltype(value), Index> call(layout, indices, windows, plane, is_gradient,
                                           parallel.threads());
    return call.Run(parallel);
  };
  bool holds = true;
  switch (ElementSize(windows.type)) {
    case 1:
      holds = run(uint8_t{});
      break;
    case 2:
      holds = run(uint16_t{});
      break;
    case 4:
      holds = run(uint32_t{});
      break;
    default:
      holds = run(uint64_t{});
  }
  return holds ? "" : FindFault<Index>(layout, spec, indices, plane.shape);
}

std::string RunOnAny(const PoolSpec& spec, const Array& windows, const Array& indices,
                     const Array& plane, bool is_gradient, const Parallel& parallel) {
  return indices.type == ElementType::kInt64
             ? RunOn<int64_t>(spec, windows, indices, plane, is_gradient, parallel)
             : RunOn<int32_t>(spec, windows, indices, plane, is_gradient, parallel);
}

}  // namespace

std::string Unpool(const PoolSpec& spec, const Array& y, const Array& indices,
                   const Array& x, const Parallel& parallel) {
  return RunOnAny(spec, y, indices, x, false, parallel);
}

std::string UnpoolGradient(const PoolSpec& spec, const Array& dx, const Array& indices,
                           const Array& dy, const Parallel& parallel) {
  return RunOnAny(spec, dy, indices, dx, true, parallel);
}

}  // namespace keras_pooling
