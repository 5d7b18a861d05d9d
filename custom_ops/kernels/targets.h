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

// The ways to loop over windows; see walk-inl.h.
enum class Walk {
  kReduce,     // every output reduces its window
  kGather,     // every input gathers from the windows that read it
  kDisjoint,   // every output writes its own taps
  kSeparable,  // as kReduce, one axis at a time (separable-inl.h)
};

// Visits the positions `row` of the row (d, h), on the frame's lanes.
using RowFn = void (*)(const Plan& plan, const Operands& operands, const Frame& frame,
                       int64_t d, int64_t h, Range row);

// Visits the outputs rows × columns of depth d, with scratch memory to work in: as many
// bytes as the other function says for a number of input rows, columns and lanes.
using BlockFn = void (*)(const Plan& plan, const Operands& operands, const Frame& frame,
                         int64_t d, Range rows, Range columns, void* scratch);
using BlockScratchFn = int64_t (*)(int64_t rows, int64_t columns, int64_t lanes);

struct RowKernel {
  RowFn row = nullptr;
  RowFn streamed_row = nullptr;  // writes past the caches; null where that has no use
  // Several rows at a time, one axis after the other; null where the reduction cannot.
  BlockFn block = nullptr;
  BlockScratchFn block_scratch = nullptr;
  int64_t lanes = 0;  // of one vector
};

// What one row kernel is asked to do.
struct RowRequest {
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
};
using MoveRowFn = void (*)(const PlaneRow& row, void* tensor, void* scratch);

struct Target {
  const char* name;
  bool (*is_supported)();
  RowKernel (*find_row)(const RowRequest& request);
  MoveRowFn (*find_move)(size_t element_size, bool pack, int64_t lanes);
};

// The active one; null while KERAS_POOLING_TARGET names none.
const Target* ActiveTargetEntry();

#define KP_DECLARE(Namespace, name, is_supported)                       \
  namespace Namespace {                                                 \
  RowKernel FindRow(const RowRequest& request);                         \
  RowKernel FindFloatRow(const RowRequest& request);                    \
  RowKernel FindHalfRow(const RowRequest& request);                     \
  RowKernel FindIntRow(const RowRequest& request);                      \
  MoveRowFn FindMoveRow(size_t element_size, bool pack, int64_t lanes); \
  }
KP_TARGETS(KP_DECLARE)
#undef KP_DECLARE

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_TARGETS_H_
