// Lanes (an image's channels) share nothing: threads take them in blocks, and go over a
// block's windows in order. Some thousand indices at a time are first held against the
// plane, so that nothing is ever written outside of it.
#include "kernels/ops/unpool.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/spec/integers.h"
#include "kernels/spec/text.h"

namespace keras_pooling {
namespace {

// Taken together: their indices are read twice, and should stay in the nearest cache.
constexpr int64_t kIndicesAtOnce = 2048;
// Of marks, which should stay in the second.
constexpr int64_t kMostMarks = int64_t{1} << 19;

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

// Cuts an image's lanes into blocks of whole cache lines: one for each thread where
// there are fewer images than threads, and no more than `most` lanes if that can be.
int64_t LanesOfBlock(const Layout& layout, int64_t bytes, int64_t most, int threads) {
  const int64_t line = kAlignment / bytes;
  const int64_t blocks = CeilDiv(threads, std::max<int64_t>(layout.images, 1));
  const int64_t share = RoundUp(CeilDiv(layout.lanes, blocks), line);
  return std::min(std::max(std::min(share, most / line * line), line), layout.lanes);
}

// Some lanes of one image.
template <class Value, class Index>
struct Block {
  const Index* indices;  // of window 0
  Value* windows;        // their values
  Value* plane;          // position 0
  int64_t lanes;
  int64_t apart;  // from one window, or position, to the next
};

// The greatest of the indices of windows [begin, end); negative ones are greater than
// any other.
template <class Value, class Index>
uint64_t GreatestIndex(const Block<Value, Index>& block, int64_t begin, int64_t end) {
  using Unsigned = std::make_unsigned_t<Index>;
  Unsigned most = 0;
  const auto add = [&most](const Index* indices, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      most = std::max(most, static_cast<Unsigned>(indices[i]));
    }
  };
  if (block.lanes == block.apart) {
    add(block.indices + begin * block.apart, (end - begin) * block.apart);
    return most;
  }
  for (int64_t w = begin; w < end; ++w) {
    add(block.indices + w * block.apart, block.lanes);
  }
  return most;
}

template <class Value, class Index>
void Clear(const Block<Value, Index>& block, int64_t begin, int64_t end) {
  const auto bytes = [](int64_t count) {
    return static_cast<size_t>(count) * sizeof(Value);
  };
  if (begin == end) return;  // of no elements there may be no memory
  Value* const first = block.plane + begin * block.apart;
  if (block.lanes == block.apart) {
    std::memset(first, 0, bytes((end - begin) * block.apart));
    return;
  }
  for (int64_t i = 0; i < end - begin; ++i) {
    std::memset(first + i * block.apart, 0, bytes(block.lanes));
  }
}

// The plane is cleared as far as the indices reach, no sooner: where these ascend, more
// or less, what is cleared is still in the cache when values are written to it. False
// if an index lies outside.
template <class Value, class Index>
bool Scatter(const Block<Value, Index>& block, const Layout& layout) {
  const int64_t at_once = std::max<int64_t>(kIndicesAtOnce / block.lanes, 1);
  int64_t cleared = 0;
  for (int64_t begin = 0; begin < layout.windows; begin += at_once) {
    const int64_t end = std::min(begin + at_once, layout.windows);
    const uint64_t most = GreatestIndex(block, begin, end);
    if (most >= static_cast<uint64_t>(layout.plane)) return false;
    const int64_t reach = static_cast<int64_t>(most) + 1;
    if (reach > cleared) {
      Clear(block, cleared, reach);
      cleared = reach;
    }
    for (int64_t w = begin; w < end; ++w) {
      const Index* const indices = block.indices + w * block.apart;
      const Value* const values = block.windows + w * block.apart;
      for (int64_t c = 0; c < block.lanes; ++c) {
        block.plane[int64_t{indices[c]} * block.apart + c] = values[c];
      }
    }
  }
  Clear(block, cleared, layout.plane);
  return true;
}

// From the last window to the first: who comes to an unmarked position is the one whose
// value stayed there. False if an index lies outside.
template <class Value, class Index>
bool Gather(const Block<Value, Index>& block, const Layout& layout, uint8_t* marks,
            uint8_t mark) {
  const int64_t at_once = std::max<int64_t>(kIndicesAtOnce / block.lanes, 1);
  for (int64_t end = layout.windows; end > 0; end -= at_once) {
    const int64_t begin = std::max<int64_t>(end - at_once, 0);
    if (GreatestIndex(block, begin, end) >= static_cast<uint64_t>(layout.plane)) {
      return false;
    }
    for (int64_t w = end; w-- > begin;) {
      const Index* const indices = block.indices + w * block.apart;
      Value* const values = block.windows + w * block.apart;
      for (int64_t c = 0; c < block.lanes; ++c) {
        const auto index = int64_t{indices[c]};
        uint8_t& marked = marks[index * block.lanes + c];
        const Value value = block.plane[index * block.apart + c];
        values[c] = marked == mark ? Value{0} : value;
        marked = mark;
      }
    }
  }
  return true;
}

// The marks of one block after the other: each has a mark of its own, so that they are
// seldom cleared.
class Marks {
 public:
  explicit Marks(int64_t count) : count_(static_cast<size_t>(count)), scratch_(count) {
    std::memset(data(), 0, count_);
  }
  uint8_t* data() const { return static_cast<uint8_t*>(scratch_.data()); }
  uint8_t Next() {
    if (++mark_ == 0) {
      std::memset(data(), 0, count_);
      mark_ = 1;
    }
    return mark_;
  }

