// How elements enter and leave vector lanes. Knows nothing of windows or reductions.
// Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_LANES_INL_H_
#undef KERAS_POOLING_KERNELS_LANES_INL_H_
#else
#define KERAS_POOLING_KERNELS_LANES_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/element_types.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Which lanes of a vector exist in memory: all of them, or only the first few.
struct AllLanes {
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadU(d, from);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::StoreU(v, d, to);
  }
};

struct FirstLanes {
  size_t count;
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* from) const {
    return hn::LoadN(d, from, count);
  }
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::StoreN(v, d, to, count);
  }
};

// All lanes, written past the caches: for results far larger than they are. Addresses
// must be aligned to the vector.
struct StreamedLanes : AllLanes {
  template <class D>
  HWY_INLINE void Store(hn::Vec<D> v, D d, hn::TFromD<D>* to) const {
    hn::Stream(v, d, to);
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

// Highway's name for a half, for its conversions.
template <class T>
using HighwayHalf =
    std::conditional_t<std::is_same_v<T, Float16>, hwy::float16_t, hwy::bfloat16_t>;

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
      const hn::Rebind<uint16_t, D> bits;
      const hn::Rebind<HighwayHalf<T>, D> half;
      return hn::PromoteTo(
          d,
          hn::BitCast(half, lanes.Load(bits, reinterpret_cast<const uint16_t*>(from))));
    } else {
      return lanes.Load(d, from);
    }
  }

  template <class Which>
  static HWY_INLINE void Store(Which lanes, V v, T* to) {
    if constexpr (IsHalf<T>::value) {
      const hn::Rebind<uint16_t, D> bits;
      const hn::Rebind<HighwayHalf<T>, D> half;
      lanes.Store(hn::BitCast(bits, hn::DemoteTo(half, v)), bits,
                  reinterpret_cast<uint16_t*>(to));
    } else {
      lanes.Store(v, D(), to);
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
    constexpr size_t kStep = sizeof(hn::TFromD<DU>) / sizeof(Memory);
    if constexpr (kStep == 1) {
      return v;
    } else if constexpr (kStep <= 4) {
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

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
