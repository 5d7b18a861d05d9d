// How elements enter and leave vector lanes. Knows nothing of windows or reductions.
// Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_SIMD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_LANES_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_LANES_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_LANES_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/spec/element_types.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Which lanes of a vector exist in memory: all of them, or only the first few; and how
// they are written. Cached() are the same lanes, written through the caches;
// Count() tells how many of a vector's kLanes they are.
struct FirstLanes {
  size_t count;
  HWY_INLINE FirstLanes Cached() const { return *this; }
  template <size_t kLanes>
  HWY_INLINE int64_t Count() const {
    return static_cast<int64_t>(count);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadN(d, from, count);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::StoreN(v, d, to, count);
  }
};

struct AllLanes {
  // Written past the caches: for results far larger than they are. Addresses must be
  // aligned to the vector then, and lanes be whole vectors.
  bool streams = false;

  HWY_INLINE AllLanes Cached() const { return {}; }
  template <size_t kLanes>
  HWY_INLINE int64_t Count() const {
    return kLanes;
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadU(d, from);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    // Highway streams whole 16 bytes, also of a shorter vector.
    if constexpr (hn::MaxLanes(D()) * sizeof(hn::TFromD<D>) >= 16) {
      if (streams) return hn::Stream(v, d, to);
    }
    hn::StoreU(v, d, to);
  }
};

// Either of them, known when it runs: one code for both, where calculations are long.
struct AnyLanes {
  size_t count;
  bool streams = false;

  HWY_INLINE AnyLanes Cached() const { return {count, false}; }
  template <size_t kLanes>
  HWY_INLINE int64_t Count() const {
    return static_cast<int64_t>(count);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    // By masks even full vectors would take twice as long (AVX-512).
    return HWY_LIKELY(count == hn::MaxLanes(d)) ? hn::LoadU(d, from)
                                                : hn::LoadN(d, from, count);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    if (HWY_LIKELY(count == hn::MaxLanes(d))) {
      AllLanes{streams}.Store(v, d, to);
    } else {
      hn::StoreN(v, d, to, count);
    }
  }
};

// The type that holds the bits of T, or of T widened to 32 bits or more.
template <class T, bool kWide>
using BitsOf = std::conditional_t<
    std::is_floating_point_v<T>, T,
    std::conditional_t<!IsHalf<T>::value,
                       std::conditional_t<kWide && sizeof(T) < 4, int32_t, T>,
                       std::conditional_t<kWide, uint32_t, uint16_t>>>;

// Lanes that hold an element's own bits: nothing is ever rounded. With kWide they have
// at least 32 bits, room for a large tap index beside them.
template <class T, bool kWide>
struct BitLanes {
  using Lane = BitsOf<T, kWide>;
  using D = hn::ScalableTag<Lane>;
  using V = hn::Vec<D>;
  using Memory = BitsOf<T, false>;

  template <class Which>
  static HWY_INLINE V Load(Which lanes, const T* from) {
    const D d;
    const auto memory = reinterpret_cast<const Memory*>(from);
    if constexpr (sizeof(Lane) == sizeof(Memory)) {
      return lanes.Load(d, memory);
    } else {
      return hn::PromoteTo(d, lanes.Load(hn::Rebind<Memory, D>(), memory));
    }
  }

  template <class Which>
  static HWY_INLINE void Store(Which lanes, V v, T* to) {
    const D d;
    const auto memory = reinterpret_cast<Memory*>(to);
    if constexpr (sizeof(Lane) == sizeof(Memory)) {
      lanes.Store(v, d, memory);
    } else {
      using Unsigned = hwy::MakeUnsigned<Memory>;
      const hn::Rebind<Unsigned, D> narrow;
      lanes.Store(hn::TruncateTo(narrow, hn::BitCast(hn::RebindToUnsigned<D>(), v)),
                  narrow, reinterpret_cast<Unsigned*>(memory));
    }
  }
};

// float16 ↔ float32. Where the instruction set has none of its own, Highway's takes
// infinities and NaNs for large numbers: those are put right here, as F16C has them.
#undef KP_SOFT_FLOAT16
#if HWY_TARGET == HWY_SSE2
#define KP_SOFT_FLOAT16 true
#else
#define KP_SOFT_FLOAT16 false
#endif

template <class D, class V16>
HWY_INLINE hn::Vec<D> WidenFloat16(D d, V16 bits) {
  const hn::Rebind<hwy::float16_t, D> half;
  const auto wide = hn::PromoteTo(d, hn::BitCast(half, bits));
  if constexpr (!KP_SOFT_FLOAT16) return wide;
  const hn::RebindToUnsigned<D> du;
  const auto exponent = hn::Set(du, 0x7c00u);
  const auto is_special = hn::Eq(hn::And(hn::PromoteTo(du, bits), exponent), exponent);
  const auto special = hn::IfThenElseZero(is_special, hn::Set(du, 0x7f800000u));
  return hn::BitCast(d, hn::Or(hn::BitCast(du, wide), special));
}

