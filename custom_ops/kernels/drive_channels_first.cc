// Shares channels_first work out: tiles of several planes, which are packed into
// scratch memory where their lanes are neighbours, walked, and unpacked.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {
namespace {

// Positions of the input or output that a tile holds.
struct Box {
  Range axes[kMaxRank];

  int64_t positions() const {
    int64_t count = 1;
    for (const Range& range : axes) count *= range.end - range.begin;
    return count;
  }

  // How scratch memory that holds the box is addressed by positions of the whole.
  Side Packed(int64_t lanes) const {
    Side side = {0, {0, 0, lanes}};
    side.stride[1] = (axes[2].end - axes[2].begin) * side.stride[2];
    side.stride[0] = (axes[1].end - axes[1].begin) * side.stride[1];
    side.base = -side.At(axes[0].begin, axes[1].begin, axes[2].begin);
    return side;
  }
};

// An operand as tiles move it: packed before a tile's walk, or unpacked after it.
struct Moved {
  void* tensor;  // null if the call does not have it
  size_t element_size;
  bool at_outputs;
  bool is_written;
  MoveRowFn move;
};

constexpr int kOperands = 5;

struct FirstJob {
  const Job& job;
  Moved moved[kOperands];   // x, dx, y, dy, taps
  int64_t tile[kMaxRank];   // visited positions per tile
  int64_t tiles[kMaxRank];  // tiles per axis
  int64_t scratch_bytes;    // of the largest tile
  std::atomic<bool>* no_memory;

  Box VisitedBox(int64_t index) const {
    Box box;
    for (int i = kMaxRank - 1; i >= 0; --i) {
      const int64_t begin = index % tiles[i] * tile[i];
      box.axes[i] = {begin, std::min(begin + tile[i], job.visited(i))};
      index /= tiles[i];
    }
    return box;
  }

  Box OtherBox(const Box& visited) const {
    Box box;
    for (int i = 0; i < kMaxRank; ++i) {
      const Axis& axis = job.plan.axes[i];
      const Range& range = visited.axes[i];
      if (job.walk == Walk::kReduce || job.walk == Walk::kSeparable) {
        box.axes[i] = axis.InputsOf(range);
      } else if (job.walk == Walk::kGather) {
        box.axes[i] = axis.OutputsOf(range);
      } else {
        box.axes[i] = {axis.Owned(range.begin).begin, axis.Owned(range.end - 1).end};
      }
    }
    return box;
  }