 private:
  size_t count_;
  Scratch scratch_;
  uint8_t mark_ = 0;
};

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
        lanes_(LanesOfBlock(layout, sizeof(Value), MostLanes(), threads)),
        blocks_(CeilDiv(layout.lanes, lanes_)) {}

  // False if an index lies outside the plane.
  bool Run(const Parallel& parallel) {
    const int64_t moved = layout_.windows * 2 + layout_.plane / 2;
    parallel.For(layout_.images * blocks_,
                 std::min<int64_t>(moved * lanes_, int64_t{1} << 30),
                 {&Unpooling::RunSome, this});
    return holds_;
  }

 private:
  int64_t MostLanes() const {
    if (!is_gradient_) return layout_.lanes + kAlignment;
    return kMostMarks / std::max<int64_t>(layout_.plane, 1);
  }

  static void RunSome(const void* context, int64_t begin, int64_t end) {
    auto& call = *static_cast<Unpooling*>(const_cast<void*>(context));
    call.is_gradient_ ? call.GatherSome(begin, end) : call.ScatterSome(begin, end);
  }

  void ScatterSome(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && holds_; ++i) {
      if (!Scatter(BlockOf(i), layout_)) holds_ = false;
    }
  }

  void GatherSome(int64_t begin, int64_t end) {
    if (begin >= end) return;
    Marks marks(layout_.plane * lanes_);
    for (int64_t i = begin; i < end && holds_; ++i) {
      if (!Gather(BlockOf(i), layout_, marks.data(), marks.Next())) holds_ = false;
    }
  }

  Block<Value, Index> BlockOf(int64_t i) const {
    const int64_t image = i / blocks_;
    const int64_t lane = i % blocks_ * lanes_;
    const int64_t at = image * layout_.windows * layout_.lanes + lane;
    return {indices_ + at, windows_ + at,
            plane_ + image * layout_.plane * layout_.lanes + lane,
            std::min(lanes_, layout_.lanes - lane), layout_.lanes};
  }

  const Layout layout_;
  const Index* const indices_;
  Value* const windows_;  // only read in the forward direction
  Value* const plane_;    // only read in the other
  const bool is_gradient_;
  const int64_t lanes_;  // of a block
  const int64_t blocks_;
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
