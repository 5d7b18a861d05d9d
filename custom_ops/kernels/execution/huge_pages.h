// Huge pages for large outputs. Hosts that take fresh memory for every output (JAX,
// PyTorch) have the system clear it page by page while it is first written, which can
// take longer than the pooling.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_HUGE_PAGES_H_
#define KERAS_POOLING_KERNELS_EXECUTION_HUGE_PAGES_H_

#include <cstdint>

namespace keras_pooling {

// Advises the system to use huge pages for what lies wholly inside these bytes. Small
// buffers, other systems than Linux, a refusal and KERAS_POOLING_HUGE_PAGES=0: nothing
// happens.
void AdviseHugePages(void* data, int64_t bytes);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_HUGE_PAGES_H_
