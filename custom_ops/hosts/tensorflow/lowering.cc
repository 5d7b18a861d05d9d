// What the ops become inside XLA on a CPU: a custom call of hosts/xla/handler.cc. The
// only file that knows TensorFlow's compiler; a library of its own, so that a
// TensorFlow that lacks a part of it keeps everything else.
#include "hosts/tensorflow/node_op.h"
#include "hosts/tensorflow/register_kernels.h"
#include "hosts/xla/handler.h"
#include "tensorflow/compiler/tf2xla/type_util.h"
#include "tensorflow/compiler/tf2xla/xla_op_kernel.h"
#include "xla/ffi/api/ffi.h"
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
  std::string text() const { return '{' + text_ + '}'; }

 private:
  void Add(const char* name, const std::string& value) {
    text_ += (text_.empty() ? "" : ", ") + (name + (" = " + value));
  }

  std::string text_;
};

class LoweredPoolOp : public XlaOpKernel {
 public:
  explicit LoweredPoolOp(OpKernelConstruction* context) : XlaOpKernel(context) {
    SpecAttributes attributes = ReadAttributes(context);
    OP_REQUIRES_OK(context, op_.Bind(type_string(), attributes));
    AttributeWriter writer;
    const std::string op = type_string().substr(type_string().find('>') + 1);
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
    const auto count = static_cast<size_t>(context->num_inputs());
    std::vector<xla::XlaOp> operands;
    std::vector<xla::Shape> operand_shapes;
    std::vector<std::vector<int64_t>> sizes(count);
    std::vector<KerasPoolingArray> arrays;
    std::vector<int64_t> values;
    xla::XlaOp batch;
    for (int i = 0; i < context->num_inputs(); ++i) {
      TF_ASSIGN_OR_RETURN(const xla::Shape shape, context->InputXlaShape(i));
      const auto dims = shape.dimensions();
      std::vector<int64_t>& own = sizes[static_cast<size_t>(i)];
      own.assign(dims.begin(), dims.end());
      arrays.push_back({TypeOf(context->input_type(i)),
                        static_cast<int32_t>(own.size()), own.data(), nullptr});
      if (i == ValuesInput() && own.size() == 1) {
        TF_RETURN_IF_ERROR(context->ConstantInputAsIntVector(i, &values));
        TF_RETURN_IF_ERROR(CheckKnown(values));
        arrays.back().type = KERAS_POOLING_INT64;
        arrays.back().data = values.data();
      }
      operands.push_back(context->Input(i));
      for (int64_t d = 0; d < static_cast<int64_t>(own.size()); ++d) {
        if (!shape.is_dynamic_dimension(static_cast<int>(d))) continue;
        // Of the batch XLA knows only a bound: all images of the bound are pooled.
        if (d != 0 || own.size() < 3) return UnknownSize(shape);
        if (i == 0) batch = xla::GetDimensionSize(operands.back(), d);
        operands.back() = xla::RemoveDynamicDimension(operands.back(), d);
      }
      operand_shapes.push_back(RowMajor(shape.element_type(), own));
    }
    const auto outputs = static_cast<size_t>(context->num_outputs());
    std::vector<KerasPoolingShape> shapes(outputs);
    TF_RETURN_IF_ERROR(
        StatusOf(KerasPoolingInfer(op_.get(), arrays.data(), context->num_inputs(),
                                   shapes.data(), context->num_outputs())));

    const auto call = [&](size_t some) {
      std::vector<xla::Shape> results;
      for (size_t i = 0; i < some; ++i) {
        const int64_t* const first = shapes[i].sizes;
        results.push_back(RowMajor(context->output_xla_type(static_cast<int>(i)),
                                   {first, first + shapes[i].rank}));
      }
      return xla::CustomCallWithLayout(
          context->builder(), kCallTarget, operands,
          some == 1 ? results[0] : xla::ShapeUtil::MakeTupleShape(results),
          operand_shapes, attributes_, /*has_side_effect=*/false,
          /*output_operand_aliasing=*/{}, /*literal=*/nullptr,
          xla::CustomCallSchedule::SCHEDULE_NONE,
          xla::CustomCallApiVersion::API_VERSION_TYPED_FFI);
    };
    const auto set_output = [&](int i, xla::XlaOp output) {
      context->SetOutput(
          i, batch.valid() ? xla::SetDimensionSize(output, batch, 0) : output);
    };
    if (outputs == 1) {
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

  // The input whose values decide a shape, so that they must be known; −1: there is
  // none.
  int ValuesInput() const {
    for (const char* const input : {"size", "draw"}) {
      int start = 0;
      int stop = 0;
      if (InputRange(input, &start, &stop).ok()) return start;
    }
    return -1;
  }

  // Here nothing is unknown, which a negative number would stand for.
  absl::Status CheckKnown(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) {
      if (value >= 0) continue;
      return absl::InvalidArgumentError(
          name() + ": sizes must not be negative. Received " + std::to_string(value));
    }
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

  NodeOp op_;
  std::string attributes_;
  bool taps_are_read_ = true;
};

// Not REGISTER_XLA_OP, whose list is read once: too early where a TensorFlow op ran
// before this library was loaded.
[[maybe_unused]] const bool are_registered =
    RegisterKernels<LoweredPoolOp>("XLA_CPU_JIT");

XLA_FFI_REGISTER_HANDLER(xla::ffi::GetXlaFfiApi(), kCallTarget, "Host",
                         KerasPoolingXlaHandler);

}  // namespace
}  // namespace keras_pooling