  int64_t Bytes(const Moved& operand, const Box& in, const Box& out) const {
    if (operand.tensor == nullptr) return 0;
    const int64_t bytes = (operand.at_outputs ? out : in).positions() *
                          job.kernel.lanes * static_cast<int64_t>(operand.element_size);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  // Sets the tiles per axis from `tile`, and scratch_bytes.
  void Measure() {
    int64_t count = 1;
    for (int i = 0; i < kMaxRank; ++i) {
      tiles[i] = (job.visited(i) + tile[i] - 1) / tile[i];
      count *= tiles[i];
    }
    scratch_bytes = 0;
    for (int64_t index = 0; index < count; ++index) {
      const Box visited = VisitedBox(index);
      const Box other = OtherBox(visited);
      int64_t bytes = 0;
      for (const Moved& operand : moved) {
        bytes += job.visits_outputs() ? Bytes(operand, other, visited)
                                      : Bytes(operand, visited, other);
      }
      if (job.walk == Walk::kSeparable) {
        bytes += job.kernel.block_scratch(other.axes[1].end - other.axes[1].begin,
                                          visited.axes[2].end - visited.axes[2].begin,
                                          job.kernel.lanes);
      }
      scratch_bytes = std::max(scratch_bytes, bytes);
    }
  }
};

void RunFirst(const void* context, int64_t begin, int64_t end) {
  const ExactFloats exact;
  const auto& first = *static_cast<const FirstJob*>(context);
  const Job& job = first.job;
  const Plan& plan = job.plan;
  const int64_t lanes = job.kernel.lanes;
  const Scratch scratch(static_cast<size_t>(first.scratch_bytes));
  if (scratch.data() == nullptr) {
    first.no_memory->store(true);
    return;
  }
  const int64_t tiles = first.tiles[0] * first.tiles[1] * first.tiles[2];
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / tiles * lanes;
    const int64_t planes = std::min(plan.batch * plan.channels - plane, lanes);
    const Box box = first.VisitedBox(unit % tiles);
    const Box other = first.OtherBox(box);
    const Box& in = job.visits_outputs() ? other : box;
    const Box& out = job.visits_outputs() ? box : other;

    char* packed[kOperands];
    char* next = static_cast<char*>(scratch.data());
    for (int i = 0; i < kOperands; ++i) {
      packed[i] = next;
      next += first.Bytes(first.moved[i], in, out);
    }
    const auto move = [&](int i) {
      const Moved& operand = first.moved[i];
      const Box& held = operand.at_outputs ? out : in;
      const auto size = [&](int axis) {
        return operand.at_outputs ? plan.axes[axis].out() : plan.axes[axis].in;
      };
      const auto element_size = static_cast<int64_t>(operand.element_size);
      const int64_t width = held.axes[2].end - held.axes[2].begin;
      const int64_t plane_size = size(0) * size(1) * size(2);
      const PlaneRow row = {plane_size, planes, lanes, width};
      char* to = packed[i];
      for (int64_t d = held.axes[0].begin; d < held.axes[0].end; ++d) {
        for (int64_t h = held.axes[1].begin; h < held.axes[1].end; ++h) {
          const int64_t offset =
              plane * plane_size + (d * size(1) + h) * size(2) + held.axes[2].begin;
          operand.move(row, static_cast<char*>(operand.tensor) + offset * element_size,
                       to);
          to += width * lanes * element_size;
        }
      }
    };
    for (int i = 0; i < kOperands; ++i) {
      if (first.moved[i].tensor != nullptr && !first.moved[i].is_written) move(i);
    }
    Operands operands = job.operands;
    operands.x = packed[0];
    operands.dx = packed[1];
    operands.y = packed[2];
    operands.dy = packed[3];
    operands.taps = packed[4];
    const int64_t width = plan.axes[2].out();
    const Side index = {job.first_index + plane * plan.out_positions(),
                        {plan.axes[1].out() * width, width, 1}};
    const Frame frame = {
        in.Packed(lanes), out.Packed(lanes), index, plan.out_positions(), 0, lanes};
    for (int64_t d = box.axes[0].begin; d < box.axes[0].end; ++d) {
      if (job.walk == Walk::kSeparable) {
        job.kernel.block(plan, operands, frame, d, box.axes[1], box.axes[2], next);
        continue;
      }
      for (int64_t h = box.axes[1].begin; h < box.axes[1].end; ++h) {
        job.kernel.row(plan, operands, frame, d, h, box.axes[2]);
      }
    }
    for (int i = 0; i < kOperands; ++i) {
      if (first.moved[i].tensor != nullptr && first.moved[i].is_written) move(i);
    }
  }
}

}  // namespace

bool DriveChannelsFirst(const Job& job) {
  const Call& call = job.call;
  const Operands& o = job.operands;
  const bool backward = call.task == Task::kBackward;
  const size_t element_size = ElementSize(call.type);
  const int64_t lanes = job.kernel.lanes;
  std::atomic<bool> no_memory(false);
  FirstJob first = {
      job,
      {{const_cast<void*>(o.x), element_size, false, false, nullptr},
       {o.dx, element_size, false, true, nullptr},
       {o.y, element_size, true, !backward, nullptr},
       {const_cast<void*>(o.dy), element_size, true, false, nullptr},
       {o.taps, TapSize(call.tap_type), true, call.task == Task::kForward, nullptr}},
      {1, 1, 1},
      {1, 1, 1},
      0,
      &no_memory};
  for (Moved& operand : first.moved) {
    operand.move =
        job.target.find_move(operand.element_size, !operand.is_written, lanes);
  }
  // Whole rows if they fit, then as many of them as fit.
  first.tile[2] = job.visited(2);
  first.Measure();
  while (first.tile[2] > 1 && first.scratch_bytes > kTileBytes) {
    first.tile[2] = (first.tile[2] + 1) / 2;
    first.Measure();
  }
  while (first.tile[1] < job.visited(1)) {
    const int64_t before = first.tile[1];
    first.tile[1] = std::min(2 * before, job.visited(1));
    first.Measure();
    if (first.scratch_bytes <= kTileBytes) continue;
    first.tile[1] = before;
    first.Measure();
    break;
  }
  const int64_t groups = (job.plan.batch * job.plan.channels + lanes - 1) / lanes;
  const int64_t tiles = first.tiles[0] * first.tiles[1] * first.tiles[2];
  job.parallel.For(groups * tiles, first.tile[1] * first.tile[2] * job.Cost(2 * lanes),
                   {&RunFirst, &first});
  return !no_memory;
}

}  // namespace keras_pooling
