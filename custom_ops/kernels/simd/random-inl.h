// Random numbers in lanes, by Philox. A number depends on the seed and its index alone.
// Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_SIMD_RANDOM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_RANDOM_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_RANDOM_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_RANDOM_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "kernels/spec/philox.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first two of Philox's four words, for counters (index, 0) and the key `seed`, one
// counter in each 64-bit lane of `kCount` vectors. The upper halves of the words' lanes
// hold anything. Every step of a counter waits for the one before, so that vectors take
// each together.
template <int kCount, class D64, class V64 = hn::Vec<D64>>
HWY_INLINE void Philox(D64 du64, const uint32_t (&seed)[2], const V64 (&index)[kCount],
                       V64 (&word0)[kCount], V64 (&word1)[kCount]) {
  const hn::RepartitionToNarrow<D64> du32;
  const auto multiplier0 = hn::Set(du32, kPhiloxMultipliers[0]);
  const auto multiplier1 = hn::Set(du32, kPhiloxMultipliers[1]);
  V64 word2[kCount];
  V64 word3[kCount];
  for (int i = 0; i < kCount; ++i) {
    word0[i] = index[i];
    word1[i] = hn::ShiftRight<32>(index[i]);
    word2[i] = word3[i] = hn::Zero(du64);
  }
  uint32_t key0 = seed[0];
  uint32_t key1 = seed[1];
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const V64 round_key0 = hn::Set(du64, uint64_t{key0});
    const V64 round_key1 = hn::Set(du64, uint64_t{key1});
    for (int i = 0; i < kCount; ++i) {
      const V64 product0 = hn::MulEven(hn::BitCast(du32, word0[i]), multiplier0);
      const V64 product1 = hn::MulEven(hn::BitCast(du32, word2[i]), multiplier1);
      word0[i] = hn::Xor3(hn::ShiftRight<32>(product1), word1[i], round_key0);
      word1[i] = product1;
      word2[i] = hn::Xor3(hn::ShiftRight<32>(product0), word3[i], round_key1);
      word3[i] = product0;
    }
    key0 += kPhiloxKeySteps[0];
    key1 += kPhiloxKeySteps[1];
  }
}

// first, first + stride, …
template <class D64>
HWY_INLINE hn::Vec<D64> Indices(D64 du64, int64_t first, int64_t stride) {
  const auto steps = hn::Iota(du64, 0);
  return hn::Add(hn::Set(du64, static_cast<uint64_t>(first)),
                 hn::Mul(steps, hn::Set(du64, static_cast<uint64_t>(stride))));
}

// Uniform in [0, 1), one number per lane; lane i has the index first + i · stride.
// As many bits as the type's significand holds.
template <class D>
HWY_INLINE hn::Vec<D> Uniform(D d, const uint32_t (&seed)[2], int64_t first,
                              int64_t stride) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    // Even lanes and odd lanes apart.
    const hn::RebindToUnsigned<D> du32;
    const hn::RepartitionToWide<decltype(du32)> du64;
    const auto even = Indices(du64, first, 2 * stride);
    const hn::Vec<decltype(du64)> index[] = {
        even, hn::Add(even, hn::Set(du64, static_cast<uint64_t>(stride)))};
    hn::Vec<decltype(du64)> word[2];
    hn::Vec<decltype(du64)> rest[2];
    Philox<2>(du64, seed, index, word, rest);
    const auto words = hn::OddEven(hn::BitCast(du32, hn::ShiftLeft<32>(word[1])),
                                   hn::BitCast(du32, word[0]));
    const hn::RebindToSigned<D> di;
    return hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(words))),
                   hn::Set(d, 0x1p-24f));
  } else {
    const hn::RebindToUnsigned<D> du64;
    const hn::RebindToSigned<D> di64;
    const hn::Vec<decltype(du64)> index[] = {Indices(du64, first, stride)};
    hn::Vec<decltype(du64)> high[1];
    hn::Vec<decltype(du64)> low[1];
    Philox<1>(du64, seed, index, high, low);
    const auto bits = hn::Or(hn::ShiftLeft<32>(high[0]),
                             hn::And(low[0], hn::Set(du64, uint64_t{0xffffffff})));
    return hn::Mul(hn::ConvertTo(d, hn::BitCast(di64, hn::ShiftRight<11>(bits))),
                   hn::Set(d, 0x1p-53));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
