// The ops' names, types and shapes. Knows nothing of how they are computed.
//
// - SelectingPool (x, seed → y, taps): the output is one of the taps; max, stochastic.
// - SelectingPoolGrad (dy, taps, size → dx).
// - SelectingPoolPick (x, taps → y): that tap of another tensor; gradient of the
//   gradient.
// - BlendingPool (x → y): every tap has a share; avg, lp, expectation.
// - BlendingPoolGrad (dy, size, saved → dx).
// - TapIndices (taps, size → indices): flat, in the image's plane.
// - FractionalRegions (seed, (size, count, rows) → edges): of one axis.
//
// `size` holds the input's spatial sizes; batch and channels are dy's. `saved` is empty
// for avg, else x and y. `regions` is empty unless the geometry is: then it holds the
// edges of each axis.
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/pool_attributes.h"

namespace keras_pooling {
namespace {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

constexpr char kOp[] = "keras_pooling";

// The axis of a full shape that is the spec's spatial axis `i`.
int SpatialAxis(const PoolSpec& spec, int i) {
  return i + (spec.channels_first ? 2 : 1);
}

// The number of regions of spatial axis `i`: the edges are the op's last inputs.
absl::Status RegionCount(InferenceContext* c, const PoolSpec& spec, int i,
                         DimensionHandle* count) {
  int regions = 0;
  TF_RETURN_IF_ERROR(c->GetAttr("num_regions", &regions));
  if (regions != spec.rank()) {
    return Invalid(kOp, "regions need edges for each of " +
                            std::to_string(spec.rank()) + " axes. Received " +
                            std::to_string(regions));
  }
  ShapeHandle edges;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(c->num_inputs() - regions + i), 2, &edges));
  return c->Subtract(c->Dim(edges, 1), 1, count);
}

// The shape of the output for an input of shape `in`, of which any part may be unknown.
absl::Status OutputShape(InferenceContext* c, const PoolSpec& spec, ShapeHandle in,
                         ShapeHandle* out) {
  TF_RETURN_IF_ERROR(c->WithRank(in, spec.rank() + 2, &in));
  *out = in;
  for (int i = 0; i < spec.rank(); ++i) {
    const int axis = SpatialAxis(spec, i);
    DimensionHandle dim = c->UnknownDim();
    if (spec.geometry == Geometry::kRegions) {
      TF_RETURN_IF_ERROR(RegionCount(c, spec, i, &dim));
    } else if (c->ValueKnown(c->Dim(in, axis))) {
      int64_t size = 0;
      const std::string error = OutputSize(spec, i, c->Value(c->Dim(in, axis)), &size);
      if (!error.empty()) return Invalid(kOp, error);
      dim = c->MakeDim(size);
    } else if (spec.geometry == Geometry::kAdaptive &&
               spec.axes[static_cast<size_t>(i)].window > 0) {
      dim = c->MakeDim(spec.axes[static_cast<size_t>(i)].window);
    }
    TF_RETURN_IF_ERROR(c->ReplaceDim(*out, axis, dim, out));
  }
  return absl::OkStatus();
}

absl::Status PoolShape(InferenceContext* c) {
  PoolSpec spec;
  TF_RETURN_IF_ERROR(ReadSpec(c, kOp, &spec));
  ShapeHandle out;
  TF_RETURN_IF_ERROR(OutputShape(c, spec, c->input(0), &out));
  for (int i = 0; i < c->num_outputs(); ++i) c->set_output(i, out);
  return absl::OkStatus();
}

// For SelectingPoolPick(x, taps): y has the shape of the taps.
absl::Status PickShape(InferenceContext* c) {
  TF_RETURN_IF_ERROR(PoolShape(c));
  ShapeHandle merged;
  TF_RETURN_IF_ERROR(c->Merge(c->output(0), c->input(1), &merged));
  c->set_output(0, merged);
  return absl::OkStatus();
}

