// From one call to its row kernels: chooses how to loop, plan by plan. Knows no
// instruction set and no element type.
#include <algorithm>
#include <atomic>

#include "kernels/job.h"

namespace keras_pooling {

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

int64_t Job::Cost(int64_t lanes) const {
  double taps = 1.0;
  for (int i = 0; i < kMaxRank; ++i) {
    double reads = 0.0;
    for (const Span& span : plan.axes[i].spans)
      reads += static_cast<double>(span.count);
    taps *= reads / static_cast<double>(visited(i));
  }
  return 5 + static_cast<int64_t>((taps + 1.0) * static_cast<double>(lanes) * 0.1);
}

namespace {

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
  // Scratch memory is written and read: two steps more. And a step from there takes
  // about twice as long as one of a whole window, which stays in registers (3 × 3 at
  // stride 1 is faster that way, 5 × 5 is not).
  return 2.0 * (Steps(width) * rows_per_row + Steps(height) + 2.0) <
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
  const bool by_planes = plan.channels_first || plan.channels == 1;
  return by_planes ? DriveChannelsFirst(job) : DriveChannelsLast(job);
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
