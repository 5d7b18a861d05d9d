// Registers a kernel class for every op that the core has: its list is the only one.
#ifndef KERAS_POOLING_HOSTS_TENSORFLOW_REGISTER_KERNELS_H_
#define KERAS_POOLING_HOSTS_TENSORFLOW_REGISTER_KERNELS_H_

#include <sstream>
#include <string>

#include "hosts/c/keras_pooling.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace keras_pooling {

// What REGISTER_KERNEL_BUILDER does, at run time.
template <class Kernel>
bool RegisterKernels(const char* device) {
  std::istringstream names(KerasPoolingOps());
  for (std::string name; std::getline(names, name);) {
    const std::string node = "KerasPooling>" + name;
    const tensorflow::KernelDef* const definition =
        tensorflow::register_kernel::Name(node.c_str()).Device(device).Build();
    tensorflow::kernel_factory::OpKernelRegistrar(
        definition, node,
        [](tensorflow::OpKernelConstruction* context) -> tensorflow::OpKernel* {
          return new Kernel(context);
        });
  }
  return true;
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_HOSTS_TENSORFLOW_REGISTER_KERNELS_H_
