// The table of instruction sets: which are compiled in, by name, and the functions that
// each of them offers. Only here do names and namespaces meet.
#ifndef KERAS_POOLING_KERNELS_TARGETS_TARGETS_H_
#define KERAS_POOLING_KERNELS_TARGETS_TARGETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/reducers/operands.h"
#include "kernels/simd/highway_targets.h"
#include "hwy/detect_targets.h"
#include "kernels/simd/plane_row.h"
#include "kernels/walks/walk.h"

// x86-64 has three: the baseline (SSE2), AVX2 and AVX-512, unless a build leaves one
// out (KERAS_POOLING_TARGETS in CMakeLists.txt).
#if HWY_TARGETS & HWY_AVX3
#define KP_AVX512(X)                                                                \
  X(N_AVX3, "avx512",                                                               \
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&      \
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && \
        __builtin_cpu_supports("avx512cd"))
#else
#define KP_AVX512(X)
#endif
#if HWY_TARGETS & HWY_AVX2
#define KP_AVX2(X)                                                     \
  X(N_AVX2, "avx2",                                                    \
    __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && \
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c"))
#else
#define KP_AVX2(X)
#endif
#if defined(__x86_64__)
#define KP_TARGETS(X) KP_AVX512(X) KP_AVX2(X) X(N_SSE2, "baseline", true)
#elif defined(__aarch64__)
// Highway's name for what every aarch64 has.
#define KP_TARGETS(X) X(N_NEON_WITHOUT_AES, "neon", true)
#else
#define KP_TARGETS(X) X(N_EMU128, "baseline", true)
#endif

namespace keras_pooling {

// What one kernel is asked to do.
struct KernelRequest {
  Task task;
  Reduction reduction;
  ElementType type;
  TapType tap_type;
  Walk walk;
};

struct Target {
  const char* name;
  bool (*is_supported)();
  Kernel (*find_kernel)(const KernelRequest& request);
  MoveRowFn (*find_move)(int64_t element_size, bool pack, int64_t lanes);
};

// The instruction sets that this machine can run, best first, by name.
std::vector<std::string> SupportedTargets();

// The one in use: the best, unless KERAS_POOLING_TARGET or ForceTarget() names another.
// Null while KERAS_POOLING_TARGET names none of them; then TargetError() says so.
const Target* ActiveTarget();
std::string TargetError();

// For tests. Returns what is wrong, or "".
std::string ForceTarget(const std::string& name);

#define KP_DECLARE(Namespace, name, is_supported)                        \
  namespace Namespace {                                                  \
  Kernel FindKernel(const KernelRequest& request);                       \
  MoveRowFn FindMoveRow(int64_t element_size, bool pack, int64_t lanes); \
  }
KP_TARGETS(KP_DECLARE)
#undef KP_DECLARE

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_TARGETS_TARGETS_H_
