// A call of the C entry with its memory, for any op of any reduction: what the tests of
// the door start from. Knows roles; no op and no reduction by name.
#ifndef KERAS_POOLING_TESTS_DOOR_CALL_H_
#define KERAS_POOLING_TESTS_DOOR_CALL_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "hosts/c/attribute_list.h"
#include "hosts/c/keras_pooling.h"
#include "kernels/ops/op.h"
#include "tests/check.h"
#include "tests/elements.h"

namespace keras_pooling::tests {

struct Answer {
  KerasPoolingStatus status = KERAS_POOLING_OK;
  std::string message;

  bool ok() const { return status == KERAS_POOLING_OK; }
};

inline Answer AnswerOf(KerasPoolingStatus status) {
  if (status == KERAS_POOLING_OK) return {};
  return {status, KerasPoolingMessage()};
}

// A tensor with memory of its own, that ends where the tensor ends. What is forged need
// not fit its shape or be a type of ours.
struct Tensor {
  Role role;
  int32_t type = KERAS_POOLING_FLOAT32;
  Shape shape;
  std::vector<unsigned char> bytes;

  static Tensor Of(Role role, ElementType type, const Shape& shape) {
    int64_t bytes = ElementSize(type);
    for (const int64_t size : shape) bytes *= size;
    return {role, static_cast<int32_t>(type), shape,
            std::vector<unsigned char>(static_cast<size_t>(bytes), 0xa5)};
  }
  static Tensor OfIntegers(Role role, ElementType type, const Shape& shape,
                           const std::vector<int64_t>& values) {
    Tensor tensor = Of(role, type, shape);
    for (size_t i = 0; i < values.size(); ++i) tensor.SetInteger(i, values[i]);
    return tensor;
  }

