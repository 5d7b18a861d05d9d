#include "kernels/regions.h"

#include <limits>

namespace keras_pooling {
namespace {

// 64 random bits that depend on the seed, the axis and the index alone: Philox4x32-10,
// as in random-inl.h, where the third word of every counter is 0.
uint64_t Random(const RegionDraw& draw, uint64_t index) {
  uint32_t counter[4] = {static_cast<uint32_t>(index),
                         static_cast<uint32_t>(index >> 32),
                         static_cast<uint32_t>(draw.axis + 1), 0};
  uint32_t key[2] = {draw.seed[0], draw.seed[1]};
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter[0] = static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0];
    counter[1] = static_cast<uint32_t>(product1);
    counter[2] = static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1];
    counter[3] = static_cast<uint32_t>(product0);
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return uint64_t{counter[0]} << 32 | counter[1];
}

// Uniform in 0 … bound − 1: each as likely as the others within bound / 2⁶⁴.
int64_t Below(uint64_t random, int64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>((Wide{random} * static_cast<uint64_t>(bound)) >> 64);
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::string CheckDraw(const RegionDraw& draw) {
  constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
  if (draw.size < 1 || draw.size > kLargest || draw.count < 1 ||
      draw.count > draw.size) {
    return "an axis of 1 to 2147483647 elements has 1 to as many regions. Received " +
           std::to_string(draw.size) + " elements, " + std::to_string(draw.count) +
           " regions";
  }
  if (draw.rows < 0 || draw.rows > kLargest) {
    return "rows must lie between 0 and 2147483647. Received rows=" +
           std::to_string(draw.rows);
  }
  return "";
}

void DrawRegions(const RegionDraw& draw, int64_t* edges) {
  const int64_t size = draw.size;
  const int64_t count = draw.count;
  for (int64_t row = 0; row < draw.rows; ++row) {
    if (draw.pseudo_random) {
      // ceil(α(i + u)) − ceil(αu) with α = size / count. Only ceil(size · u) matters of
      // u: one of 1 … size, each as likely.
      const int64_t offset = 1 + Below(Random(draw, static_cast<uint64_t>(row)), size);
      for (int64_t i = 0; i <= count; ++i) {
        *edges++ = CeilDiv(size * i + offset, count) - CeilDiv(offset, count);
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
      *edges++ = edge;
    }
  }
}

}  // namespace keras_pooling
