// The attributes that all pooling ops share, read in one place: shape functions and
// kernels get the same spec. Knows TensorFlow's attributes and types, not its kernels.
#ifndef KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_
#define KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_

#include <string>
#include <vector>

#include "kernels/op_shapes.h"
#include "tensorflow/core/framework/types.h"
#include "tensorflow/core/platform/errors.h"
#include "tensorflow/core/platform/status.h"

namespace keras_pooling {

// Attributes behind "reduction" of every op that has windows.
#define KP_WINDOW_ATTRIBUTES                                       \
  Attr("geometry: {'sliding', 'adaptive', 'regions'} = 'sliding'") \
      .Attr("window: list(int) >= 1")                              \
      .Attr("strides: list(int) = []")                             \
      .Attr("dilations: list(int) = []")                           \
      .Attr("padding: {'VALID', 'SAME', 'EXPLICIT'} = 'VALID'")    \
      .Attr("pads: list(int) = []")                                \
      .Attr("ceil_mode: bool = false")                             \
      .Attr("channels_first: bool = false")                        \
      .Attr("overlapping: bool = false")                           \
      .Attr("num_regions: int >= 0 = 0")

// The ops that have kernels, outside XLA and inside.
#define KP_OPS(X)        \
  X("SelectingPool")     \
  X("SelectingPoolGrad") \
  X("SelectingPoolPick") \
  X("BlendingPool")      \
  X("BlendingPoolGrad")  \
  X("TapIndices")        \
  X("FractionalRegions")

inline absl::Status Invalid(const std::string& op, const std::string& finding) {
  return absl::InvalidArgumentError(op + ": " + finding);
}

// `Context` is an OpKernelConstruction or an InferenceContext. Attributes that the op
// does not have keep their defaults.
template <class Context>
class AttributeReader {
 public:
  explicit AttributeReader(Context* context) : context_(context) {}

  template <class T>
  void operator()(const char* name, T* value) const {
    context_->GetAttr(name, value).IgnoreError();
  }
  void operator()(const char* name, double* value) const {
    float single = 0.0f;
    if (context_->GetAttr(name, &single).ok()) *value = static_cast<double>(single);
  }

 private:
  Context* context_;
};

template <class Context>
SpecAttributes ReadAttributes(Context* context) {
  SpecAttributes attributes;
  attributes.reduction = "max";
  ForEachAttribute(&attributes, AttributeReader<Context>(context));
  return attributes;
}

template <class Context>
absl::Status ReadSpec(Context* context, const std::string& op, PoolSpec* spec) {
  const std::string error = ParseSpec(ReadAttributes(context), spec);
  return error.empty() ? absl::OkStatus() : Invalid(op, error);
}

// The op that a node "KerasPooling>Name" is a call of; null if there is none.
inline const OpInfo* FindRegisteredOp(const std::string& type) {
  return FindOp(std::string_view(type).substr(type.find('>') + 1));
}

inline ElementType ElementTypeOf(tensorflow::DataType type) {
  switch (type) {
    case tensorflow::DT_HALF:
      return ElementType::kFloat16;
    case tensorflow::DT_BFLOAT16:
      return ElementType::kBFloat16;
    case tensorflow::DT_DOUBLE:
      return ElementType::kFloat64;
    case tensorflow::DT_INT8:
      return ElementType::kInt8;
    case tensorflow::DT_UINT8:
      return ElementType::kUint8;
    case tensorflow::DT_INT16:
      return ElementType::kInt16;
    case tensorflow::DT_INT32:
      return ElementType::kInt32;
    case tensorflow::DT_INT64:
      return ElementType::kInt64;
    default:
      return ElementType::kFloat32;
  }
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_TENSORFLOW_POOL_ATTRIBUTES_H_
