// The ops' names and types for TensorFlow. Shapes come from the core, which alone knows
// them; how results are computed nobody knows here.
//
// - SelectingPool (x, seed → y, taps): the output is one of the taps; max, stochastic.
// - SelectingPoolGrad (dy, taps, size → dx).
// - SelectingPoolPick (x, taps → y): that tap of another tensor; gradient of the
//   gradient.
// - BlendingPool (x, parameter → y): every tap has a share; avg, lp, gem, soft, mixed,
//   median, expectation.
// - BlendingPoolGrad (dy, size, saved, parameter → dx).
// - BlendingPoolParameterGrad (x, parameter → derivatives of y by it).
// - TapIndices (taps, size → indices): flat, in the image's plane.
// - MaxUnpool (y, indices, size → x): values back at such indices, zeros elsewhere.
// - MaxUnpoolGrad (dx, indices → dy).
// - FractionalRegions (seed, (size, count, rows) → edges): of one axis.
//
// `size` holds the input's spatial sizes; batch and channels are dy's, or y's. Of the
// ops that know no windows, `window` says how many spatial axes. `saved` is empty
// for avg, x for soft, mixed and median, else x and y. `parameter` is empty but for
// gem, which learns p, soft, which learns β, and mixed, which learns α; P is T, or of
// halves float. `regions` is empty unless the geometry is: then it holds the edges of
// each axis.
#include "hosts/tensorflow/node_op.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace keras_pooling {
namespace {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

std::vector<int64_t> SizesOf(InferenceContext* c, ShapeHandle shape) {
  std::vector<int64_t> sizes;
  for (int i = 0; i < c->Rank(shape); ++i) sizes.push_back(c->Value(c->Dim(shape, i)));
  return sizes;
}

// The shapes of all outputs. Input `values_input` decides them by its values, as far as
// these are known; −1: none does.
absl::Status InferOutputs(InferenceContext* c, const char* name, int values_input) {
  NodeOp op;
  TF_RETURN_IF_ERROR(op.Bind(name, ReadAttributes(c)));
  const auto count = static_cast<size_t>(c->num_inputs());
  std::vector<std::vector<int64_t>> sizes(count);
  std::vector<KerasPoolingArray> arrays(count, {-1, -1, nullptr, nullptr});
  for (size_t i = 0; i < count; ++i) {
    const ShapeHandle shape = c->input(static_cast<int>(i));
    if (!c->RankKnown(shape)) continue;
    sizes[i] = SizesOf(c, shape);
    arrays[i].rank = c->Rank(shape);
    arrays[i].shape = sizes[i].data();
  }
  std::vector<int64_t> values;
  if (values_input >= 0) {
    ShapeHandle known;
    TF_RETURN_IF_ERROR(c->MakeShapeFromShapeTensor(values_input, &known));
    if (c->RankKnown(known)) {
      values = SizesOf(c, known);
      KerasPoolingArray& array = arrays[static_cast<size_t>(values_input)];
      array.type = KERAS_POOLING_INT64;
      array.data = values.data();
    }
  }
  std::vector<KerasPoolingShape> shapes(static_cast<size_t>(c->num_outputs()));
  TF_RETURN_IF_ERROR(StatusOf(KerasPoolingInfer(
      op.get(), arrays.data(), c->num_inputs(), shapes.data(), c->num_outputs())));
  for (int i = 0; i < c->num_outputs(); ++i) {
    const KerasPoolingShape& shape = shapes[static_cast<size_t>(i)];
    std::vector<DimensionHandle> dims;
    for (int d = 0; d < shape.rank; ++d) dims.push_back(c->MakeDim(shape.sizes[d]));
    c->set_output(i, c->MakeShape(dims));
  }
  return absl::OkStatus();
}

#define KP_SHAPES(name, values_input) \
  SetShapeFn([](InferenceContext* c) { return InferOutputs(c, name, values_input); })

// "reduction: {'max', 'stochastic'} = 'max'": the reductions of one kind, the first of
// which is the default.
std::string ReductionAttribute(const char* wanted) {
  std::string allowed;
  std::string first;
#define KP_REDUCTION(Name, name, kind, ...)                               \
  if (std::string(wanted) == #kind) {                                     \
    allowed += (allowed.empty() ? "'" : ", '") + std::string(name) + "'"; \
    if (first.empty()) first = name;                                      \
  }
#include "kernels/spec/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
  return "reduction: {" + allowed + "} = '" + first + "'";
}

// The attributes of every op but its reduction.
#define KP_REDUCTION_TEXT(name, value)
#define KP_TEXT(name, value) .Attr(#name ": string = '" value "'")
#define KP_INTS(name) .Attr(#name ": list(int) = []")
#define KP_FLAG(name, value) .Attr(#name ": bool = " #value)
#define KP_INT(name, value) .Attr(#name ": int = " #value)

REGISTER_OP("KerasPooling>SelectingPool")
    .Input("x: T")
    .Input("seed: num_seeds * int64")
    .Input("regions: num_regions * int64")
    .Output("y: T")
    .Output("taps: Tap")
    .Attr("num_seeds: int >= 0 = 0")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("taps_are_read: bool = true")
    .Attr("T: {half, bfloat16, float, double, int8, uint8, int16, int32, int64}")
    .Attr("Tap: {uint8, int32}")
    .Attr(ReductionAttribute("kSelects"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("SelectingPool", -1);

REGISTER_OP("KerasPooling>SelectingPoolGrad")
    .Input("dy: T")
    .Input("taps: Tap")
    .Input("size: int64")
    .Input("regions: num_regions * int64")
    .Output("dx: T")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("Tap: {uint8, int32}")
    .Attr(ReductionAttribute("kSelects"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("SelectingPoolGrad", 2);

REGISTER_OP("KerasPooling>SelectingPoolPick")
    .Input("x: T")
    .Input("taps: Tap")
    .Input("regions: num_regions * int64")
    .Output("y: T")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("Tap: {uint8, int32}")
    .Attr(ReductionAttribute("kSelects"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("SelectingPoolPick", -1);

REGISTER_OP("KerasPooling>BlendingPool")
    .Input("x: T")
    .Input("parameter: num_parameters * P")
    .Input("regions: num_regions * int64")
    .Output("y: T")
    .Attr("num_parameters: int >= 0 = 0")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("P: {float, double} = DT_FLOAT")
    .Attr(ReductionAttribute("kBlends"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("BlendingPool", -1);

REGISTER_OP("KerasPooling>BlendingPoolGrad")
    .Input("dy: T")
    .Input("size: int64")
    .Input("saved: num_saved * T")
    .Input("parameter: num_parameters * P")
    .Input("regions: num_regions * int64")
    .Output("dx: T")
    .Attr("num_saved: int >= 0 = 0")
    .Attr("num_parameters: int >= 0 = 0")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("P: {float, double} = DT_FLOAT")
    .Attr(ReductionAttribute("kBlends"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("BlendingPoolGrad", 1);

REGISTER_OP("KerasPooling>BlendingPoolParameterGrad")
    .Input("x: T")
    .Input("parameter: num_parameters * P")
    .Input("regions: num_regions * int64")
    .Output("gradient: P")
    .Attr("num_parameters: int >= 0 = 0")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("P: {float, double} = DT_FLOAT")
    .Attr(ReductionAttribute("kBlends"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("BlendingPoolParameterGrad", -1);

REGISTER_OP("KerasPooling>TapIndices")
    .Input("taps: Tap")
    .Input("size: int64")
    .Input("regions: num_regions * int64")
    .Output("indices: Index")
    .Attr("num_regions: int >= 0 = 0")
    .Attr("Tap: {uint8, int32}")
    .Attr("Index: {int32, int64}")
    .Attr(ReductionAttribute("kSelects"))
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
    .KP_SHAPES("TapIndices", 1);

REGISTER_OP("KerasPooling>MaxUnpool")
    .Input("y: T")
    .Input("indices: Index")
    .Input("size: int64")
    .Output("x: T")
    .Attr("T: {half, bfloat16, float, double, int8, uint8, int16, int32, int64}")
    .Attr("Index: {int32, int64}")
    .Attr("window: list(int)")
    .Attr("channels_first: bool = false")
    .KP_SHAPES("MaxUnpool", 2);

REGISTER_OP("KerasPooling>MaxUnpoolGrad")
    .Input("dx: T")
    .Input("indices: Index")
    .Output("dy: T")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("Index: {int32, int64}")
    .Attr("window: list(int)")
    .Attr("channels_first: bool = false")
    .KP_SHAPES("MaxUnpoolGrad", -1);

REGISTER_OP("KerasPooling>FractionalRegions")
    .Input("seed: int64")
    .Input("draw: int64")
    .Output("edges: int64")
    .Attr("pseudo_random: bool = true")
    .Attr("axis: int = 0")
    .KP_SHAPES("FractionalRegions", 1);

}  // namespace
}  // namespace keras_pooling
