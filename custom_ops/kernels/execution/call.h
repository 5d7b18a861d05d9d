// The entry to the kernels: one call, already checked. No framework.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_CALL_H_
#define KERAS_POOLING_KERNELS_EXECUTION_CALL_H_

#include <string>
#include <vector>

#include "kernels/execution/parallel.h"
#include "kernels/reducers/operands.h"
#include "kernels/spec/plan.h"

namespace keras_pooling {

struct Call {
  Task task = Task::kForward;
  Reduction reduction = Reduction::kMax;
  ElementType type = ElementType::kFloat32;
  TapType tap_type = TapType::kNone;
  // Parts of the tensors that together are all of them. Run() indexes their readers.
  std::vector<Plan>* plans = nullptr;
  Operands operands;
  const Parallel* parallel = nullptr;
};

// Runs `call` on the active target. Returns what is wrong, or "". Throws std::bad_alloc
// where memory is short.
std::string Run(const Call& call);

// Calls visit(plan, parallel) for every plan: one by one with all threads, or where
// there are several, one thread each.
template <class Visit>
void ForEachPlan(std::vector<Plan>& plans, const Parallel& parallel,
                 const Visit& visit) {
  if (plans.size() == 1) return visit(plans.front(), parallel);
  struct Shared {
    std::vector<Plan>& plans;
    const Visit& visit;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      for (int64_t i = begin; i < end; ++i) {
        shared.visit(shared.plans[static_cast<size_t>(i)], Serial());
      }
    }
  };
  if (plans.empty()) return;
  const Shared shared = {plans, visit};
  const Plan& plan = plans.front();
  parallel.For(static_cast<int64_t>(plans.size()),
               plan.in_positions() * plan.channels.size(), {&Shared::Run, &shared});
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_CALL_H_
