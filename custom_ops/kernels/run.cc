// From one call to its kernels. Knows no instruction set and no element type.
#include <atomic>

#include "kernels/job.h"
#include "kernels/strategy.h"

namespace keras_pooling {
namespace {

const void* Advanced(const void* data, int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<const char*>(data) + bytes;
}
void* Advanced(void* data, int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<char*>(data) + bytes;
}

bool Drive(const Job& job) {
  if (!ArePlanes(job.plan)) return DriveChannelsLast(job);
  return job.walk == Walk::kScatterColumns ? DriveColumns(job)
                                           : DriveChannelsFirst(job);
}

// A gradient as the forward call that it is the other way round.
bool RunAdjoint(const Job& backward) {
  const Plan plan = AdjointOf(backward.plan);
  Call call = backward.call;
  call.task = Task::kForward;
  Operands operands;
  operands.x = backward.operands.dy;
  operands.y = backward.operands.dx;
  return Drive({call, plan, operands, backward.lanes, 0, backward.parallel,
                backward.target, Walk::kSeparable, backward.kernel});
}

// Runs one of the call's plans. Returns false if there was no memory for scratch space.
bool RunPlan(const Call& call, const Target& target, size_t index,
             const Parallel& parallel) {
  Plan& plan = (*call.plans)[index];
  const Strategy strategy = ChooseStrategy(call, plan, target, IsVerbose());
  if (IsVerbose()) LogCall(call, plan, target, strategy);
  if (call.task == Task::kBackward && strategy.walk != Walk::kDisjoint &&
      strategy.walk != Walk::kAdjoint) {
    for (Axis& axis : plan.axes) axis.IndexReaders();
  }
  Job job = {call,     plan,   call.operands, {0, plan.channels}, 0,
             parallel, target, strategy.walk, strategy.kernel};

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

  return strategy.walk == Walk::kAdjoint ? RunAdjoint(job) : Drive(job);
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
  if (ChooseStrategy(call, plans.front(), *target, false).kernel.run == nullptr) {
    return "the reduction is not defined for this data type";
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
