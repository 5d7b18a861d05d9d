// The attributes that all pooling ops share, read in one place: shape functions and
// kernels get the same spec. Knows TensorFlow's attributes, not its kernels.
#ifndef KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_
#define KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_

#include <string>
#include <vector>

#include "kernels/pool_spec.h"
#include "tensorflow/core/framework/types.h"
#include "tensorflow/core/platform/errors.h"
#include "tensorflow/core/platform/status.h"

namespace keras_pooling {

// Attributes behind "reduction" of every op that has windows.
#define KP_WINDOW_ATTRIBUTES                                    \
  Attr("geometry: {'sliding', 'adaptive'} = 'sliding'")         \
      .Attr("window: list(int) >= 1")                           \
      .Attr("strides: list(int) = []")                          \
      .Attr("dilations: list(int) = []")                        \
      .Attr("padding: {'VALID', 'SAME', 'EXPLICIT'} = 'VALID'") \
      .Attr("pads: list(int) = []")                             \
      .Attr("ceil_mode: bool = false")                          \
      .Attr("channels_first: bool = false")

inline absl::Status Invalid(const std::string& op, const std::string& finding) {
  return absl::InvalidArgumentError(op + ": " + finding);
}

// `Context` is an OpKernelConstruction or an InferenceContext. Attributes that the op
// does not have keep their defaults.
template <class Context>
absl::Status ReadSpec(Context* context, const std::string& op, PoolSpec* spec) {
  SpecAttributes attributes;
  if (!context->GetAttr("reduction", &attributes.reduction).ok()) {
    attributes.reduction = "max";
  }
  TF_RETURN_IF_ERROR(context->GetAttr("geometry", &attributes.geometry));
  TF_RETURN_IF_ERROR(context->GetAttr("window", &attributes.window));
  TF_RETURN_IF_ERROR(context->GetAttr("strides", &attributes.strides));
  TF_RETURN_IF_ERROR(context->GetAttr("dilations", &attributes.dilations));
  TF_RETURN_IF_ERROR(context->GetAttr("padding", &attributes.padding));
  TF_RETURN_IF_ERROR(context->GetAttr("pads", &attributes.pads));
  TF_RETURN_IF_ERROR(context->GetAttr("ceil_mode", &attributes.ceil_mode));
  TF_RETURN_IF_ERROR(context->GetAttr("channels_first", &attributes.channels_first));
  if (!context->GetAttr("count_include_pad", &attributes.count_include_pad).ok()) {
    attributes.count_include_pad = false;
  }
  float divisor = 0.0f;
  if (context->GetAttr("divisor_override", &divisor).ok()) {
    attributes.divisor_override = static_cast<double>(divisor);
  }
  const std::string error = ParseSpec(attributes, spec);
  return error.empty() ? absl::OkStatus() : Invalid(op, error);
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_
