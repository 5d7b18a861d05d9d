// Shares planes out whose columns are lanes: boxes of the gradient of one plane.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {
namespace {

struct ColumnsJob {
  const Job& job;
  Tiling tiling;
  bool streams;
  int64_t result_bytes;  // of a box, made in scratch memory if it is to be streamed
  int64_t scratch_bytes;
  std::atomic<bool>* no_memory;
};

// One plane's positions.
Side PlaneSide(int64_t plane, int64_t d, int64_t h, int64_t w) {
  return {plane * d * h * w, {h * w, w, 1}};
}

void RunColumns(const void* context, int64_t begin, int64_t end) {
  const ExactFloats exact;
  const auto& columns = *static_cast<const ColumnsJob*>(context);
  const Job& job = columns.job;
  const Axis* axes = job.plan.axes;
  const Scratch scratch(
      static_cast<size_t>(columns.scratch_bytes + columns.result_bytes));
  if (scratch.data() == nullptr) {
    columns.no_memory->store(true);
    return;
  }
  char* const result = static_cast<char*>(scratch.data()) + columns.scratch_bytes;
  const auto size = static_cast<int64_t>(ElementSize(job.call.type));
  const int64_t boxes = columns.tiling.boxes();
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / boxes;
    const Box box = columns.tiling.BoxOf(unit % boxes);
    const Side out = PlaneSide(plane, axes[0].out(), axes[1].out(), axes[2].out());
    const Frame frame = {
        PlaneSide(plane, axes[0].in, axes[1].in, axes[2].in), out, {}, 1, 0, 1};
    Operands operands = job.operands;
    if (!columns.streams) {
      job.kernel.run(job.plan, operands, frame, box, scratch.data());
      continue;
    }
    // The box is one piece of the result: offsets into it shall lead to scratch memory.
    const int64_t offset = size * frame.in.At(box.axes[0].begin, box.axes[1].begin, 0);
    void* const place = static_cast<char*>(operands.dx) + offset;
    operands.dx = reinterpret_cast<void*>(reinterpret_cast<intptr_t>(result) - offset);
    job.kernel.run(job.plan, operands, frame, box, scratch.data());
    job.target.stream(result, place, box.positions() * size);
  }
}

}  // namespace

bool DriveColumns(const Job& job) {
  const Plan& plan = job.plan;
  const int64_t planes = plan.batch * plan.channels;
  const auto size = static_cast<int64_t>(ElementSize(job.call.type));
  Tiling tiling(job);
  const auto bytes = [&] {
    return tiling.ScratchBytes(1) + tiling.BoxOf(0).positions() * size;
  };
  while (bytes() > kTileBytes && tiling.Split(2.0)) {
  }
  const int64_t wanted = 8 * job.parallel.threads();
  while (planes * tiling.boxes() < wanted && tiling.Split(1.0)) {
  }
  const Box box = tiling.BoxOf(0);
  const auto is_cut = [&](int i) {
    return box.axes[i].end - box.axes[i].begin < job.visited(i);
  };
  const bool is_one_piece =
      !is_cut(2) && (!is_cut(1) || box.axes[0].end - box.axes[0].begin == 1);
  const bool streams = job.Streams() && is_one_piece;
  std::atomic<bool> no_memory(false);
  const auto aligned = [](int64_t count) {
    return (count + kAlignment - 1) / kAlignment * kAlignment;
  };
  const ColumnsJob columns = {job,
                              tiling,
                              streams,
                              streams ? aligned(box.positions() * size) : 0,
                              aligned(tiling.ScratchBytes(1)),
                              &no_memory};
  job.parallel.For(planes * tiling.boxes(), box.positions() * job.Cost(1),
                   {&RunColumns, &columns});
  return !no_memory;
}

}  // namespace keras_pooling
