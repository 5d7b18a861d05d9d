#include "kernels/ops/op.h"

#include <algorithm>
#include <exception>
#include <new>

#include "kernels/execution/huge_pages.h"
#include "kernels/ops/infer.h"
#include "kernels/ops/run.h"
#include "kernels/ops/taps.h"
#include "kernels/spec/text.h"

namespace keras_pooling {
namespace {

bool IsFor(Serves serves, const ReductionInfo& info) {
  switch (serves) {
    case Serves::kSelecting:
      return info.kind == ReductionKind::kSelects;
    case Serves::kBlending:
      return info.kind == ReductionKind::kBlends;
    case Serves::kLearning:
      return info.kind == ReductionKind::kBlends && info.learns;
    case Serves::kAny:
    case Serves::kNoWindows:
      return true;
  }
  return false;
}

std::string ReductionsFor(Serves serves) {
  std::string names;
  for (const ReductionInfo& info : AllReductions()) {
    if (!IsFor(serves, info)) continue;
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return names;
}

// --- Attributes, of ops with windows, of those that know planes alone, and of the one
// that draws regions.

std::string ParsePool(const Op& op, const SpecAttributes& attributes, PoolSpec* spec) {
  const std::string error = ParseSpec(attributes, spec);
  if (!error.empty()) return error;
  const ReductionInfo& info = InfoOf(spec->reduction);
  if (!IsFor(op.serves, info)) {
    return "reduction must be one of " + ReductionsFor(op.serves) +
           ". Received reduction=\"" + info.name + "\"";
  }
  if (op.is_gradient && !info.has_gradient) {
    return std::string("reduction=\"") + info.name +
           "\" has no gradient op: its gradient is composed of other ops";
  }
  return "";
}

std::string ParsePlane(const Op&, const SpecAttributes& attributes, PoolSpec* spec) {
  return ParseLayout(attributes, spec);
}

std::string ParseDraw(const Op&, const SpecAttributes& attributes, PoolSpec* spec) {
  if (attributes.axis < 0 || attributes.axis >= kMaxRank) {
    return "axis must lie between 0 and 2. Received axis=" +
           std::to_string(attributes.axis);
  }
  spec->axis = attributes.axis;
  spec->pseudo_random = attributes.pseudo_random;
  return "";
}

// The types of a call's tensors.
std::string CheckTypes(const BoundOp& op, const std::vector<Role>& roles,
                       const std::vector<Array>& arrays,
                       const ElementType* value_type) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const ElementType type = arrays[i].type;
    if (!arrays[i].has_type) continue;
    switch (roles[i]) {
      case Role::kX:
      case Role::kDx:
      case Role::kY:
      case Role::kDy:
        if (value_type != nullptr && type != *value_type) {
          return std::string("tensors differ in data type: ") + NameOf(*value_type) +
                 " and " + NameOf(type);
        }
        if (IsFloating(type)) break;
        if (op.op->is_gradient || !InfoOf(op.spec.reduction).has_integers) {
          return std::string(InfoOf(op.spec.reduction).name) +
                 (op.op->is_gradient ? " has no gradient" : " is not defined") +
                 " for " + NameOf(type) +
                 ". Use one of float16, bfloat16, float32, float64";
        }
        break;
      case Role::kParameter:
      case Role::kParameterGradient:
        if (value_type == nullptr || type == MathTypeOf(*value_type)) break;
        return std::string("the parameter of ") + NameOf(*value_type) +
               " and its gradient must be " + NameOf(MathTypeOf(*value_type)) +
               ". Received dtype=" + NameOf(type);
      case Role::kTaps:
        if (TapTypeOf(type) == TapType::kNone) {
          return std::string("taps must be uint8 or int32. Received dtype=") +
                 NameOf(type);
        }
        break;
      case Role::kIndices:
      case Role::kEdges:
        if (type != ElementType::kInt32 && type != ElementType::kInt64) {
          return NameOf(roles[i]) +
                 std::string(" must be int32 or int64. Received dtype=") + NameOf(type);
        }
        break;
      default:
        break;  // InferPool() and InferEdges() look at them
    }
  }
  return "";
}

// "input 1 of shape (2, 3)"
std::string NameOf(const char* kind, const std::vector<Array>& arrays,
                   const Array& array) {
  return std::string(kind) + " " + std::to_string(&array - arrays.data()) +
         " of shape " + ListText(array.shape);
}

std::string CheckInputs(const BoundOp& op, const std::vector<Array>& inputs) {
  const std::vector<Role> roles = op.InputRoles();
  if (inputs.size() != roles.size()) {
    return "expected " + std::to_string(roles.size()) + " inputs. Received " +
           std::to_string(inputs.size());
  }
  for (const Array& array : inputs) {
    for (const int64_t size : array.shape) {
      if (size < kUnknown) return NameOf("input", inputs, array) + " cannot be";
    }
  }
  return CheckTypes(op, roles, inputs, inputs[0].has_type ? &inputs[0].type : nullptr);
}

// Where a call runs, everything is known. `kind` is "input" or "output".
std::string CheckKnown(const char* kind, const std::vector<Array>& arrays) {
  for (const Array& array : arrays) {
    int64_t count = 1;
    bool is_known = array.has_shape;
    for (const int64_t size : array.shape) {
      is_known &= size >= 0 && !__builtin_mul_overflow(count, size, &count);
    }
    if (!is_known) return NameOf(kind, arrays, array) + " cannot be";
    if (array.data == nullptr && count > 0) {
      return NameOf(kind, arrays, array) + " has no data";
    }
  }
  return "";
}

int64_t BytesOf(const Array& array) {
  int64_t bytes = ElementSize(array.type);
  for (const int64_t size : array.shape) bytes *= size;
  return bytes;
}

std::string TryRun(const BoundOp& op, const std::vector<Array>& inputs,
                   const std::vector<Array>& outputs, const Parallel& parallel) {
  std::string error = CheckKnown("input", inputs);
  if (error.empty()) error = CheckKnown("output", outputs);
  OpShapes shapes;
  if (error.empty()) error = CheckInputs(op, inputs);
  if (error.empty()) error = op.op->infer(op, inputs, &shapes);
  if (!error.empty()) return error;
  const size_t expected = op.op->outputs.size();
  if (outputs.empty() || outputs.size() > expected) {
    return "expected " + std::to_string(expected) + " outputs. Received " +
           std::to_string(outputs.size());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].shape == shapes.outputs[i]) continue;
    return "output " + std::to_string(i) + " has shape " + ListText(shapes.outputs[i]) +
           ". Received " + ListText(outputs[i].shape);
  }
  error = CheckTypes(op, op.op->outputs, outputs, &inputs[0].type);
  if (!error.empty()) return error;
  for (const Array& array : outputs) AdviseHugePages(array.data, BytesOf(array));
  return op.op->run(op, shapes, inputs, outputs, Guarded(parallel));
}