template <class D, class D16 = hn::Rebind<uint16_t, D>>
HWY_INLINE hn::Vec<D16> NarrowFloat16(D d, hn::Vec<D> v) {
  const hn::Rebind<hwy::float16_t, D> half;
  const D16 bits;
  const auto narrow = hn::BitCast(bits, hn::DemoteTo(half, v));
  if constexpr (!KP_SOFT_FLOAT16) return narrow;
  const hn::RebindToUnsigned<D> du;
  const auto wide = hn::BitCast(du, v);
  const auto sign = hn::ShiftLeft<15>(hn::ShiftRight<31>(wide));
  const auto payload = hn::And(hn::ShiftRight<13>(wide), hn::Set(du, 0x3ffu));
  const auto nan = hn::Or3(sign, hn::Set(du, 0x7e00u), payload);
  const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
  (void)d;
  return hn::TruncateTo(bits, hn::IfThenElse(is_nan, nan, hn::PromoteTo(du, narrow)));
}

// Lanes to calculate in: halves as float32, rounded once, to nearest even, when stored.
template <class T>
struct MathLanes {
  using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;
  using D = hn::ScalableTag<Lane>;
  using V = hn::Vec<D>;

  template <class Which>
  static HWY_INLINE V Load(Which lanes, const T* from) {
    const D d;
    if constexpr (IsHalf<T>::value) {
      const hn::Rebind<uint16_t, D> d16;
      const auto bits = lanes.Load(d16, reinterpret_cast<const uint16_t*>(from));
      if constexpr (std::is_same_v<T, Float16>) return WidenFloat16(d, bits);
      return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::bfloat16_t, D>(), bits));
    } else {
      return lanes.Load(d, from);
    }
  }

  template <class Which>
  static HWY_INLINE void Store(Which lanes, V v, T* to) {
    const D d;
    if constexpr (IsHalf<T>::value) {
      const hn::Rebind<uint16_t, D> d16;
      const auto memory = reinterpret_cast<uint16_t*>(to);
      if constexpr (std::is_same_v<T, Float16>) {
        lanes.Store(NarrowFloat16(d, v), d16, memory);
      } else {
        const auto half = hn::DemoteTo(hn::Rebind<hwy::bfloat16_t, D>(), v);
        lanes.Store(hn::BitCast(d16, half), d16, memory);
      }
    } else {
      lanes.Store(v, d, to);
    }
  }
};

// Tap indices beside lanes of D, as unsigned integers of the same width.
template <class Tap, class D>
struct TapLanes {
  using DU = hn::RebindToUnsigned<D>;
  using V = hn::Vec<DU>;
  using Memory = hwy::MakeUnsigned<Tap>;
  static_assert(sizeof(hn::TFromD<DU>) >= sizeof(Tap), "a tap index needs room");

  static HWY_INLINE V Set(int64_t tap) {
    return hn::Set(DU(), static_cast<hn::TFromD<DU>>(tap));
  }

  template <class Which>
  static HWY_INLINE V Load(Which lanes, const Tap* from) {
    const DU du;
    const hn::Rebind<Memory, DU> narrow;
    const auto v = lanes.Load(narrow, reinterpret_cast<const Memory*>(from));
    constexpr size_t kRatio = sizeof(hn::TFromD<DU>) / sizeof(Memory);
    if constexpr (kRatio == 1) {
      return v;
    } else if constexpr (kRatio <= 4) {
      return hn::PromoteTo(du, v);
    } else {
      return hn::PromoteTo(du, hn::PromoteTo(hn::Rebind<uint32_t, DU>(), v));
    }
  }

  template <class Which>
  static HWY_INLINE void Store(Which lanes, V v, Tap* to) {
    const hn::Rebind<Memory, DU> narrow;
    if constexpr (sizeof(hn::TFromD<DU>) == sizeof(Memory)) {
      lanes.Store(v, narrow, reinterpret_cast<Memory*>(to));
    } else {
      lanes.Store(hn::TruncateTo(narrow, v), narrow, reinterpret_cast<Memory*>(to));
    }
  }
};

// Where taps are written to, beside lanes of D: indices of one byte, or where lanes
// have room for them, of any type that a call may have; nowhere, if it keeps none.
template <class D>
class TapMemory {
 public:
  TapMemory(void* taps, TapType type) : taps_(taps), type_(type) {}

  template <class Which>
  HWY_INLINE void Store(Which lanes, hn::Vec<hn::RebindToUnsigned<D>> v,
                        int64_t at) const {
    if (type_ == TapType::kUint8) StoreAs<uint8_t>(lanes, v, at);
    if constexpr (sizeof(hn::TFromD<D>) >= 4) {
      if (type_ == TapType::kInt32) StoreAs<int32_t>(lanes, v, at);
    }
  }

 private:
  template <class Tap, class Which>
  HWY_INLINE void StoreAs(Which lanes, hn::Vec<hn::RebindToUnsigned<D>> v,
                          int64_t at) const {
    TapLanes<Tap, D>::Store(lanes.Cached(), v, static_cast<Tap*>(taps_) + at);
  }

  void* taps_;
  TapType type_;
};

// Lanes of which a position has fewer than a vector.
struct NarrowLanes {
  // Copies `lanes` bytes at each of `count` positions; bytes up to `whole` become 0.
  static HWY_NOINLINE void Copy(const void* from, int64_t from_step, void* to,
                                int64_t to_step, int64_t count, int64_t lanes,
                                int64_t whole) {
    const hn::ScalableTag<uint8_t> d;
    const auto* in = static_cast<const uint8_t*>(from);
    auto* out = static_cast<uint8_t*>(to);
    for (int64_t i = 0; i < count; ++i, in += from_step, out += to_step) {
      hn::StoreN(hn::LoadN(d, in, static_cast<size_t>(lanes)), d, out,
                 static_cast<size_t>(whole));
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
