// Fractional pooling's regions (Graham, 2014): where they begin and end. Plain
// integers; no draw, however it falls, breaks the rule that every region of an axis has
// floor(size / count) elements or one more.
#ifndef KERAS_POOLING_KERNELS_SPEC_REGION_DRAW_H_
#define KERAS_POOLING_KERNELS_SPEC_REGION_DRAW_H_

#include <cstdint>
#include <string>

namespace keras_pooling {

struct RegionDraw {
  int64_t size = 0;   // of the axis
  int64_t count = 0;  // of regions
  int64_t rows = 0;   // of edges; each is drawn for itself
  uint32_t seed[2] = {0, 0};
  int64_t axis = 0;  // axes of one call share a seed, not their draws
  // A grid of step size / count from a random offset; or gaps in random order.
  bool pseudo_random = true;
};

// Returns what is wrong, or "".
std::string CheckDraw(const RegionDraw& draw);

// Writes rows × (count + 1) edges of a draw that CheckDraw() accepts.
template <class Edge>  // int32_t or int64_t
void DrawRegions(const RegionDraw& draw, Edge* edges);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_REGION_DRAW_H_
