// A tensor, and what became of a call, as every host hands them over.
#ifndef KERAS_POOLING_KERNELS_OPS_ARRAY_H_
#define KERAS_POOLING_KERNELS_OPS_ARRAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/spec/element_types.h"

namespace keras_pooling {

using Shape = std::vector<int64_t>;  // kUnknown where a size is not known yet

struct Array {
  ElementType type = ElementType::kFloat32;
  Shape shape;
  void* data = nullptr;   // where shapes are inferred: null if not known yet
  bool has_shape = true;  // false where not even the rank is known
  bool has_type = true;
};

enum class Code { kOk, kInvalidArgument, kOutOfMemory, kInternal };

struct Status {
  Code code = Code::kOk;
  std::string message;

  bool ok() const { return code == Code::kOk; }
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_ARRAY_H_
