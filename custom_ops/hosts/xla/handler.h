// The XLA custom call that every op becomes: its names, and the function behind it.
#ifndef KERAS_POOLING_HOSTS_XLA_HANDLER_H_
#define KERAS_POOLING_HOSTS_XLA_HANDLER_H_

#include "xla/ffi/api/c_api.h"

namespace keras_pooling {

// The custom call's target. The op's own attributes are the call's too, and besides
// them the op's name.
constexpr char kCallTarget[] = "keras_pooling";
constexpr char kOpAttribute[] = "op";

}  // namespace keras_pooling

extern "C" XLA_FFI_Error* KerasPoolingXlaHandler(XLA_FFI_CallFrame* call_frame);

#endif  // KERAS_POOLING_HOSTS_XLA_HANDLER_H_
