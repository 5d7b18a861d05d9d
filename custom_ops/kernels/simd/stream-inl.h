// Writing past the caches. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_SIMD_STREAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_STREAM_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_STREAM_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_STREAM_INL_H_
#endif

#include <cstring>

#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Copies `bytes` past the caches.
HWY_INLINE void Stream(const void* source, void* target, int64_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(decltype(d)()));
  const auto* const from = static_cast<const uint8_t*>(source);
  auto* const to = static_cast<uint8_t*>(target);
  const auto over = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) % kVector);
  const int64_t head = HWY_MIN((kVector - over) % kVector, bytes);
  std::memcpy(to, from, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + kVector <= bytes; i += kVector) {
    hn::Stream(hn::LoadU(d, from + i), d, to + i);
  }
  std::memcpy(to + i, from + i, static_cast<size_t>(bytes - i));
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