Status OutOfMemory(const char* name) {
  try {
    return {Code::kOutOfMemory, name + std::string(": out of memory")};
  } catch (const std::bad_alloc&) {
    return {Code::kOutOfMemory, "out of memory"};  // too short to need any
  }
}

// What `fn` returns, or throws, as a status.
template <class Fn>
Status Protect(const char* name, const Fn& fn) {
  try {
    const std::string error = fn();
    if (error.empty()) return {};
    return {Code::kInvalidArgument, name + (": " + error)};
  } catch (const std::bad_alloc&) {
    return OutOfMemory(name);
  } catch (const std::exception& error) {
    return {Code::kInternal, name + (": " + std::string(error.what()))};
  }
}

}  // namespace

const std::vector<Op>& AllOps() {
  static const auto* const ops = new std::vector<Op>{
      // The output is one of the taps, and `taps` says which.
      {"SelectingPool",
       Serves::kSelecting,
       false,
       &ParsePool,
       {{Role::kX}, {Role::kSeed, When::kIfDraws}, {Role::kRegions, When::kIfRegions}},
       {Role::kY, Role::kTaps},
       &InferPool,
       &RunForward},
      {"SelectingPoolGrad",
       Serves::kSelecting,
       true,
       &ParsePool,
       {{Role::kDy}, {Role::kTaps}, {Role::kSize}, {Role::kRegions, When::kIfRegions}},
       {Role::kDx},
       &InferPool,
       &RunBackward},
      // That tap of another tensor: the gradient of the gradient.
      {"SelectingPoolPick",
       Serves::kSelecting,
       true,
       &ParsePool,
       {{Role::kX}, {Role::kTaps}, {Role::kRegions, When::kIfRegions}},
       {Role::kY},
       &InferPool,
       &RunGatherTaps},
      // Every tap has a share in the output.
      {"BlendingPool",
       Serves::kBlending,
       false,
       &ParsePool,
       {{Role::kX},
        {Role::kParameter, When::kIfLearns},
        {Role::kRegions, When::kIfRegions}},
       {Role::kY},
       &InferPool,
       &RunForward},
      {"BlendingPoolGrad",
       Serves::kBlending,
       true,
       &ParsePool,
       {{Role::kDy},
        {Role::kSize},
        {Role::kX, When::kIfSavesX},
        {Role::kY, When::kIfSavesY},
        {Role::kParameter, When::kIfLearns},
        {Role::kRegions, When::kIfRegions}},
       {Role::kDx},
       &InferPool,
       &RunBackward},
      // How each output changes with the parameter; callers multiply by dy and sum.
      {"BlendingPoolParameterGrad",
       Serves::kLearning,
       true,
       &ParsePool,
       {{Role::kX},
        {Role::kParameter, When::kIfLearns},
        {Role::kRegions, When::kIfRegions}},
       {Role::kParameterGradient},
       &InferPool,
       &RunParameterGradient},
      // Taps as flat indices in the image's plane.
      {"TapIndices",
       Serves::kAny,
       false,
       &ParsePool,
       {{Role::kTaps}, {Role::kSize}, {Role::kRegions, When::kIfRegions}},
       {Role::kIndices},
       &InferPool,
       &RunTapIndices},
      // Values at such indices in a plane of zeros, and the gradient of that.
      {"MaxUnpool",
       Serves::kNoWindows,
       false,
       &ParsePlane,
       {{Role::kY}, {Role::kIndices}, {Role::kSize}},
       {Role::kX},
       &InferUnpool,
       &RunUnpool},
      {"MaxUnpoolGrad",
       Serves::kNoWindows,
       true,
       &ParsePlane,
       {{Role::kDx}, {Role::kIndices}},
       {Role::kDy},
       &InferUnpool,
       &RunUnpoolGradient},
      // The edges of one axis's regions, drawn.
      {"FractionalRegions",
       Serves::kNoWindows,
       false,
       &ParseDraw,
       {{Role::kSeed}, {Role::kDraw}},
       {Role::kEdges},
       &InferEdges,
       &RunDraw},
  };
  return *ops;
}

