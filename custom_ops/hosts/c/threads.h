// A small pool of the core's own threads, for hosts that lend none.
#ifndef KERAS_POOLING_HOSTS_C_THREADS_H_
#define KERAS_POOLING_HOSTS_C_THREADS_H_

#include "kernels/execution/parallel.h"

namespace keras_pooling {

// Threads start at the first call that needs them. Callers on several threads share
// them. After a fork the child starts new ones.
const Parallel& OwnThreads();

// 0: as many as there are processors.
void SetOwnThreads(int threads);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_HOSTS_C_THREADS_H_
