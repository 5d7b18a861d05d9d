// From one call to its row kernels: splits the work among threads, and gives both
// layouts the same loops. Knows no instruction set and no element type.
#include <algorithm>
#include <atomic>

#include "kernels/targets.h"

namespace keras_pooling {
namespace {

// Gradients larger than this are written past the caches.
constexpr int64_t kStreamedBytes = int64_t{16} << 20;

// Scratch memory should stay in the second-level cache.
constexpr int64_t kTileBytes = int64_t{384} << 10;

constexpr int64_t kAlignment = 64;

size_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kInt8:
    case ElementType::kUint8:
      return 1;
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
  }
  return 0;
}

size_t TapSize(TapType type) { return type == TapType::kUint8 ? 1 : 4; }

// Part of a call (one plan) with its way to run, and what every thread needs of them.
struct Job {
  const Call& call;
  const Plan& plan;
  Operands operands;    // of the part
  Range lanes;          // of each position, with channels_last
  int64_t first_index;  // of the part's outputs in the whole tensor
  const Parallel& parallel;
  const Target& target;
  Walk walk;
  RowKernel kernel;

  bool visits_outputs() const { return walk != Walk::kGather; }
  int64_t visited(int i) const {
    return visits_outputs() ? plan.axes[i].out() : plan.axes[i].in;
  }

  // Nanoseconds for one visited position of `lanes` lanes, roughly: the taps of all
  // windows, shared out among the positions that are visited for them.
  int64_t Cost(int64_t lanes) const {
    double taps = 1.0;
    for (int i = 0; i < kMaxRank; ++i) {
      double reads = 0.0;
      for (const Span& span : plan.axes[i].spans)
        reads += static_cast<double>(span.count);
      taps *= reads / static_cast<double>(visited(i));
    }
    return 5 + static_cast<int64_t>((taps + 1.0) * static_cast<double>(lanes) * 0.1);
  }
};

// ---------------------------------------------------------------- channels_last

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

void DriveLast(const Job& job) {
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
  // As many rows as scratch memory holds: the fewer blocks, the fewer rows are read
  // twice.
  const int64_t images = plan.batch * plan.axes[0].out();
  if (images < wanted) parts = std::min(most_parts, wanted / images + 1);
  while (2 * parts <= most_parts && scratch_bytes(2 * height.max_taps) > kTileBytes) {
    parts *= 2;
    part_lanes = (lanes + parts - 1) / parts;
  }
  part_lanes = (lanes + parts - 1) / parts;
  int64_t rows = height.out();
  while (rows > 1 && scratch_bytes(rows) > kTileBytes) rows = (rows + 1) / 2;
  const int64_t blocks = (height.out() + rows - 1) / rows;
  std::atomic<bool> no_memory(false);
  const BlockJob split = {job, rows, blocks, parts, scratch_bytes(rows), &no_memory};
  job.parallel.For(images * blocks * parts, rows * columns * job.Cost(part_lanes),
                   {&RunBlocks, &split});
  return !no_memory;
}

// --------------------------------------------------------------- channels_first

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