// For gradients (dy, …, size): dy's shape with the spatial sizes of `size`.
template <int kSizeInput>
absl::Status GradShape(InferenceContext* c) {
  PoolSpec spec;
  TF_RETURN_IF_ERROR(ReadSpec(c, kOp, &spec));
  ShapeHandle dy;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), spec.rank() + 2, &dy));
  if (kSizeInput == 2) TF_RETURN_IF_ERROR(c->Merge(dy, c->input(1), &dy));
  ShapeHandle size;
  TF_RETURN_IF_ERROR(c->MakeShapeFromShapeTensor(kSizeInput, &size));
  TF_RETURN_IF_ERROR(c->WithRank(size, spec.rank(), &size));
  ShapeHandle dx = dy;
  for (int i = 0; i < spec.rank(); ++i) {
    TF_RETURN_IF_ERROR(c->ReplaceDim(dx, SpatialAxis(spec, i), c->Dim(size, i), &dx));
  }
  c->set_output(0, dx);
  return absl::OkStatus();
}

// For FractionalRegions(seed, (size, count, rows)).
absl::Status EdgesShape(InferenceContext* c) {
  const tensorflow::Tensor* draw = c->input_tensor(1);
  if (draw == nullptr || draw->NumElements() != 3) {
    c->set_output(0, c->UnknownShapeOfRank(2));
    return absl::OkStatus();
  }
  const auto values = draw->flat<int64_t>();
  if (values(1) < 1 || values(2) < 0) return Invalid(kOp, "no regions to draw");
  c->set_output(0, c->MakeShape({values(2), values(1) + 1}));
  return absl::OkStatus();
}

absl::Status IndicesShape(InferenceContext* c) {
  c->set_output(0, c->input(0));
  return absl::OkStatus();
}

REGISTER_OP("KerasPooling>SelectingPool")
    .Input("x: T")
    .Input("seed: num_seeds * int64")
    .Input("regions: num_regions * int64")
    .Attr("num_seeds: int >= 0 = 0")
    .Attr("taps_are_read: bool = true")
    .Output("y: T")
    .Output("taps: Tap")
    .Attr("T: {half, bfloat16, float, double, int8, uint8, int16, int32, int64}")
    .Attr("Tap: {uint8, int32}")
    .Attr("reduction: string")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(PoolShape);

REGISTER_OP("KerasPooling>SelectingPoolGrad")
    .Input("dy: T")
    .Input("taps: Tap")
    .Input("size: int64")
    .Input("regions: num_regions * int64")
    .Output("dx: T")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("Tap: {uint8, int32}")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(GradShape<2>);

REGISTER_OP("KerasPooling>SelectingPoolPick")
    .Input("x: T")
    .Input("taps: Tap")
    .Input("regions: num_regions * int64")
    .Output("y: T")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("Tap: {uint8, int32}")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(PickShape);

REGISTER_OP("KerasPooling>BlendingPool")
    .Input("x: T")
    .Input("regions: num_regions * int64")
    .Attr("p_bits: int = 4611686018427387904")
    .Output("y: T")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("reduction: string")
    .Attr("count_include_pad: bool = false")
    .Attr("divisor_override: float = 0.0")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(PoolShape);

REGISTER_OP("KerasPooling>BlendingPoolGrad")
    .Input("dy: T")
    .Input("size: int64")
    .Input("saved: num_saved * T")
    .Input("regions: num_regions * int64")
    .Attr("num_saved: int >= 0 = 0")
    .Attr("p_bits: int = 4611686018427387904")
    .Output("dx: T")
    .Attr("T: {half, bfloat16, float, double}")
    .Attr("reduction: string")
    .Attr("count_include_pad: bool = false")
    .Attr("divisor_override: float = 0.0")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(GradShape<1>);

REGISTER_OP("KerasPooling>TapIndices")
    .Input("taps: Tap")
    .Input("size: int64")
    .Input("regions: num_regions * int64")
    .Output("indices: Index")
    .Attr("Tap: {uint8, int32}")
    .Attr("Index: {int32, int64}")
    .KP_WINDOW_ATTRIBUTES.SetShapeFn(IndicesShape);

REGISTER_OP("KerasPooling>FractionalRegions")
    .Input("seed: int64")
    .Input("draw: int64")
    .Output("edges: int64")
    .Attr("pseudo_random: bool = true")
    .Attr("axis: int = 0")
    .Attr("geometry: {'regions'} = 'regions'")
    .Attr("window: list(int) = [1]")
    .SetShapeFn(EdgesShape);

}  // namespace
}  // namespace keras_pooling
