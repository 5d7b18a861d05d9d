// Shares channels_last work out: boxes of positions, and where there are few of them,
// or where their scratch memory would leave the cache, parts of the lanes too.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {
namespace {

// What a thread reads and writes for one box should stay in its cache.
constexpr int64_t kBoxBytes = int64_t{512} << 10;

struct LastJob {
  const Job& job;
  BlockFn run;
  Tiling tiling;
  int64_t lane_parts;  // units per box
  int64_t scratch_bytes;
  std::atomic<bool>* no_memory;
};

// One image's positions; neighbours along an axis are the sizes behind it apart.
Side ImageSide(int64_t image, int64_t d, int64_t h, int64_t w, int64_t channels) {
  return {image * d * h * w * channels, {h * w * channels, w * channels, channels}};
}

void RunLast(const void* context, int64_t begin, int64_t end) {
  const ExactFloats exact;
  const auto& last = *static_cast<const LastJob*>(context);
  const Job& job = last.job;
  const Plan& plan = job.plan;
  const int64_t channels = plan.channels;
  const Axis* axes = plan.axes;
  const Scratch scratch(static_cast<size_t>(last.scratch_bytes));
  if (scratch.data() == nullptr) {
    last.no_memory->store(true);
    return;
  }
  const int64_t boxes = last.tiling.boxes();
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t image = unit / (last.lane_parts * boxes);
    const int64_t part = unit / boxes % last.lane_parts;
    const Side out =
        ImageSide(image, axes[0].out(), axes[1].out(), axes[2].out(), channels);
    Side index = out;
    index.base += job.first_index;
    const int64_t lanes = job.lanes.end - job.lanes.begin;
    const Frame frame = {ImageSide(image, axes[0].in, axes[1].in, axes[2].in, channels),
                         out,
                         index,
                         1,
                         job.lanes.begin + lanes * part / last.lane_parts,
                         job.lanes.begin + lanes * (part + 1) / last.lane_parts};
    last.run(plan, job.operands, frame, last.tiling.BoxOf(unit % boxes),
             scratch.data());
  }
}

// Chooses boxes and parts of lanes: small enough to stay in the cache, and enough of
// them for every thread to have several. Boxes of walks with scratch memory reach into
// their neighbours, so that many small ones would do much work twice.
class Sharing {
 public:
  explicit Sharing(const Job& job)
      : job_(job), lanes_(job.lanes.end - job.lanes.begin), tiling_(job) {
    const bool scatters = job.walk == Walk::kScatter;
    const bool reaches = scatters || job.walk == Walk::kSeparable;
    const double least = reaches ? 2.0 : 0.0;
    while (!Fits()) {
      if (scatters && SplitLanes(4)) continue;
      if (!tiling_.Split(least) && !SplitLanes(scatters ? 1 : 2)) break;
    }
    const int64_t wanted = (reaches ? 4 : 16) * job.parallel.threads();
    while (units() < wanted) {
      if (reaches && SplitLanes(2)) continue;
      if (!tiling_.Split(least / 2) && !SplitLanes(2)) break;
    }
  }

  int64_t units() const { return job_.plan.batch * tiling_.boxes() * parts_; }
  int64_t part_lanes() const { return (lanes_ + parts_ - 1) / parts_; }
  int64_t parts() const { return parts_; }
  const Tiling& tiling() const { return tiling_; }

 private:
  // Parts have at least `least` vectors: no two may write the same lane, as a vector at
  // the end of one would.
  bool SplitLanes(int64_t least) {
    if (2 * parts_ * least * job_.kernel.lanes > lanes_) return false;
    parts_ *= 2;
    return true;
  }

  bool Fits() const {
    const Plan& plan = job_.plan;
    const auto size = static_cast<int64_t>(ElementSize(job_.call.type));
    const Box box = tiling_.BoxOf(0);
    const int64_t other = (plan.in_positions() + plan.out_positions()) *
                          box.positions() / job_.visited_positions();
    // Scattering goes through its box row by row: only its sums must stay.
    return (job_.walk == Walk::kScatter || other * part_lanes() * size <= kBoxBytes) &&
           tiling_.ScratchBytes(part_lanes()) <= kTileBytes;
  }

  const Job& job_;
  int64_t lanes_;
  int64_t parts_ = 1;
  Tiling tiling_;
};

}  // namespace

bool DriveChannelsLast(const Job& job) {
  const Plan& plan = job.plan;
  const Sharing sharing(job);
  const int64_t lanes = job.lanes.end - job.lanes.begin;
  const void* const result =
      job.call.task == Task::kBackward ? job.operands.dx : job.operands.y;
  const bool stream = job.kernel.run_streamed != nullptr && job.Streams() &&
                      lanes == plan.channels &&
                      lanes % (sharing.parts() * job.kernel.lanes) == 0 &&
                      reinterpret_cast<uintptr_t>(result) % kAlignment == 0;
  std::atomic<bool> no_memory(false);
  const LastJob last = {job,
                        stream ? job.kernel.run_streamed : job.kernel.run,
                        sharing.tiling(),
                        sharing.parts(),
                        sharing.tiling().ScratchBytes(sharing.part_lanes()),
                        &no_memory};
  job.parallel.For(
      sharing.units(),
      sharing.tiling().BoxOf(0).positions() * job.Cost(sharing.part_lanes()),
      {&RunLast, &last});
  return !no_memory;
}

}  // namespace keras_pooling
