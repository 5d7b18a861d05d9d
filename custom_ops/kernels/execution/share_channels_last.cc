// Shares channels_last work out: boxes of positions, and where there are few of them,
// or where their scratch memory would leave the cache, parts of the lanes too.
#include <algorithm>

#include "kernels/execution/plan_run.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

// What a thread reads and writes for one box should stay in its cache.
constexpr int64_t kBoxBytes = int64_t{512} << 10;

// The boxes and parts of lanes that threads take: small enough to stay in the cache,
// and enough of them for every thread to have several.
class WorkSplit {
 public:
  explicit WorkSplit(const PlanRun& run)
      : run_(run), lanes_(run.plan.channels.size()), tiling_(run) {
    // Scattering goes through memory lane by lane: it would rather cut lanes.
    const bool scatters = run.walk == Walk::kScatter;
    const double least = run.reaches() ? 2.0 : 0.0;
    while (!Fits()) {
      if (scatters && SplitLanes(4)) continue;
      if (tiling_.Split(least)) continue;
      // A window that does not fit is read once, in the order that memory likes.
      if (!run.reaches() || !SplitLanes(scatters ? 1 : 2)) break;
    }
    const int64_t wanted = (run.reaches() ? 4 : 16) * run.parallel.threads();
    while (units() < wanted) {
      if (run.reaches() && SplitLanes(2)) continue;
      if (tiling_.Split(least / 2)) continue;
      // Memory likes parts of lanes less: no more of them than threads have need of.
      if (units() >= 4 * (run.parallel.threads() - 1) || !SplitLanes(2)) break;
    }
  }

  const Tiling& tiling() const { return tiling_; }
  int64_t parts() const { return parts_; }
  int64_t part_lanes() const { return CeilDiv(lanes_, parts_); }
  int64_t units() const { return run_.plan.images.size() * tiling_.boxes() * parts_; }
  // Whether every part is whole vectors of whole positions.
  bool has_whole_vectors() const {
    return lanes_ == run_.plan.all_channels &&
           lanes_ % (parts_ * run_.kernel.lanes) == 0;
  }

 private:
  // Parts have at least `least` vectors: no two may write the same lane, as a vector at
  // the end of one would.
  bool SplitLanes(int64_t least) {
    if (2 * parts_ * least * run_.kernel.lanes > lanes_) return false;
    parts_ *= 2;
    return true;
  }

  bool Fits() const {
    if (tiling_.ScratchBytes(part_lanes()) > kTileBytes) return false;
    // Scattering goes through its box row by row: only its sums must stay.
    if (run_.walk == Walk::kScatter) return true;
    const double share = static_cast<double>(tiling_.BoxOf(0).positions()) /
                         static_cast<double>(run_.visited_positions());
    const int64_t positions = run_.plan.in_positions() + run_.plan.out_positions();
    const int64_t lane_bytes = part_lanes() * run_.element_size();
    return share * static_cast<double>(positions * lane_bytes) <= kBoxBytes;
  }

  const PlanRun& run_;
  int64_t lanes_;
  int64_t parts_ = 1;
  Tiling tiling_;
};

struct ChannelsLast {
  const PlanRun& run;
  WorkSplit split;
  int64_t scratch_bytes;
  bool streams;

  static void Run(const void* context, int64_t begin, int64_t end) {
    const auto& self = *static_cast<const ChannelsLast*>(context);
    const Plan& plan = self.run.plan;
    const Axis* axes = plan.axes;
    const int64_t channels = plan.all_channels;
    const int64_t lanes = plan.channels.size();
    const int64_t parts = self.split.parts();
    const int64_t boxes = self.split.tiling().boxes();
    const ExactFloats exact;
    const Scratch scratch(self.scratch_bytes);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t image = plan.images.begin + unit / (parts * boxes);
      const int64_t part = unit / boxes % parts;
      const Strides out =
          StridesOf(image, axes[0].out(), axes[1].out(), axes[2].out(), channels);
      const TileView view = {
          StridesOf(image, axes[0].in(), axes[1].in(), axes[2].in(), channels),
          out,
          out,
          1,
          plan.channels.begin + lanes * part / parts,
          plan.channels.begin + lanes * (part + 1) / parts,
          self.run.reads_first(),
          self.streams};
      self.run.kernel.run(plan, self.run.call.operands, view,
                          self.split.tiling().BoxOf(unit % boxes), scratch.data());
    }
  }
};

}  // namespace

void ShareChannelsLast(const PlanRun& run) {
  const WorkSplit split(run);
  const Operands& operands = run.call.operands;
  const void* const result =
      run.call.task == Task::kBackward ? operands.dx : operands.y;
  const bool streams = run.kernel.can_stream && run.streams() &&
                       split.has_whole_vectors() &&
                       reinterpret_cast<uintptr_t>(result) % kAlignment == 0;
  const ChannelsLast shared = {
      run, split, split.tiling().ScratchBytes(split.part_lanes()), streams};
  run.parallel.For(split.units(),
                   split.tiling().BoxOf(0).positions() * run.Cost(split.part_lanes()),
                   {&ChannelsLast::Run, &shared});
}

}  // namespace keras_pooling
