// Shares planes out whose columns are lanes: boxes of the gradient, each of one plane,
// or of several where these are not cut.
#include "kernels/execution/plan_run.h"

namespace keras_pooling {
namespace {

struct Columns {
  const PlanRun& run;
  Tiling tiling;
  int64_t scratch_bytes;
  bool streams;

  static void Run(const void* context, int64_t begin, int64_t end) {
    const auto& self = *static_cast<const Columns*>(context);
    const PlanRun& run = self.run;
    const Axis* axes = run.plan.axes;
    const ExactFloats exact;
    const Scratch scratch(self.scratch_bytes);
    const int64_t first_plane =
        run.plan.images.begin * run.plan.all_channels + run.plan.channels.begin;
    const int64_t boxes = self.tiling.boxes();
    const int64_t planes = boxes == 1 ? end - begin : 1;
    for (int64_t unit = begin; unit < end; unit += planes) {
      const int64_t plane = first_plane + unit / boxes;
      const TileView view = {
          StridesOf(0, axes[0].in(), axes[1].in(), axes[2].in(), 1),
          StridesOf(0, axes[0].out(), axes[1].out(), axes[2].out(), 1),
          {},
          1,
          plane,
          plane + planes,
          run.reads_first(),
          self.streams};
      run.kernel.run(run.plan, run.call.operands, view, self.tiling.BoxOf(unit % boxes),
                     scratch.data());
    }
  }
};

// Boxes that fit the cache, and enough of them.
Tiling CutPlanes(const PlanRun& run) {
  Tiling tiling(run);
  while (tiling.ScratchBytes(1) > kTileBytes && tiling.Split(2.0)) {
  }
  const int64_t wanted = 8 * run.parallel.threads();
  while (run.plan.planes() * tiling.boxes() < wanted && tiling.Split(1.0)) {
  }
  return tiling;
}

}  // namespace

void ShareColumns(const PlanRun& run) {
  const Tiling tiling = CutPlanes(run);
  // Additions wait for what is on its way to memory: too often where pieces are short.
  constexpr int64_t kLeastStreamed = int64_t{16} << 10;
  const bool streams =
      run.streams() &&
      tiling.BoxOf(0).positions() * run.element_size() >= kLeastStreamed;
  const Columns shared = {run, tiling, tiling.ScratchBytes(1), streams};
  run.parallel.For(run.plan.planes() * tiling.boxes(),
                   tiling.BoxOf(0).positions() * run.Cost(1), {&Columns::Run, &shared});
}

}  // namespace keras_pooling
