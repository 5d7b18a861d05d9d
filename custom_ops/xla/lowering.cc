// What the ops become inside XLA on a CPU: a custom call of xla/handler.cc. The only
// file that knows TensorFlow's compiler; a library of its own, so that a TensorFlow
// that lacks a part of it keeps everything else.
#include <array>
#include <cstdio>

#include "kernels/op_shapes.h"
#include "tensorflow/compiler/tf2xla/type_util.h"
#include "tensorflow/compiler/tf2xla/xla_op_kernel.h"
#include "tensorflow/pool_attributes.h"
#include "xla/ffi/api/ffi.h"
#include "xla/handler.h"
#include "xla/hlo/builder/xla_builder.h"
#include "xla/shape_util.h"

namespace xla::ffi {

// Every wheel of TensorFlow exports this one, but ships its header without the headers
// that it includes.
const XLA_FFI_Api* GetXlaFfiApi();

}  // namespace xla::ffi

namespace keras_pooling {
namespace {

using tensorflow::OpKernelConstruction;
using tensorflow::XlaOpKernel;
using tensorflow::XlaOpKernelContext;

// Writes attributes as XLA reads them: {ceil_mode = true, window = array<i64: 2, 2>}.
class AttributeWriter {
 public:
  void operator()(const char* name, const std::string* value) {
    Add(name, '"' + *value + '"');
  }
  void operator()(const char* name, const std::vector<int64_t>* value) {
    if (value->empty()) return;
    std::string text;
    for (int64_t entry : *value) {
      text += (text.empty() ? "array<i64: " : ", ") + std::to_string(entry);
    }
    Add(name, text + '>');
  }
  void operator()(const char* name, const bool* value) {
    Add(name, *value ? "true" : "false");
  }
  void operator()(const char* name, const int64_t* value) {
    Add(name, std::to_string(*value) + " : i64");
  }
  void operator()(const char* name, const double* value) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%.17e", *value);  // all of its bits
    Add(name, std::string(text.data()) + " : f64");
  }

  std::string text() const { return '{' + text_ + '}'; }

 private:
  void Add(const char* name, const std::string& value) {
    text_ += (text_.empty() ? "" : ", ") + (name + (" = " + value));
  }

  std::string text_;
};

class LoweredPoolOp : public XlaOpKernel {
 public:
  explicit LoweredPoolOp(OpKernelConstruction* context)
      : XlaOpKernel(context), op_(FindRegisteredOp(type_string())) {
    OP_REQUIRES(context, op_ != nullptr, Invalid(name(), "unknown op"));
    OP_REQUIRES_OK(context, ReadSpec(context, name(), &spec_));
    SpecAttributes attributes = ReadAttributes(context);
    AttributeWriter writer;
    const std::string op = op_->name;
    writer(kOpAttribute, &op);
    ForEachAttribute(&attributes, writer);
    attributes_ = writer.text();
    context->GetAttr("taps_are_read", &taps_are_read_).IgnoreError();
  }

  void Compile(XlaOpKernelContext* context) override {
    context->SetStatus(TryCompile(context));
  }

 private:
  absl::Status TryCompile(XlaOpKernelContext* context) const {
    std::vector<Array> inputs;
    std::vector<xla::XlaOp> operands;
    std::vector<xla::Shape> operand_shapes;
    std::vector<int64_t> size;
    xla::XlaOp batch;
    std::vector<Role> roles = InputRoles(*op_, spec_);
    roles.resize(static_cast<size_t>(context->num_inputs()));  // FindShapes() compares
    for (int i = 0; i < context->num_inputs(); ++i) {
      TF_ASSIGN_OR_RETURN(const xla::Shape shape, context->InputXlaShape(i));
      const auto dims = shape.dimensions();
      inputs.push_back({ElementTypeOf(context->input_type(i)), {}, nullptr});
      inputs.back().shape.assign(dims.begin(), dims.end());
      const auto at = static_cast<size_t>(i);
      if (roles[at] == Role::kSize && dims.size() == 1) {
        TF_RETURN_IF_ERROR(context->ConstantInputAsIntVector(i, &size));
        inputs.back().data = size.data();
      }
      operands.push_back(context->Input(i));
      for (int64_t d = 0; d < static_cast<int64_t>(dims.size()); ++d) {
        if (!shape.is_dynamic_dimension(static_cast<int>(d))) continue;
        if (d != 0 || roles[at] == Role::kRegions) return UnknownSize(shape);
        // Of the batch XLA knows only a bound: all images of the bound are pooled.
        if (i == 0) batch = xla::GetDimensionSize(operands.back(), d);
        operands.back() = xla::RemoveDynamicDimension(operands.back(), d);
      }
      operand_shapes.push_back(RowMajor(shape.element_type(), inputs.back().shape));
    }
    OpShapes shapes;
    const std::string error = FindShapes(*op_, spec_, inputs, &shapes);
    if (!error.empty()) return Invalid(name(), error);

    const auto call = [&](size_t outputs) {
      std::vector<xla::Shape> results;
      for (size_t i = 0; i < outputs; ++i) {
        results.push_back(
            RowMajor(context->output_xla_type(static_cast<int>(i)), shapes.output));
      }
      return xla::CustomCallWithLayout(
          context->builder(), kCallTarget, operands,
          outputs == 1 ? results[0] : xla::ShapeUtil::MakeTupleShape(results),
          operand_shapes, attributes_, /*has_side_effect=*/false,
          /*output_operand_aliasing=*/{}, /*literal=*/nullptr,
          xla::CustomCallSchedule::SCHEDULE_NONE,
          xla::CustomCallApiVersion::API_VERSION_TYPED_FFI);
    };
    const auto set_output = [&](int i, xla::XlaOp output) {
      context->SetOutput(
          i, batch.valid() ? xla::SetDimensionSize(output, batch, 0) : output);
    };
    if (op_->outputs.size() == 1) {
      set_output(0, call(1));
      return absl::OkStatus();
    }
    // Nothing here tells whether the taps will be read. Where that is not expected they
    // have a call of their own, which XLA drops if nobody does.
    const xla::XlaOp both = call(2);
    set_output(0, taps_are_read_ ? xla::GetTupleElement(both, 0) : call(1));
    set_output(1, xla::GetTupleElement(both, 1));
    return absl::OkStatus();
  }

  absl::Status UnknownSize(const xla::Shape& shape) const {
    return absl::UnimplementedError(
        name() + ": XLA knows only a bound of the input's sizes, " + shape.ToString() +
        ". Within keras_pooling.force_portable() such a function compiles");
  }

  static xla::Shape RowMajor(xla::PrimitiveType type,
                             const std::vector<int64_t>& shape) {
    return xla::ShapeUtil::MakeShapeWithDescendingLayout(type, shape);
  }

  const OpInfo* op_;
  PoolSpec spec_;
  std::string attributes_;
  bool taps_are_read_ = true;
};

// Not REGISTER_XLA_OP, whose list is read once: too early where a TensorFlow op ran
// before this library was loaded.
#define KP_REGISTER(name)                                                   \
  REGISTER_KERNEL_BUILDER(Name("KerasPooling>" name).Device("XLA_CPU_JIT"), \
                          LoweredPoolOp);
KP_OPS(KP_REGISTER)
#undef KP_REGISTER

XLA_FFI_REGISTER_HANDLER(xla::ffi::GetXlaFfiApi(), kCallTarget, "Host",
                         KerasPoolingXlaHandler);

}  // namespace
}  // namespace keras_pooling