// Returns false if there was no memory for scratch space.
bool DriveFirst(const Job& job) {
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

// Steps per window along one axis, one axis at a time (see PassWindows).
double Steps(const Axis& axis) {
  const double taps = static_cast<double>(axis.max_taps);
  const double stride = static_cast<double>(axis.in) / static_cast<double>(axis.out());
  return std::min(taps, 2.0 * stride + 2.0);
}

// Whether it takes fewer steps to reduce one axis at a time.
bool SeparationPays(const Plan& plan) {
  const Axis& height = plan.axes[1];
  const Axis& width = plan.axes[2];
  for (const Axis* axis : {&height, &width}) {
    if (!axis->uniform || axis->dilation != 1 || axis->max_taps == 1) return false;
  }
  if (plan.axes[0].max_taps > 1) return false;
  const double rows_per_row =
      static_cast<double>(height.in) / static_cast<double>(height.out());
  // Scratch memory is written and read: two steps more.
  return Steps(width) * rows_per_row + Steps(height) + 2.0 <
         static_cast<double>(plan.max_taps());
}

Walk ChooseWalk(Task task, const Plan& plan) {
  if (task == Task::kForward && SeparationPays(plan)) return Walk::kSeparable;
  if (task != Task::kBackward) return Walk::kReduce;
  for (const Axis& axis : plan.axes) {
    if (!axis.disjoint) return Walk::kGather;
  }
  return Walk::kDisjoint;
}

const void* Advanced(const void* data, int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<const char*>(data) + bytes;
}
void* Advanced(void* data, int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<char*>(data) + bytes;
}

// Runs one of the call's plans. Returns false if there was no memory for scratch space.
bool RunPlan(const Call& call, const Target& target, size_t index,
             const Parallel& parallel) {
  const Plan& plan = (*call.plans)[index];
  Walk walk = ChooseWalk(call.task, plan);
  const RowKernel kernel =
      target.find_row({call.task, call.reduction, call.type, call.tap_type, walk});
  if (walk == Walk::kSeparable && kernel.block == nullptr) walk = Walk::kReduce;
  Job job = {call,   plan, call.operands, {0, plan.channels}, 0, parallel,
             target, walk, kernel};

  // The part of the tensors that the plan is for: images, or planes, before it.
  const auto parts = static_cast<int64_t>(call.plans->size());
  const auto part = static_cast<int64_t>(index);
  const bool is_channel = parts > 1 && parts != call.batch;
  const bool is_lane = is_channel && !plan.channels_first;
  const int64_t before = is_lane ? part / call.channels : part;
  if (is_lane) job.lanes = {part % call.channels, part % call.channels + 1};
  const auto size = static_cast<int64_t>(ElementSize(call.type));
  const int64_t in = before * plan.channels * plan.in_positions();
  const int64_t out = before * plan.channels * plan.out_positions();
  job.first_index = out;
  job.operands.x = Advanced(call.operands.x, in * size);
  job.operands.dx = Advanced(call.operands.dx, in * size);
  job.operands.y = Advanced(call.operands.y, out * size);
  job.operands.dy = Advanced(call.operands.dy, out * size);
  job.operands.taps =
      Advanced(call.operands.taps, out * static_cast<int64_t>(TapSize(call.tap_type)));

  // One channel is the same in both layouts, and planes make better lanes.
  if (plan.channels_first || plan.channels == 1) return DriveFirst(job);
  if (walk == Walk::kSeparable) return DriveBlocks(job);
  DriveLast(job);
  return true;
}

struct PlansJob {
  const Call& call;
  const Target& target;
  std::atomic<bool>* no_memory;
};

void RunPlans(const void* context, int64_t begin, int64_t end) {
  const auto& job = *static_cast<const PlansJob*>(context);
  for (int64_t i = begin; i < end; ++i) {
    if (!RunPlan(job.call, job.target, static_cast<size_t>(i), Serial())) {
      job.no_memory->store(true);
    }
  }
}

}  // namespace

std::string Run(const Call& call) {
  const Target* target = ActiveTargetEntry();
  if (target == nullptr) return TargetError();
  if (call.batch == 0 || call.channels == 0) return "";
  std::vector<Plan>& plans = *call.plans;
  const RowRequest request = {call.task, call.reduction, call.type, call.tap_type,
                              ChooseWalk(call.task, plans.front())};
  if (target->find_row(request).row == nullptr) {
    return "the reduction is not defined for this data type";
  }
  if (call.task == Task::kBackward) {
    for (Plan& plan : plans) {
      if (ChooseWalk(call.task, plan) != Walk::kGather) continue;
      for (Axis& axis : plan.axes) axis.IndexReaders();
    }
  }
  std::atomic<bool> no_memory(false);
  if (plans.size() == 1) {
    no_memory = !RunPlan(call, *target, 0, *call.parallel);
  } else {
    const PlansJob job = {call, *target, &no_memory};
    call.parallel->For(static_cast<int64_t>(plans.size()),
                       plans.front().in_positions() * 4, {&RunPlans, &job});
  }
  return no_memory ? "out of memory for scratch space" : "";
}

}  // namespace keras_pooling
