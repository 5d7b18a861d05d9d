// Shares planes out whose columns are lanes: boxes of the gradient of one plane.
#include <algorithm>

#include "kernels/execution/plan_run.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

struct Columns {
  const PlanRun& run;
  Tiling tiling;
  int64_t scratch_bytes;
  // Of a box that is made in scratch memory, behind the walk's own, to be written past
  // the caches in one go; 0: the walk writes it in its place.
  int64_t result_bytes;

  static void Run(const void* context, int64_t begin, int64_t end) {
    const auto& self = *static_cast<const Columns*>(context);
    const PlanRun& run = self.run;
    const Axis* axes = run.plan.axes;
    const ExactFloats exact;
    const Scratch scratch(self.scratch_bytes + self.result_bytes);
    char* const result = static_cast<char*>(scratch.data()) + self.scratch_bytes;
    const int64_t first_plane =
        run.plan.images.begin * run.plan.all_channels + run.plan.channels.begin;
    const int64_t boxes = self.tiling.boxes();
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t plane = first_plane + unit / boxes;
      const Box box = self.tiling.BoxOf(unit % boxes);
      const TileView view = {
          StridesOf(plane, axes[0].in(), axes[1].in(), axes[2].in(), 1),
          StridesOf(plane, axes[0].out(), axes[1].out(), axes[2].out(), 1),
          {},
          1,
          0,
          1,
          run.is_cached(),
          false};
      Operands operands = run.call.operands;
      if (self.result_bytes == 0) {
        run.kernel.run(run.plan, operands, view, box, scratch.data());
        continue;
      }
      // Offsets into the box shall lead to scratch memory.
      const int64_t offset =
          run.element_size() * view.in.At(box.axes[0].begin, box.axes[1].begin, 0);
      void* const place = static_cast<char*>(operands.dx) + offset;
      operands.dx =
          reinterpret_cast<void*>(reinterpret_cast<intptr_t>(result) - offset);
      run.kernel.run(run.plan, operands, view, box, scratch.data());
      run.target.stream(result, place, box.positions() * run.element_size());
    }
  }
};

// Boxes that fit the cache, and enough of them.
Tiling CutPlanes(const PlanRun& run) {
  Tiling tiling(run);
  const auto bytes = [&] {
    return tiling.ScratchBytes(1) + tiling.BoxOf(0).positions() * run.element_size();
  };
  while (bytes() > kTileBytes && tiling.Split(2.0)) {
  }
  const int64_t wanted = 8 * run.parallel.threads();
  while (run.plan.planes() * tiling.boxes() < wanted && tiling.Split(1.0)) {
  }
  return tiling;
}

// Whether a box is one piece of memory: whole rows, and if not all of them, of one
// depth.
bool IsOnePiece(const PlanRun& run, const Box& box) {
  const bool has_whole_rows = box.axes[2].size() == run.visited(2);
  const bool has_all_rows = box.axes[1].size() == run.visited(1);
  return has_whole_rows && (has_all_rows || box.axes[0].size() == 1);
}

}  // namespace

void ShareColumns(const PlanRun& run) {
  const Tiling tiling = CutPlanes(run);
  const Box box = tiling.BoxOf(0);
  const bool streams = run.streams() && IsOnePiece(run, box);
  const Columns shared = {run, tiling, RoundUp(tiling.ScratchBytes(1)),
                          streams ? RoundUp(box.positions() * run.element_size()) : 0};
  run.parallel.For(run.plan.planes() * tiling.boxes(), box.positions() * run.Cost(1),
                   {&Columns::Run, &shared});
}

}  // namespace keras_pooling