std::vector<Role> BoundOp::InputRoles() const {
  const ReductionInfo& info = InfoOf(spec.reduction);
  std::vector<Role> roles;
  for (const Input& input : op->inputs) {
    size_t count = 1;
    if (input.when == When::kIfDraws) count = info.draws;
    if (input.when == When::kIfLearns) count = info.learns;
    if (input.when == When::kIfSavesX) count = info.saves_x();
    if (input.when == When::kIfSavesY) count = info.saves_y();
    if (input.when == When::kIfRegions) {
      count = spec.geometry == Geometry::kRegions ? spec.axes.size() : 0;
    }
    roles.insert(roles.end(), count, input.role);
  }
  return roles;
}

Status BindOp(std::string_view name, const SpecAttributes& attributes, BoundOp* op) {
  const std::string bare(name.substr(name.find('>') + 1));
  const auto& ops = AllOps();
  const auto found = std::find_if(ops.begin(), ops.end(),
                                  [&](const Op& each) { return each.name == bare; });
  if (found == ops.end()) {
    return {Code::kInvalidArgument, "keras_pooling: unknown op \"" + bare + "\""};
  }
  op->op = &*found;
  return Protect(found->name,
                 [&] { return found->parse(*found, attributes, &op->spec); });
}

Status InferShapes(const BoundOp& op, const std::vector<Array>& inputs,
                   OpShapes* shapes) {
  return Protect(op.op->name, [&] {
    const std::string error = CheckInputs(op, inputs);
    return error.empty() ? op.op->infer(op, inputs, shapes) : error;
  });
}

Status RunOp(const BoundOp& op, const std::vector<Array>& inputs,
             const std::vector<Array>& outputs, const Parallel& parallel) {
  return Protect(op.op->name, [&] { return TryRun(op, inputs, outputs, parallel); });
}

}  // namespace keras_pooling
