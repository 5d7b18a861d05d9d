// Shares channels_first work out: tiles of several planes, which are packed into
// scratch memory where their lanes are neighbours, walked, and unpacked.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {
namespace {

// How scratch memory that holds the box is addressed by positions of the whole.
Side Packed(const Box& box, int64_t lanes) {
  Side side = {0, {0, 0, lanes}};
  side.stride[1] = (box.axes[2].end - box.axes[2].begin) * side.stride[2];
  side.stride[0] = (box.axes[1].end - box.axes[1].begin) * side.stride[1];
  side.base = -side.At(box.axes[0].begin, box.axes[1].begin, box.axes[2].begin);
  return side;
}

// An operand as tiles move it: packed before a tile's walk, or unpacked after it.
struct Moved {
  void* tensor;  // null if the call does not have it
  size_t element_size;
  bool at_outputs;
  bool is_written;
  bool is_streamed;
  MoveRowFn move;
};

constexpr int kOperands = 5;

// Where windows are so large that their tiles cannot stay in the cache.
constexpr int64_t kMostTileBytes = int64_t{16} << 20;

struct FirstJob {
  const Job& job;
  Moved moved[kOperands];  // x, dx, y, dy, taps
  Tiling tiling;
  int64_t lanes;          // planes per tile
  int64_t scratch_bytes;  // of the largest tile
  std::atomic<bool>* no_memory;

  Box OtherBox(const Box& visited) const {
    Box box;
    for (int i = 0; i < kMaxRank; ++i) {
      const Axis& axis = job.plan.axes[i];
      const Range& range = visited.axes[i];
      if (!job.visits_outputs()) {
        box.axes[i] = axis.OutputsOf(range);
      } else if (job.walk == Walk::kDisjoint) {
        box.axes[i] = {axis.Owned(range.begin).begin, axis.Owned(range.end - 1).end};
      } else {
        box.axes[i] = axis.InputsOf(range);
      }
    }
    return box;
  }

  int64_t Bytes(const Moved& operand, const Box& in, const Box& out) const {
    if (operand.tensor == nullptr) return 0;
    const int64_t bytes = (operand.at_outputs ? out : in).positions() * lanes *
                          static_cast<int64_t>(operand.element_size);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  int64_t MovedBytes() const {
    int64_t most = 0;
    for (int64_t index = 0; index < tiling.boxes(); ++index) {
      const Box visited = tiling.BoxOf(index);
      const Box other = OtherBox(visited);
      int64_t bytes = 0;
      for (const Moved& operand : moved) {
        bytes += job.visits_outputs() ? Bytes(operand, other, visited)
                                      : Bytes(operand, visited, other);
      }
      most = std::max(most, bytes);
    }
    return most;
  }

  // Cuts the tiles of `vectors` vectors of planes until they fit; false if boxes would
  // have to be shorter than `windows` windows.
  bool Fit(int64_t vectors, double windows) {
    lanes = vectors * job.kernel.lanes;
    tiling = Tiling(job);
    do {
      scratch_bytes = MovedBytes() + tiling.ScratchBytes(lanes);
      if (scratch_bytes <= kTileBytes) return true;
    } while (tiling.Split(windows));
    return false;
  }

  int64_t groups() const {
    return (job.plan.batch * job.plan.channels + lanes - 1) / lanes;
  }
};

void RunFirst(const void* context, int64_t begin, int64_t end) {
  const ExactFloats exact;
  const auto& first = *static_cast<const FirstJob*>(context);
  const Job& job = first.job;
  const Plan& plan = job.plan;
  const int64_t lanes = first.lanes;
  const Scratch scratch(static_cast<size_t>(first.scratch_bytes));
  if (scratch.data() == nullptr) {
    first.no_memory->store(true);
    return;
  }
  const int64_t tiles = first.tiling.boxes();
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / tiles * lanes;
    const int64_t planes = std::min(plan.batch * plan.channels - plane, lanes);
    const Box box = first.tiling.BoxOf(unit % tiles);
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
      const int64_t plane_size = size(0) * size(1) * size(2);
      int64_t width = held.axes[2].end - held.axes[2].begin;
      int64_t rows = held.axes[1].end - held.axes[1].begin;
      if (width == size(2)) {  // whole rows are one long row
        width *= rows;
        rows = 1;
      }
      const PlaneRow row = {plane_size, planes, lanes, width, operand.is_streamed};
      char* to = packed[i];
      for (int64_t d = held.axes[0].begin; d < held.axes[0].end; ++d) {
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t h = held.axes[1].begin + r;
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
        Packed(in, lanes), Packed(out, lanes), index, plan.out_positions(), 0, lanes};
    job.kernel.run(plan, operands, frame, box, next);
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
  std::atomic<bool> no_memory(false);
  FirstJob first = {
      job,
      {{const_cast<void*>(o.x), element_size, false, false, false, nullptr},
       {o.dx, element_size, false, true, job.Streams(), nullptr},
       {o.y, element_size, true, !backward, job.Streams(), nullptr},
       {const_cast<void*>(o.dy), element_size, true, false, false, nullptr},
       {o.taps, TapSize(call.tap_type), true, call.task == Task::kForward, false,
        nullptr}},
      Tiling(job),
      0,
      0,
      &no_memory};
  // Several vectors of planes share the steps from tap to tap, if there are enough of
  // them, and if tiles do not reach so far into others that they had better be long.
  const int64_t wanted = 4 * job.parallel.threads();
  const bool reaches = job.walk == Walk::kScatter || job.walk == Walk::kSeparable;
  int64_t vectors = reaches ? 1 : 4;
  while (!first.Fit(vectors, 2.0) || first.groups() * first.tiling.boxes() < wanted) {
    if (vectors == 1) break;
    vectors /= 2;
  }
  // Tiles far shorter than a window would do the same work again and again: rather let
  // them leave the cache.
  if (vectors == 1 && !first.Fit(1, 2.0) && first.scratch_bytes > kMostTileBytes &&
      !first.Fit(1, 0.5) && first.scratch_bytes > kMostTileBytes) {
    first.Fit(1, 0.0);
  }
  for (Moved& operand : first.moved) {
    operand.move =
        job.target.find_move(operand.element_size, !operand.is_written, first.lanes);
  }
  job.parallel.For(first.groups() * first.tiling.boxes(),
                   first.tiling.BoxOf(0).positions() * job.Cost(2 * first.lanes),
                   {&RunFirst, &first});
  return !no_memory;
}

}  // namespace keras_pooling
