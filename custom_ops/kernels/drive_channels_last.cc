// Shares channels_last work out: positions, blocks of rows, and where there are few of
// them, lanes too.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {
namespace {

// Gradients larger than this are written past the caches.
constexpr int64_t kStreamedBytes = int64_t{16} << 20;

struct LastJob {
  const Job& job;
  RowFn row;
  int64_t lane_parts;  // units per position: few positions are shared out by lanes too
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
  for (int64_t unit = begin; unit < end;) {
    const int64_t part = unit % last.lane_parts;
    int64_t position = unit / last.lane_parts;
    const int64_t w = position % job.visited(2);
    position /= job.visited(2);
    const int64_t h = position % job.visited(1);
    position /= job.visited(1);
    const int64_t d = position % job.visited(0);
    const int64_t image = position / job.visited(0);
    const int64_t count =
        last.lane_parts == 1 ? std::min(job.visited(2) - w, end - unit) : 1;
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
    last.row(plan, job.operands, frame, d, h, {w, w + count});
    unit += count;
  }
}

void DriveRows(const Job& job) {
  const Plan& plan = job.plan;

  const int64_t positions =
      plan.batch * (job.visits_outputs() ? plan.out_positions() : plan.in_positions());
  // A part has at least two vectors, so that no two parts write the same lane.
  const int64_t lanes = job.lanes.end - job.lanes.begin;
  const int64_t most_parts = std::max<int64_t>(lanes / (2 * job.kernel.lanes), 1);
  const int64_t wanted = 16 * job.parallel.threads();
  const int64_t parts =
      positions < wanted ? std::min(most_parts, wanted / positions + 1) : 1;

  const int64_t bytes = plan.batch * plan.channels * plan.in_positions() *
                        static_cast<int64_t>(ElementSize(job.call.type));
  const bool stream = job.kernel.streamed_row != nullptr && bytes > kStreamedBytes &&
                      lanes == plan.channels && lanes % job.kernel.lanes == 0 &&
                      reinterpret_cast<uintptr_t>(job.operands.dx) % kAlignment == 0;
  const LastJob last = {job, stream ? job.kernel.streamed_row : job.kernel.row, parts};
  job.parallel.For(positions * parts, job.Cost(lanes / parts), {&RunLast, &last});
}

// The same for windows that are reduced one axis at a time: units are blocks of rows.
struct BlockJob {
  const Job& job;
  int64_t rows;        // of the output per block
  int64_t blocks;      // per image and depth
  int64_t lane_parts;  // units per block
  int64_t scratch_bytes;
  std::atomic<bool>* no_memory;
};

void RunBlocks(const void* context, int64_t begin, int64_t end) {
  const ExactFloats exact;
  const auto& split = *static_cast<const BlockJob*>(context);
  const Job& job = split.job;
  const Axis* axes = job.plan.axes;
  const int64_t channels = job.plan.channels;
  const Scratch scratch(static_cast<size_t>(split.scratch_bytes));
  if (scratch.data() == nullptr) {
    split.no_memory->store(true);
    return;
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t part = unit % split.lane_parts;
    int64_t place = unit / split.lane_parts;
    const int64_t row = place % split.blocks * split.rows;
    place /= split.blocks;
    const int64_t d = place % axes[0].out();
    const int64_t image = place / axes[0].out();
    const int64_t lanes = job.lanes.end - job.lanes.begin;
    const Frame frame = {
        ImageSide(image, axes[0].in, axes[1].in, axes[2].in, channels),
        ImageSide(image, axes[0].out(), axes[1].out(), axes[2].out(), channels),
        {},
        0,
        job.lanes.begin + lanes * part / split.lane_parts,
        job.lanes.begin + lanes * (part + 1) / split.lane_parts};
    job.kernel.block(job.plan, job.operands, frame, d,
                     {row, std::min(row + split.rows, axes[1].out())},
                     {0, axes[2].out()}, scratch.data());
  }
}

// The most input rows that a block of `rows` output rows reads.
int64_t InputRows(const Axis& axis, int64_t rows) {
  int64_t most = 0;
  for (int64_t row = 0; row < axis.out(); row += rows) {
    const Range inputs = axis.InputsOf({row, std::min(row + rows, axis.out())});
    most = std::max(most, inputs.end - inputs.begin);
  }
  return most;
}

bool DriveBlocks(const Job& job) {
  const Plan& plan = job.plan;
  const Axis& height = plan.axes[1];
  const int64_t columns = plan.axes[2].out();
  const int64_t lanes = job.lanes.end - job.lanes.begin;
  const int64_t most_parts = std::max<int64_t>(lanes / (2 * job.kernel.lanes), 1);
  const int64_t wanted = 8 * job.parallel.threads();
  // Few images are shared out by lanes; and a part's lanes should be few enough for
  // scratch memory to hold more rows than a window has.
  int64_t parts = 1;
  int64_t part_lanes = lanes;
  const auto scratch_bytes = [&](int64_t rows) {
    return job.kernel.block_scratch(InputRows(height, rows), columns, part_lanes);
  };
  const int64_t images = plan.batch * plan.axes[0].out();
  if (images < wanted) parts = std::min(most_parts, wanted / images + 1);
  while (2 * parts <= most_parts && scratch_bytes(2 * height.max_taps) > kTileBytes) {
    parts *= 2;
    part_lanes = (lanes + parts - 1) / parts;
  }
  part_lanes = (lanes + parts - 1) / parts;
  // As many rows as scratch memory holds: the fewer blocks, the fewer rows are read
  // twice.
  int64_t rows = height.out();
  while (rows > 1 && scratch_bytes(rows) > kTileBytes) rows = (rows + 1) / 2;
  const int64_t blocks = (height.out() + rows - 1) / rows;
  std::atomic<bool> no_memory(false);
  const BlockJob split = {job, rows, blocks, parts, scratch_bytes(rows), &no_memory};
  job.parallel.For(images * blocks * parts, rows * columns * job.Cost(part_lanes),
                   {&RunBlocks, &split});
  return !no_memory;
}

}  // namespace

bool DriveChannelsLast(const Job& job) {
  if (job.walk == Walk::kSeparable) return DriveBlocks(job);
  DriveRows(job);
  return true;
}

}  // namespace keras_pooling
