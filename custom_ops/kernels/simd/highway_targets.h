// The instruction sets that Highway compiles for: those of the table in targets.h. To
// be included before any Highway header.
#ifndef KERAS_POOLING_KERNELS_SIMD_HIGHWAY_TARGETS_H_
#define KERAS_POOLING_KERNELS_SIMD_HIGHWAY_TARGETS_H_

// What a build leaves out to be quick.
#if !defined(KERAS_POOLING_LEFT_OUT)
#define KERAS_POOLING_LEFT_OUT 0
#endif

// Three sets on x86-64; the ones between and beyond would add code, not speed. On
// aarch64 the baseline: it is the only set that every compiler has, whatever it takes
// for granted, and the next one adds encryption.
#define HWY_DISABLED_TARGETS                                                     \
  (KERAS_POOLING_LEFT_OUT | HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | \
   HWY_AVX3_SPR | HWY_AVX10_2 | HWY_NEON | HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 |  \
   HWY_SVE_256 | HWY_SVE2_128)

// Highway's own checks need a library that is not there.
#define HWY_IS_DEBUG_BUILD 0

#endif  // KERAS_POOLING_KERNELS_SIMD_HIGHWAY_TARGETS_H_
