// Random numbers in lanes: Philox4x32-10 (Salmon et al., Parallel Random Numbers: As
// Easy as 1, 2, 3, 2011). A number depends on the seed and its index alone. Included
// once per instruction set.
#if defined(KERAS_POOLING_KERNELS_RANDOM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_RANDOM_INL_H_
#undef KERAS_POOLING_KERNELS_RANDOM_INL_H_
#else
#define KERAS_POOLING_KERNELS_RANDOM_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first two of Philox's four words, for counters (index, 0) and the key `seed`.
template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE void Philox(DU du, const uint32_t (&seed)[2], VU index_low, VU index_high,
                       VU* word0, VU* word1) {
  const VU multiplier0 = hn::Set(du, 0xD2511F53u);
  const VU multiplier1 = hn::Set(du, 0xCD9E8D57u);
  VU c0 = index_low;
  VU c1 = index_high;
  VU c2 = hn::Zero(du);
  VU c3 = hn::Zero(du);
  uint32_t key0 = seed[0];
  uint32_t key1 = seed[1];
  for (int round = 0; round < 10; ++round) {
    const VU high0 = hn::MulHigh(c0, multiplier0);
    const VU high1 = hn::MulHigh(c2, multiplier1);
    const VU low0 = hn::Mul(c0, multiplier0);
    const VU low1 = hn::Mul(c2, multiplier1);
    c0 = hn::Xor3(high1, c1, hn::Set(du, key0));
    c1 = low1;
    c2 = hn::Xor3(high0, c3, hn::Set(du, key1));
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  *word0 = c0;
  *word1 = c1;
}

// Uniform in [0, 1), one number per lane; lane i has the index first + i · stride.
// As many bits as the type's significand holds.
template <class D>
HWY_INLINE hn::Vec<D> Uniform(D d, const uint32_t (&seed)[2], int64_t first,
                              int64_t stride) {
  constexpr size_t kLanes = hn::MaxLanes(d);
  const hn::Rebind<uint32_t, D> du32;
  HWY_ALIGN uint32_t low[kLanes];
  HWY_ALIGN uint32_t high[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    const int64_t index = first + static_cast<int64_t>(i) * stride;
    low[i] = static_cast<uint32_t>(index);
    high[i] = static_cast<uint32_t>(index >> 32);
  }
  auto word0 = hn::Zero(du32);
  auto word1 = hn::Zero(du32);
  Philox(du32, seed, hn::Load(du32, low), hn::Load(du32, high), &word0, &word1);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(di, hn::ShiftRight<8>(word0));
    return hn::Mul(hn::ConvertTo(d, bits), hn::Set(d, 0x1p-24f));
  } else {
    const hn::RebindToUnsigned<D> du64;
    const hn::RebindToSigned<D> di64;
    const auto bits = hn::Or(hn::ShiftLeft<32>(hn::PromoteTo(du64, word0)),
                             hn::PromoteTo(du64, word1));
    return hn::Mul(hn::ConvertTo(d, hn::BitCast(di64, hn::ShiftRight<11>(bits))),
                   hn::Set(d, 0x1p-53));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