  ElementType element() const { return static_cast<ElementType>(type); }
  size_t count() const {
    return bytes.size() / static_cast<size_t>(ElementSize(element()));
  }
  template <class T>
  T At(size_t i) const {
    T value;
    std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
    return value;
  }
  template <class T>
  void Set(size_t i, T value) {
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  // Of a tensor of uint8, int32 or int64; what does not fit is cut off.
  int64_t Integer(size_t i) const {
    return type == KERAS_POOLING_UINT8   ? At<uint8_t>(i)
           : type == KERAS_POOLING_INT32 ? At<int32_t>(i)
                                         : At<int64_t>(i);
  }
  void SetInteger(size_t i, int64_t value) {
    if (type == KERAS_POOLING_UINT8) return Set(i, static_cast<uint8_t>(value));
    if (type == KERAS_POOLING_INT32) return Set(i, static_cast<int32_t>(value));
    Set(i, value);
  }
  KerasPoolingArray View() {
    return {type, static_cast<int32_t>(shape.size()), shape.data(),
            bytes.empty() ? nullptr : bytes.data()};
  }
};

inline std::vector<KerasPoolingArray> ViewsOf(std::vector<Tensor>& tensors) {
  std::vector<KerasPoolingArray> views;
  for (Tensor& tensor : tensors) views.push_back(tensor.View());
  return views;
}

// An op, bound. Released with it.
class Handle {
 public:
  Handle(const char* name, SpecAttributes attributes) {
    const AttributeList list(&attributes);
    answer_ = AnswerOf(KerasPoolingBind(name, list.data(), list.size(), &op_));
  }
  ~Handle() { KerasPoolingRelease(op_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const Answer& answer() const { return answer_; }
  const KerasPoolingOp* get() const { return op_; }

 private:
  Answer answer_;
  KerasPoolingOp* op_ = nullptr;
};

struct DoorCall {
  const Op* op;
  SpecAttributes attributes;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;

  Answer Infer(std::vector<KerasPoolingShape>* shapes) {
    return Infer(ViewsOf(inputs), shapes);
  }
  Answer Infer(const std::vector<KerasPoolingArray>& views,
               std::vector<KerasPoolingShape>* shapes) const {
    const Handle handle(op->name, attributes);
    if (!handle.answer().ok()) return handle.answer();
    shapes->assign(op->outputs.size(), {});
    return AnswerOf(KerasPoolingInfer(
        handle.get(), views.data(), static_cast<int32_t>(views.size()), shapes->data(),
        static_cast<int32_t>(shapes->size())));
  }
  Answer Run(const KerasPoolingParallel* parallel = nullptr) {
    const Handle handle(op->name, attributes);
    if (!handle.answer().ok()) return handle.answer();
    const auto in = ViewsOf(inputs);
    const auto out = ViewsOf(outputs);
    return AnswerOf(KerasPoolingRun(handle.get(), in.data(),
                                    static_cast<int32_t>(in.size()), out.data(),
                                    static_cast<int32_t>(out.size()), parallel));
  }
};

// What a call is about, besides its op.
struct Setting {
  std::string why;
  SpecAttributes attributes;
  int64_t batch = 2;
  int64_t channels = 3;
  Shape sizes;
  Shape regions;     // their number along each axis, where the geometry has them
  int64_t rows = 1;  // of regions
  ElementType type = ElementType::kFloat32;
  ElementType taps = ElementType::kInt32;
  ElementType integers = ElementType::kInt64;  // sizes, seeds, edges, indices
  Values values = Values::kOrdinary;

  Shape FullShape(const Shape& spatial) const {
    Shape shape = {batch};
    if (attributes.channels_first) shape.push_back(channels);
    shape.insert(shape.end(), spatial.begin(), spatial.end());
    if (!attributes.channels_first) shape.push_back(channels);
    return shape;
  }
};

inline std::string Describe(const Setting& setting, const Op& op) {
  return setting.why + ": " + op.name + " " + setting.attributes.reduction + " " +
         NameOf(setting.type) + ", taps " + NameOf(setting.taps) + ", integers " +
         NameOf(setting.integers) +
         (setting.attributes.channels_first ? ", channels_first" : ", channels_last");
}

inline const ReductionInfo& ReductionNamed(const std::string& name) {
  for (const ReductionInfo& info : AllReductions()) {
    if (info.name == name) return info;
  }
  return AllReductions().front();
}

inline bool ServesKind(const Op& op, ReductionKind kind) {
  if (op.serves == Serves::kSelecting) return kind == ReductionKind::kSelects;
  if (op.serves == Serves::kBlending || op.serves == Serves::kLearning) {
    return kind == ReductionKind::kBlends;
  }
  return true;
}

// Numbers that are pooled, or what becomes of them.
inline bool HoldsValues(Role role) {
  return role == Role::kX || role == Role::kDx || role == Role::kY ||
         role == Role::kDy || role == Role::kParameter ||
         role == Role::kParameterGradient;
}

// Whether an op computes on planes: the one that draws regions does not.
inline bool IsOnPlanes(const Op& op) { return op.outputs[0] != Role::kEdges; }

// Whether an op is for a reduction, and is defined for a type of values.
inline bool IsDefined(const Op& op, const ReductionInfo& info) {
  if (op.serves == Serves::kNoWindows) return true;  // whatever it says
  return ServesKind(op, info.kind) && (!op.is_gradient || info.has_gradient) &&
         (op.serves != Serves::kLearning || info.learns);
}
inline bool IsDefined(const Op& op, const ReductionInfo& info, ElementType type) {
  if (!IsDefined(op, info)) return false;
  if (!HoldsValues(op.inputs[0].role) || IsFloating(type)) return true;
  return !op.is_gradient && (info.has_integers || op.serves == Serves::kNoWindows);
}

// And for a setting's windows, which may have more taps than the reduction holds.
inline bool IsDefined(const Op& op, const ReductionInfo& info, const Setting& setting) {
  double taps = 1.0;  // no window has more
  for (size_t i = 0; i < setting.sizes.size(); ++i) {
    const bool slides = setting.attributes.geometry == "sliding";
    taps *=
        static_cast<double>(slides ? setting.attributes.window[i] : setting.sizes[i]);
  }
  return IsDefined(op, info) && taps <= static_cast<double>(info.most_taps);
}

// Makes valid calls: inputs that fit one another, outputs that fit the inputs. A
// setting that may be none gives a call without outputs then.
class CallMaker {
 public:
  CallMaker(Setting setting, std::mt19937_64& random, bool may_be_none = false)
      : setting_(std::move(setting)), random_(random), may_be_none_(may_be_none) {
    for (size_t i = 0; i < setting_.regions.size(); ++i) edges_.push_back(Edges(i));
    x_ = Values(Role::kX, setting_.FullShape(setting_.sizes), setting_.type);
  }

  const Tensor& x() const { return x_; }
  const std::vector<Tensor>& edges() const { return edges_; }

  DoorCall Make(const Op& op) { return Make(op, setting_.attributes, setting_.type); }

 private:
  DoorCall Make(const Op& op, const SpecAttributes& attributes, ElementType type) {
    DoorCall call = {&op, attributes, {}, {}};
    BoundOp bound;
    const Status status = BindOp(op.name, attributes, &bound);
    CHECK(status.ok() || may_be_none_, Describe(setting_, op) + status.message);
    if (!status.ok()) return call;
    size_t axis = 0;
    for (const Role role : bound.InputRoles()) {
      call.inputs.push_back(role == Role::kRegions ? edges_[axis++]
                                                   : InputOf(role, op, type));
    }
    std::vector<KerasPoolingShape> shapes;
    const Answer inferred = call.Infer(&shapes);
    CHECK(inferred.ok() || may_be_none_,
          Describe(setting_, op) + ", shapes: " + inferred.message);
    for (size_t i = 0; inferred.ok() && i < op.outputs.size(); ++i) {
      const Shape shape(shapes[i].sizes, shapes[i].sizes + shapes[i].rank);
      call.outputs.push_back(
          Tensor::Of(op.outputs[i], TypeOf(op.outputs[i], type), shape));
    }
    return call;
  }

  ElementType TypeOf(Role role, ElementType type) const {
    if (role == Role::kTaps) return setting_.taps;
    if (role == Role::kParameterGradient) return MathTypeOf(type);
    return role == Role::kIndices || role == Role::kEdges ? setting_.integers : type;
  }

  Tensor InputOf(Role role, const Op& op, ElementType type) {
    const Shape& sizes = setting_.sizes;
    const ElementType integers = setting_.integers;
    switch (role) {
      case Role::kX:
        return type == setting_.type
                   ? x_
                   : Values(role, setting_.FullShape(setting_.sizes), type);
      case Role::kDx:
        return Values(role, setting_.FullShape(sizes), type);
      case Role::kDy:
        return Values(role, ForwardOutput(role, op).shape, type);
      case Role::kY:
        if (op.serves != Serves::kNoWindows) return ForwardOutput(role, op);
        return Values(role, ForwardOutput(Role::kTaps, op).shape, type);
      case Role::kTaps:
        return ForwardOutput(role, op);
      case Role::kIndices:
        return Indices(op);
      case Role::kParameter:
        return Parameters(MathTypeOf(type));
      case Role::kSize:
        return Tensor::OfIntegers(role, integers, {static_cast<int64_t>(sizes.size())},
                                  sizes);
      case Role::kSeed:
        return Tensor::OfIntegers(role, integers, {2}, {77, -5});
      case Role::kDraw: {
        const int64_t count = setting_.regions.empty() ? 1 : setting_.regions[0];
        return Tensor::OfIntegers(role, integers, {3},
                                  {sizes[0], count, setting_.rows});
      }
      default:
        CHECK(false, "a new role wants a case here");
        return Values(role, {}, type);
    }
  }

  Tensor ForwardOutput(Role role, const Op& op) {
    const std::vector<Tensor>& outputs = Forward(op).outputs;
    if (outputs.empty()) return Tensor::Of(role, ElementType::kUint8, {});
    return role == Role::kTaps ? outputs.back() : outputs.front();
  }

  // Where the taps of a pool with this setting lie.
  Tensor Indices(const Op& op) {
    const auto& ops = AllOps();
    const auto made = std::find_if(ops.begin(), ops.end(), [](const Op& each) {
      return each.outputs[0] == Role::kIndices;
    });
    Forward(op);
    DoorCall call = Make(*made, forward_->attributes, setting_.type);
    const Answer answer = call.Run();
    CHECK(answer.ok() || may_be_none_,
          Describe(setting_, op) + ", indices: " + answer.message);
    return call.outputs.empty() ? Tensor::Of(Role::kIndices, setting_.integers, {})
                                : call.outputs[0];
  }

  // The forward call whose results `op` reads. Taps of reductions that have none, and
  // of types they are not defined for, are another's.
  const DoorCall& Forward(const Op& op) {
    SpecAttributes attributes = setting_.attributes;
    ElementType type = setting_.type;
    const bool wants_any_taps =
        op.serves == Serves::kAny || op.serves == Serves::kNoWindows;
    if (wants_any_taps) type = ElementType::kFloat32;
    if (wants_any_taps &&
        ReductionNamed(attributes.reduction).kind != ReductionKind::kSelects) {
      for (const ReductionInfo& info : AllReductions()) {
        if (info.kind == ReductionKind::kSelects) attributes.reduction = info.name;
      }
    }
    if (forward_ != nullptr && forward_->attributes.reduction == attributes.reduction &&
        forward_type_ == type) {
      return *forward_;
    }
    for (const Op& each : AllOps()) {
      if (each.is_gradient || each.serves == Serves::kAny ||
          each.serves == Serves::kNoWindows ||
          !IsDefined(each, ReductionNamed(attributes.reduction))) {
        continue;
      }
      forward_ = std::make_unique<DoorCall>(Make(each, attributes, type));
      forward_type_ = type;
      const Answer answer = forward_->Run();
      CHECK(answer.ok() || may_be_none_,
            Describe(setting_, op) + ", forward: " + answer.message);
      break;
    }
    return *forward_;
  }

  // One number for each channel, of which every type holds the bits.
  Tensor Parameters(ElementType type) {
    Tensor tensor = Tensor::Of(Role::kParameter, type, {setting_.channels});
    ForEachFloat([&](auto tag) {
      using T = typename decltype(tag)::Type;
      if (Info<T>::kType != type) return;
      for (size_t i = 0; i < tensor.count(); ++i) {
        tensor.Set(i, RoundTo<T>(1.0 + 0.25 * static_cast<double>(i % 11)));
      }
    });
    return tensor;
  }

  Tensor Values(Role role, const Shape& shape, ElementType type) {
    Tensor tensor = Tensor::Of(role, type, shape);
    ForEachType([&](auto tag) {
      using T = typename decltype(tag)::Type;
      if (Info<T>::kType != type) return;
      const std::vector<T> values = RandomValues<T>(
          setting_.values, static_cast<int64_t>(tensor.count()), random_);
      if (!values.empty())
        std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    });
    return tensor;
  }

  // Rows of ascending edges, each chosen among all there are.
  Tensor Edges(size_t axis) {
    const int64_t in = setting_.sizes[axis];
    const int64_t count = setting_.regions[axis];
    std::vector<int64_t> edges;
    for (int64_t row = 0; row < setting_.rows; ++row) {
      std::vector<int64_t> inner;
      for (int64_t edge = 1; edge < in; ++edge) inner.push_back(edge);
      for (size_t i = inner.size(); i > 1; --i)
        std::swap(inner[i - 1], inner[random_() % i]);
      inner.resize(static_cast<size_t>(count - 1));
      std::sort(inner.begin(), inner.end());
      edges.push_back(0);
      edges.insert(edges.end(), inner.begin(), inner.end());
      edges.push_back(in);
    }
    return Tensor::OfIntegers(Role::kRegions, setting_.integers,
                              {setting_.rows, count + 1}, edges);
  }

  Setting setting_;
  std::mt19937_64& random_;
  bool may_be_none_;
  std::vector<Tensor> edges_;
  Tensor x_;
  std::unique_ptr<DoorCall> forward_;
  ElementType forward_type_ = ElementType::kFloat32;
};

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_DOOR_CALL_H_
