#include "kernels/op_call.h"

#include "kernels/kernel.h"
#include "kernels/regions.h"

namespace keras_pooling {
namespace {

// Fills a call from the op's tensors, one by one.
class CallBuilder {
 public:
  // Returns what is wrong, or "".
  std::string Add(Role role, const Array& array) {
    Operands& operands = call_.operands;
    switch (role) {
      case Role::kX:
        operands.x = array.data;
        return SetType(array);
      case Role::kY:
        operands.y = array.data;
        return SetType(array);
      case Role::kDy:
        operands.dy = array.data;
        return SetType(array);
      case Role::kDx:
        operands.dx = array.data;
        return SetType(array);
      case Role::kTaps:
        operands.taps = array.data;
        call_.tap_type = TapTypeOf(array.type);
        return call_.tap_type == TapType::kNone ? "taps are uint8 or int32" : "";
      case Role::kSeed:
        for (int i = 0; i < 2; ++i) {
          operands.parameters.seed[i] =
              static_cast<uint32_t>(static_cast<const int64_t*>(array.data)[i]);
        }
        return "";
      case Role::kRegions:
        regions_.rows = array.shape[0];
        regions_.edges.push_back(static_cast<const int64_t*>(array.data));
        return "";
      case Role::kSize:
      case Role::kIndices:
      case Role::kEdges:
        return "";
    }
    return "";
  }

  Call* call() { return &call_; }
  const Regions& regions() const { return regions_; }

 private:
  std::string SetType(const Array& array) {
    if (has_type_ && array.type != call_.type) return "tensors differ in data type";
    has_type_ = true;
    call_.type = array.type;
    return "";
  }

  Call call_;
  Regions regions_;
  bool has_type_ = false;
};

Task TaskOf(const OpInfo& op) {
  if (op.outputs[0] == Role::kDx) return Task::kBackward;
  return op.inputs[1] == Role::kTaps ? Task::kPick : Task::kForward;
}

}  // namespace

std::string RunOp(const OpInfo& op, const PoolSpec& spec, const OpShapes& shapes,
                  const std::vector<Array>& inputs, const std::vector<Array>& outputs,
                  const Parallel& parallel) {
  if (outputs.empty() || outputs.size() > op.outputs.size()) {
    return "expected " + std::to_string(op.outputs.size()) + " outputs. Received " +
           std::to_string(outputs.size());
  }
  CallBuilder builder;
  const std::vector<Role> roles = InputRoles(op, spec);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string error = builder.Add(roles[i], inputs[i]);
    if (!error.empty()) return error;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].shape != shapes.output) {
      return "the output has shape " + ShapeText(shapes.output) + ". Received " +
             ShapeText(outputs[i].shape);
    }
    const std::string error = builder.Add(op.outputs[i], outputs[i]);
    if (!error.empty()) return error;
  }
  if (op.outputs[0] == Role::kEdges) {
    const auto* values = static_cast<const int64_t*>(inputs[1].data);
    const uint32_t* seed = builder.call()->operands.parameters.seed;
    DrawRegions({values[0],
                 values[1],
                 values[2],
                 {seed[0], seed[1]},
                 spec.axis,
                 spec.pseudo_random},
                static_cast<int64_t*>(outputs[0].data));
    return "";
  }
  std::vector<Plan> plans;
  const std::string error = MakePlans(shapes.spec, shapes.batch, shapes.channels,
                                      shapes.sizes, builder.regions(), &plans);
  if (!error.empty()) return error;
  Call& call = *builder.call();
  for (const Plan& plan : plans) {
    if (call.tap_type != TapType::kUint8 || plan.max_taps() <= 256) continue;
    return "a window of " + std::to_string(plan.max_taps()) + " taps needs Tap=int32";
  }
  if (op.outputs[0] == Role::kIndices) {
    const Array& indices = outputs[0];
    const bool wide = indices.type == ElementType::kInt64;
    if (!wide && indices.type != ElementType::kInt32)
      return "indices are int32 or int64";
    return TapIndices(plans, shapes.batch, shapes.channels, call.tap_type,
                      call.operands.taps, wide, indices.data, parallel);
  }
  call.task = TaskOf(op);
  call.reduction = spec.reduction;
  call.operands.parameters.p = spec.p;
  call.plans = &plans;
  call.batch = shapes.batch;
  call.channels = shapes.channels;
  call.parallel = &parallel;
  return Run(call);
}

}  // namespace keras_pooling
