// Element types for tests: what each value means, and values worth testing. Converts
// halves by exact arithmetic, as the kernels do not.
#ifndef KERAS_POOLING_TESTS_ELEMENTS_H_
#define KERAS_POOLING_TESTS_ELEMENTS_H_

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/spec/element_types.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling::tests {

template <class T>
struct Info;  // kType, kName; for floats kBits (precision), kLeastExponent

#define KP_INTEGER(T, Name)                                    \
  template <>                                                  \
  struct Info<T> {                                             \
    static constexpr ElementType kType = ElementType::k##Name; \
    static constexpr const char* kName = #Name;                \
    static constexpr bool kFloating = false;                   \
  };
#define KP_FLOATING(T, UnsignedOfT, Name, bits, least_exponent) \
  template <>                                                   \
  struct Info<T> {                                              \
    using Unsigned = UnsignedOfT;                               \
    static constexpr ElementType kType = ElementType::k##Name;  \
    static constexpr const char* kName = #Name;                 \
    static constexpr bool kFloating = true;                     \
    static constexpr int kBits = bits;                          \
    static constexpr int kLeastExponent = least_exponent;       \
  };
KP_INTEGER(int8_t, Int8)
KP_INTEGER(uint8_t, Uint8)
KP_INTEGER(int16_t, Int16)
KP_INTEGER(int32_t, Int32)
KP_INTEGER(int64_t, Int64)
KP_FLOATING(Float16, uint16_t, Float16, 11, -14)
KP_FLOATING(BFloat16, uint16_t, BFloat16, 8, -126)
KP_FLOATING(float, uint32_t, Float32, 24, -126)
KP_FLOATING(double, uint64_t, Float64, 53, -1022)
#undef KP_INTEGER
#undef KP_FLOATING

template <class T>
struct Tag {
  using Type = T;
};

template <class Fn>
void ForEachFloat(const Fn& fn) {
  fn(Tag<float>()), fn(Tag<double>()), fn(Tag<Float16>()), fn(Tag<BFloat16>());
}

template <class Fn>
void ForEachType(const Fn& fn) {
  ForEachFloat(fn);
  fn(Tag<int8_t>()), fn(Tag<uint8_t>()), fn(Tag<int16_t>()), fn(Tag<int32_t>());
  fn(Tag<int64_t>());
}

template <class To, class From>
To BitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

// The value, exactly.
template <class T>
auto ValueOf(T x) {
  if constexpr (IsHalf<T>::value) {
    constexpr int kFraction = Info<T>::kBits - 1;
    const int magnitude = x.bits & 0x7fff;
    const double sign = x.bits == magnitude ? 1.0 : -1.0;
    if (magnitude > kHalfInfinity<T>) return std::numeric_limits<double>::quiet_NaN();
    if (magnitude == kHalfInfinity<T>) {
      return sign * std::numeric_limits<double>::infinity();
    }
    const int exponent = magnitude >> kFraction;
    const int fraction = magnitude - (exponent << kFraction);
    const int integer = exponent == 0 ? fraction : fraction + (1 << kFraction);
    return sign * std::ldexp(integer, (exponent == 0 ? 0 : exponent - 1) +
                                          Info<T>::kLeastExponent - kFraction);
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(x);
  } else {
    return static_cast<int64_t>(x);
  }
}

// To the nearest half, of two the even one.
template <class T>
T RoundTo(double value) {
  if constexpr (!IsHalf<T>::value) {
    return static_cast<T>(value);
  } else {
    constexpr int kFraction = Info<T>::kBits - 1;
    const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
    if (std::isnan(value)) return {static_cast<uint16_t>(sign | 0x7fff)};
    int exponent = Info<T>::kLeastExponent;
    if (std::isfinite(value) && value != 0) std::frexp(value, &exponent);
    const int scale = std::max(exponent - 1, Info<T>::kLeastExponent);
    const double units =
        std::nearbyint(std::ldexp(std::fabs(value), kFraction - scale));
    // The leading bit of `units`, if it is there, counts the exponent up by one.
    const double bits = std::ldexp(scale - Info<T>::kLeastExponent, kFraction) + units;
    const double most = kHalfInfinity<T>;
    return {static_cast<uint16_t>(sign | static_cast<int>(std::min(bits, most)))};
  }
}

template <class T>
bool IsNan(T x) {
  const auto value = ValueOf(x);
  return value != value;
}

// Whether `x` takes the place of `best`, which came before it.
template <class T>
bool Beats(T x, T best) {
  return !IsNan(best) && (IsNan(x) || ValueOf(x) > ValueOf(best));
}

// Digits that show any size.
inline std::string ShortText(long double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.10Lg", value);
  return text;
}

// Ordinary numbers; few numbers, so that many tie; numbers with something special
// about them; none but the lowest.
enum class Values { kOrdinary, kTies, kSpecial, kLowest };

template <class T>
T RandomSpecial(std::mt19937_64& random) {
  if constexpr (Info<T>::kFloating) {
    using Bits = typename Info<T>::Unsigned;
    constexpr int kFraction = Info<T>::kBits - 1;
    constexpr auto kOne = Bits{1};
    const auto sign = static_cast<Bits>((random() & 1) << (8 * sizeof(T) - 1));
    const auto fraction =
        static_cast<Bits>(random() & ((uint64_t{1} << kFraction) - 1));
    const Bits infinity = BitCast<Bits>(RoundTo<T>(HUGE_VAL));
    switch (random() % 8) {
      case 0:  // NaNs, quiet or not
        return BitCast<T>(static_cast<Bits>(sign | infinity | fraction | kOne));
      case 1:
        return BitCast<T>(static_cast<Bits>(sign | infinity));
      case 2:
      case 3:
        return BitCast<T>(static_cast<Bits>(sign | fraction));  // subnormal
      default:
        return BitCast<T>(sign);  // ±0
    }
  } else {
    const T special[] = {std::numeric_limits<T>::lowest(), 0, 1, static_cast<T>(-1),
                         std::numeric_limits<T>::max()};
    return special[random() % 5];
  }
}

template <class T>
std::vector<T> RandomValues(Values values, int64_t count, std::mt19937_64& random) {
  const auto one = [&]() -> T {
    if (values == Values::kSpecial && random() % 4 != 0)
      return RandomSpecial<T>(random);
    const auto few = static_cast<int>(random() % 4);
    if constexpr (Info<T>::kFloating) {
      if (values == Values::kLowest) return RoundTo<T>(-HUGE_VAL);
      if (values == Values::kTies) return RoundTo<T>(few - 1.0);
      return RoundTo<T>((static_cast<double>(random() % 4001) - 2000) / 77);
    } else {
      if (values == Values::kLowest) return std::numeric_limits<T>::lowest();
      if (values == Values::kTies) return static_cast<T>(few - 1);
      return static_cast<T>(random());
    }
  };
  std::vector<T> all;
  for (int64_t i = 0; i < count; ++i) all.push_back(one());
  return all;
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_ELEMENTS_H_
