// How each op runs: from checked tensors to a call of the kernels.
#include "kernels/ops/run.h"

#include <limits>

#include "kernels/execution/call.h"
#include "kernels/execution/huge_pages.h"
#include "kernels/ops/infer.h"
#include "kernels/ops/taps.h"
#include "kernels/ops/unpool.h"
#include "kernels/spec/integers.h"
#include "kernels/spec/region_draw.h"

namespace keras_pooling {
namespace {

// A call's tensors by role.
class Tensors {
 public:
  Tensors(const BoundOp& op, const std::vector<Array>& inputs,
          const std::vector<Array>& outputs) {
    const std::vector<Role> roles = op.InputRoles();
    for (size_t i = 0; i < inputs.size(); ++i) Add(roles[i], inputs[i]);
    for (size_t i = 0; i < outputs.size(); ++i) Add(op.op->outputs[i], outputs[i]);
  }

  const Array* Find(Role role) const { return arrays_[static_cast<int>(role)]; }
  void* DataOf(Role role) const { return Find(role) ? Find(role)->data : nullptr; }

  std::string FillPlans(const OpShapes& shapes, std::vector<Plan>* plans) const {
    Regions regions;
    std::vector<std::vector<int64_t>> converted(regions_.size());
    for (size_t i = 0; i < regions_.size(); ++i) {
      const Array& edges = *regions_[i];
      regions.rows = edges.shape[0];
      const auto* data = static_cast<const int64_t*>(edges.data);
      if (edges.type != ElementType::kInt64) {
        converted[i] = IntegersOf(edges);
        data = converted[i].data();
      }
      regions.edges.push_back(data);
    }
    return MakePlans(shapes.spec, shapes.batch, shapes.channels, shapes.sizes, regions,
                     plans);
  }

  std::vector<int64_t> Seed() const {
    const Array* seed = Find(Role::kSeed);
    return seed ? IntegersOf(*seed) : std::vector<int64_t>(2, 0);
  }

 private:
  void Add(Role role, const Array& array) {
    if (role == Role::kRegions) regions_.push_back(&array);
    arrays_[static_cast<int>(role)] = &array;
  }

  const Array* arrays_[static_cast<int>(Role::kEdges) + 1] = {};
  std::vector<const Array*> regions_;
};

// What taps can number, if they are kept.
std::string CheckMostTaps(const std::vector<Plan>& plans, TapType type) {
  const int64_t most = type == TapType::kUint8  ? 256
                       : type == TapType::kNone ? std::numeric_limits<int64_t>::max()
                                                : std::numeric_limits<int32_t>::max();
  for (const Plan& plan : plans) {
    if (plan.max_taps() <= most) continue;
    return "a window of " + std::to_string(plan.max_taps()) + " taps " +
           (type == TapType::kUint8
                ? "needs taps of int32"
                : "has more than taps can number. Use smaller windows, or pool without "
                  "a gradient and without indices");
  }
  return "";
}

// What a reduction can hold.
std::string CheckHeldTaps(const std::vector<Plan>& plans, const ReductionInfo& info) {
  for (const Plan& plan : plans) {
    if (plan.max_taps() <= info.most_taps) continue;
    return std::string(info.name) + " is not defined for windows of more than " +
           std::to_string(info.most_taps) + " taps. Received one of " +
           std::to_string(plan.max_taps()) + ": compose it of other ops";
  }
  return "";
}

// Memory for what a gradient reads of each window beside what is saved, and the call
// that makes it: Task::kPrepare, or a pool that finds the maxima's taps.
class Prepared {
 public:
  // `dy` has as many elements as there are windows.
  Prepared(const Call& backward, const Array& dy)
      : size_(RoundUp(CountOf(dy) * ElementSize(MathTypeOf(backward.type)))),
        scratch_(2 * size_),
        call_(backward) {
    AdviseHugePages(scratch_.data(), 2 * size_);
    call_.operands.dy = nullptr;
    call_.operands.dx = nullptr;
    if (InfoOf(backward.reduction).saves_y()) {
      call_.operands.x = nullptr;
    } else {
      call_.operands.y = scratch_.data();
    }
    if (FindsTaps(backward)) {
      call_.task = Task::kForward;
      call_.reduction = Reduction::kMax;
      call_.operands.taps = other();
    } else {
      call_.task = Task::kPrepare;
      call_.operands.norms = other();
    }
  }

  // Whether the gradient needs any.
  static bool IsNeeded(const Call& call) {
    const Saves saves = InfoOf(call.reduction).saves;
    return call.task == Task::kBackward && saves != Saves::kNothing &&
           saves != Saves::kValues;
  }

  static bool FindsTaps(const Call& call) {
    return call.task == Task::kBackward &&
           InfoOf(call.reduction).saves == Saves::kMaxima;
  }

  void SetOperands(Call* backward) const {
    if (FindsTaps(*backward)) {
      backward->operands.taps = other();
    } else {
      backward->operands.y = call_.operands.y;
      backward->operands.norms = other();
    }
  }
  const Call& call() const { return call_; }

 private:
  static int64_t CountOf(const Array& array) {
    int64_t count = 1;
    for (const int64_t size : array.shape) count *= size;
    return count;
  }

  void* other() const { return static_cast<char*>(scratch_.data()) + size_; }

