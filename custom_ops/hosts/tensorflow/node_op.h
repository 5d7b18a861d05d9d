// An op of the core with the attributes of a TensorFlow node: what shape functions,
// kernels and the lowering share. Knows the C entry alone.
#ifndef KERAS_POOLING_HOSTS_TENSORFLOW_NODE_OP_H_
#define KERAS_POOLING_HOSTS_TENSORFLOW_NODE_OP_H_

#include <string>
#include <vector>

#include "hosts/c/attribute_list.h"
#include "hosts/c/keras_pooling.h"
#include "tensorflow/core/framework/types.h"
#include "tensorflow/core/platform/errors.h"
#include "tensorflow/core/platform/status.h"

namespace keras_pooling {

// The thread's last answer as TensorFlow's.
inline absl::Status StatusOf(KerasPoolingStatus status) {
  const char* const message = KerasPoolingMessage();
  switch (status) {
    case KERAS_POOLING_OK:
      return absl::OkStatus();
    case KERAS_POOLING_INVALID_ARGUMENT:
      return absl::InvalidArgumentError(message);
    case KERAS_POOLING_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(message);
    case KERAS_POOLING_INTERNAL:
      break;
  }
  return absl::InternalError(message);
}

// −1 for types that are not pooled.
inline int32_t TypeOf(tensorflow::DataType type) {
  switch (type) {
    case tensorflow::DT_HALF:
      return KERAS_POOLING_FLOAT16;
    case tensorflow::DT_BFLOAT16:
      return KERAS_POOLING_BFLOAT16;
    case tensorflow::DT_FLOAT:
      return KERAS_POOLING_FLOAT32;
    case tensorflow::DT_DOUBLE:
      return KERAS_POOLING_FLOAT64;
    case tensorflow::DT_INT8:
      return KERAS_POOLING_INT8;
    case tensorflow::DT_UINT8:
      return KERAS_POOLING_UINT8;
    case tensorflow::DT_INT16:
      return KERAS_POOLING_INT16;
    case tensorflow::DT_INT32:
      return KERAS_POOLING_INT32;
    case tensorflow::DT_INT64:
      return KERAS_POOLING_INT64;
    default:
      return -1;
  }
}

// `Context` is an OpKernelConstruction or an InferenceContext.
template <class Context>
class AttributeReader {
 public:
  explicit AttributeReader(Context* context) : context_(context) {}

  template <class T>
  void operator()(const char* name, T* value) const {
    context_->GetAttr(name, value).IgnoreError();
  }

 private:
  Context* context_;
};

template <class Context>
SpecAttributes ReadAttributes(Context* context) {
  SpecAttributes attributes;
  ForEachAttribute(&attributes, AttributeReader<Context>(context));
  return attributes;
}

class NodeOp {
 public:
  NodeOp() = default;
  ~NodeOp() { KerasPoolingRelease(op_); }
  NodeOp(const NodeOp&) = delete;
  NodeOp& operator=(const NodeOp&) = delete;

  absl::Status Bind(const std::string& name, SpecAttributes attributes) {
    const AttributeList list(&attributes);
    return StatusOf(KerasPoolingBind(name.c_str(), list.data(), list.size(), &op_));
  }

  const KerasPoolingOp* get() const { return op_; }

 private:
  KerasPoolingOp* op_ = nullptr;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_HOSTS_TENSORFLOW_NODE_OP_H_
