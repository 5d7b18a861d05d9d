// The table of instruction sets: which are compiled in, by name, and the functions that
// each of them offers. Only here do names and namespaces meet.
#ifndef KERAS_POOLING_KERNELS_TARGETS_H_
#define KERAS_POOLING_KERNELS_TARGETS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"

// x86-64 has three: the baseline (SSE2), AVX2 and AVX-512. The build disables the
// others by HWY_DISABLED_TARGETS.
#if defined(__x86_64__)
#define KP_TARGETS(X)                                                               \
  X(N_AVX3, "avx512",                                                               \
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&      \
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && \
        __builtin_cpu_supports("avx512cd"))                                         \
  X(N_AVX2, "avx2",                                                                 \
    __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&              \
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c"))           \
  X(N_SSE2, "baseline", true)
#elif defined(__aarch64__)
#define KP_TARGETS(X) X(N_NEON, "neon", true)
#else
#define KP_TARGETS(X) X(N_EMU128, "baseline", true)
#endif

namespace keras_pooling {

// The ways to loop over windows.
enum class Walk {
  kReduce,          // every output reduces its window (reduce-inl.h)
  kSeparable,       // as kReduce, one axis at a time (separable-inl.h)
  kGather,          // every input gathers from the windows that read it (gather-inl.h)
  kDisjoint,        // every output writes its own taps (disjoint-inl.h)
  kScatter,         // every output adds to the tap that won (scatter-inl.h)
  kScatterColumns,  // the same of planes, where lanes are columns
  kAdjoint,         // a sum of gradients, as kSeparable (separable-inl.h)
};

// Visits the positions `box`, on the frame's lanes, with scratch memory to work in: as
// many bytes as the other function says.
using BlockFn = void (*)(const Plan& plan, const Operands& operands, const Frame& frame,
                         const Box& box, void* scratch);
using ScratchFn = int64_t (*)(const Plan& plan, const Box& box, int64_t lanes);

struct Kernel {
  BlockFn run = nullptr;
  BlockFn run_streamed = nullptr;  // writes past the caches; null where that has no use
  ScratchFn scratch_bytes = nullptr;  // null where none are needed
  int64_t lanes = 0;                  // of one vector
};

// What one kernel is asked to do.
struct KernelRequest {
  Task task;
  Reduction reduction;
  ElementType type;
  TapType tap_type;
  Walk walk;
};

// A row of `width` elements in each of `planes` planes ↔ `width` groups of `lanes`
// lanes in scratch memory. Lanes beyond `planes` repeat the last plane, and are dropped
// on the way back.
struct PlaneRow {
  int64_t plane_stride;
  int64_t planes;
  int64_t lanes;
  int64_t width;
  bool is_streamed;  // on the way back, past the caches
};
using MoveRowFn = void (*)(const PlaneRow& row, void* tensor, void* scratch);

// Copies past the caches.
using StreamFn = void (*)(const void* from, void* to, int64_t bytes);

struct Target {
  const char* name;
  bool (*is_supported)();
  Kernel (*find_kernel)(const KernelRequest& request);
  MoveRowFn (*find_move)(size_t element_size, bool pack, int64_t lanes);
  StreamFn stream;
};

// The active one; null while KERAS_POOLING_TARGET names none.
const Target* ActiveTargetEntry();

#define KP_DECLARE(Namespace, name, is_supported)                       \
  namespace Namespace {                                                 \
  Kernel FindKernel(const KernelRequest& request);                      \
  Kernel FindFloatKernel(const KernelRequest& request);                 \
  Kernel FindHalfKernel(const KernelRequest& request);                  \
  Kernel FindIntKernel(const KernelRequest& request);                   \
  MoveRowFn FindMoveRow(size_t element_size, bool pack, int64_t lanes); \
  void StreamBytes(const void* from, void* to, int64_t bytes);          \
  }
KP_TARGETS(KP_DECLARE)
#undef KP_DECLARE

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_TARGETS_H_