  int64_t size_;
  Scratch scratch_;
  Call call_;
};

std::string RunTask(Task task, const BoundOp& op, const OpShapes& shapes,
                    const std::vector<Array>& inputs, const std::vector<Array>& outputs,
                    const Parallel& parallel) {
  const Tensors tensors(op, inputs, outputs);
  std::vector<Plan> plans;
  std::string error = tensors.FillPlans(shapes, &plans);
  if (!error.empty()) return error;
  const Array* taps = tensors.Find(Role::kTaps);
  Call call;
  call.task = task;
  call.reduction = op.spec.reduction;
  call.type = inputs[0].type;
  call.tap_type = taps ? TapTypeOf(taps->type) : TapType::kNone;
  call.plans = &plans;
  call.parallel = &parallel;
  call.operands = {tensors.DataOf(Role::kX),
                   tensors.DataOf(Role::kY),
                   tensors.DataOf(Role::kTaps),
                   tensors.DataOf(Role::kDy),
                   tensors.DataOf(Role::kDx),
                   nullptr,
                   {}};
  call.operands.parameters.p = op.spec.p;
  call.operands.parameters.epsilon = op.spec.epsilon;
  if (const Array* parameter = tensors.Find(Role::kParameter)) {
    const bool is_per_channel = !parameter->shape.empty() && parameter->shape[0] > 1;
    call.operands.parameters.learned = parameter->data;
    call.operands.parameters.period = is_per_channel ? shapes.channels : 1;
  }
  if (const Array* gradient = tensors.Find(Role::kParameterGradient)) {
    call.operands.y = gradient->data;
  }
  const std::vector<int64_t> seed = tensors.Seed();
  for (size_t i = 0; i < 2; ++i) {
    call.operands.parameters.seed[i] = static_cast<uint32_t>(seed[i]);
  }
  if (Prepared::FindsTaps(call)) call.tap_type = TapType::kInt32;
  error = CheckMostTaps(plans, call.tap_type);
  if (error.empty()) error = CheckHeldTaps(plans, InfoOf(call.reduction));
  if (error.empty() && taps != nullptr && task != Task::kForward) {
    error = CheckTaps(plans, call.tap_type, taps->data, parallel);
  }
  if (!error.empty()) return error;
  if (!Prepared::IsNeeded(call)) return Run(call);
  const Prepared prepared(call, *tensors.Find(Role::kDy));
  error = Run(prepared.call());
  prepared.SetOperands(&call);
  return error.empty() ? Run(call) : error;
}

}  // namespace

std::string RunForward(const BoundOp& op, const OpShapes& shapes,
                       const std::vector<Array>& inputs,
                       const std::vector<Array>& outputs, const Parallel& parallel) {
  return RunTask(Task::kForward, op, shapes, inputs, outputs, parallel);
}

std::string RunBackward(const BoundOp& op, const OpShapes& shapes,
                        const std::vector<Array>& inputs,
                        const std::vector<Array>& outputs, const Parallel& parallel) {
  return RunTask(Task::kBackward, op, shapes, inputs, outputs, parallel);
}

std::string RunGatherTaps(const BoundOp& op, const OpShapes& shapes,
                          const std::vector<Array>& inputs,
                          const std::vector<Array>& outputs, const Parallel& parallel) {
  return RunTask(Task::kGatherTaps, op, shapes, inputs, outputs, parallel);
}

std::string RunParameterGradient(const BoundOp& op, const OpShapes& shapes,
                                 const std::vector<Array>& inputs,
                                 const std::vector<Array>& outputs,
                                 const Parallel& parallel) {
  return RunTask(Task::kParameterGradient, op, shapes, inputs, outputs, parallel);
}

std::string RunTapIndices(const BoundOp& op, const OpShapes& shapes,
                          const std::vector<Array>& inputs,
                          const std::vector<Array>& outputs, const Parallel& parallel) {
  const Tensors tensors(op, inputs, outputs);
  std::vector<Plan> plans;
  std::string error = tensors.FillPlans(shapes, &plans);
  const TapType type = TapTypeOf(inputs[0].type);
  if (error.empty()) error = CheckMostTaps(plans, type);
  if (!error.empty()) return error;
  return TapIndices(plans, type, inputs[0].data, outputs[0], parallel);
}

std::string RunUnpool(const BoundOp&, const OpShapes& shapes,
                      const std::vector<Array>& inputs,
                      const std::vector<Array>& outputs, const Parallel& parallel) {
  return Unpool(shapes.spec, inputs[0], inputs[1], outputs[0], parallel);
}

std::string RunUnpoolGradient(const BoundOp&, const OpShapes& shapes,
                              const std::vector<Array>& inputs,
                              const std::vector<Array>& outputs,
                              const Parallel& parallel) {
  return UnpoolGradient(shapes.spec, inputs[0], inputs[1], outputs[0], parallel);
}

std::string RunDraw(const BoundOp& op, const OpShapes&,
                    const std::vector<Array>& inputs, const std::vector<Array>& outputs,
                    const Parallel&) {
  const std::vector<int64_t> seed = IntegersOf(inputs[0]);
  const std::vector<int64_t> values = IntegersOf(inputs[1]);
  const RegionDraw draw = {
      values[0],    values[1],
      values[2],    {static_cast<uint32_t>(seed[0]), static_cast<uint32_t>(seed[1])},
      op.spec.axis, op.spec.pseudo_random};
  if (outputs[0].type == ElementType::kInt64) {
    DrawRegions(draw, static_cast<int64_t*>(outputs[0].data));
  } else {
    DrawRegions(draw, static_cast<int32_t*>(outputs[0].data));
  }
  return "";
}

}  // namespace keras_pooling
