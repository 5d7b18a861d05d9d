// From one call to its kernels. Knows no instruction set and no element type.
#include "kernels/execution/call.h"
#include "kernels/execution/log.h"
#include "kernels/execution/lp_overflow.h"
#include "kernels/execution/plan_run.h"
#include "kernels/execution/walk_choice.h"

namespace keras_pooling {
namespace {

void ShareOut(const PlanRun& run) {
  if (!run.plan.has_planes()) return ShareChannelsLast(run);
  return run.walk == Walk::kScatterColumns ? ShareColumns(run)
                                           : ShareChannelsFirst(run);
}

// The forward call that a gradient is, the other way round.
Call AdjointCall(const Call& backward) {
  Call call = backward;
  call.task = Task::kForward;
  call.operands = {};
  call.operands.x = backward.operands.dy;
  call.operands.y = backward.operands.dx;
  return call;
}

void RunPlan(const Call& call, const Target& target, Plan& plan,
             const Parallel& parallel) {
  const WalkChoice choice = ChooseWalk(call, plan, target, IsVerbose());
  if (IsVerbose()) LogCall(call, plan, target, choice);
  if (choice.walk == Walk::kAdjoint) {
    const Plan adjoint = AdjointOf(plan);
    const Call forward = AdjointCall(call);
    return ShareOut(
        {forward, adjoint, parallel, target, Walk::kSeparable, choice.kernel});
  }
  if (!VisitsOutputs(choice.walk)) {
    for (Axis& axis : plan.axes) axis.IndexReaders();
  }
  ShareOut({call, plan, parallel, target, choice.walk, choice.kernel});
}

}  // namespace

std::string Run(const Call& call) {
  const Target* target = ActiveTarget();
  if (target == nullptr) return TargetError();
  std::vector<Plan>& plans = *call.plans;
  if (plans.empty()) return "";
  if (ChooseWalk(call, plans.front(), *target, false).kernel.run == nullptr) {
    return std::string(InfoOf(call.reduction).name) + " is not defined for " +
           NameOf(call.type) +
           (call.task == Task::kForward ? "" : ", or has no gradient of its own");
  }
  Call typed = call;
  typed.operands.parameters.type = call.type;
  typed.operands.parameters.tap_type = call.tap_type;
  typed.operands.parameters.task = call.task;
  const bool mends = MayHaveOverflowed(typed);
  ForEachPlan(plans, *call.parallel, [&](Plan& plan, const Parallel& parallel) {
    RunPlan(typed, *target, plan, parallel);
    if (mends) MendOverflow(typed, plan, parallel);
  });
  return "";
}

}  // namespace keras_pooling
