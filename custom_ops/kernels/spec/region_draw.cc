#include "kernels/spec/region_draw.h"

#include <limits>

#include "kernels/spec/integers.h"
#include "kernels/spec/philox.h"

namespace keras_pooling {
namespace {

// 64 random bits that depend on the seed, the axis and the index alone. In the numbers
// that kernels draw the third word of every counter is 0.
uint64_t Random(const RegionDraw& draw, uint64_t index) {
  return Philox(draw.seed, index, static_cast<uint32_t>(draw.axis) + 1u);
}

// Uniform in 0 … bound − 1: each as likely as the others within bound / 2⁶⁴.
int64_t Below(uint64_t random, int64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>((Wide{random} * static_cast<uint64_t>(bound)) >> 64);
}

}  // namespace

std::string CheckDraw(const RegionDraw& draw) {
  constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
  if (draw.size < 1 || draw.size > kLargest || draw.count < 1 ||
      draw.count > draw.size) {
    return "an axis of " + std::to_string(draw.size) + " elements cannot be cut into " +
           std::to_string(draw.count) +
           " regions: output_size must lie between 1 and the axis's size, which is at "
           "most 2147483647 (or pooling_ratio between 1 and that size)";
  }
  if (draw.rows < 0 || draw.rows > kLargest) {
    return "rows must lie between 0 and 2147483647. Received rows=" +
           std::to_string(draw.rows);
  }
  return "";
}

template <class Edge>
void DrawRegions(const RegionDraw& draw, Edge* edges) {
  const int64_t size = draw.size;
  const int64_t count = draw.count;
  for (int64_t row = 0; row < draw.rows; ++row) {
    if (draw.pseudo_random) {
      // ceil(α(i + u)) − ceil(αu) with α = size / count. Only ceil(size · u) matters of
      // u: one of 1 … size, each as likely.
      const int64_t offset = 1 + Below(Random(draw, static_cast<uint64_t>(row)), size);
      for (int64_t i = 0; i <= count; ++i) {
        *edges++ = static_cast<Edge>(CeilDiv(size * i + offset, count) -
                                     CeilDiv(offset, count));
      }
      continue;
    }
    int64_t longer = size % count;  // regions left that have one element more
    int64_t edge = 0;
    *edges++ = 0;
    for (int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<uint64_t>(row * count + i);
      const bool is_longer = Below(Random(draw, index), count - i) < longer;
      longer -= is_longer ? 1 : 0;
      edge += size / count + (is_longer ? 1 : 0);
      *edges++ = static_cast<Edge>(edge);
    }
  }
}

template void DrawRegions(const RegionDraw& draw, int32_t* edges);
template void DrawRegions(const RegionDraw& draw, int64_t* edges);

}  // namespace keras_pooling
