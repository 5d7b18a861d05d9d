// Planes to lanes and back: how channels_first tensors meet walks whose lanes are
// neighbours. A tile of several planes is transposed into scratch memory that stays in
// cache; nothing else in the kernels knows the layout. Included once per instruction
// set.
#if defined(KERAS_POOLING_KERNELS_SIMD_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_SIMD_TRANSPOSE_INL_H_
#undef KERAS_POOLING_KERNELS_SIMD_TRANSPOSE_INL_H_
#else
#define KERAS_POOLING_KERNELS_SIMD_TRANSPOSE_INL_H_
#endif

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/simd/plane_row.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Squares of U, of at most kMost lanes, that transpose within registers.
template <class U, size_t kMost>
struct Square {
  using D = hn::CappedTag<U, kMost>;
  static constexpr int kSize = static_cast<int>(hn::MaxLanes(D()));

  // Each round interleaves row i with row i + n/2; log2 n rounds exchange rows and
  // columns.
  static HWY_INLINE void Transpose(hn::Vec<D>* rows) {
    const D d;
    for (int round = 1; round < kSize; round *= 2) {
      hn::Vec<D> next[kSize];
      for (int i = 0; i < kSize / 2; ++i) {
        next[2 * i] = hn::InterleaveWholeLower(d, rows[i], rows[i + kSize / 2]);
        next[2 * i + 1] = hn::InterleaveWholeUpper(d, rows[i], rows[i + kSize / 2]);
      }
      for (int i = 0; i < kSize; ++i) rows[i] = next[i];
    }
  }
};

template <class U, size_t kMost>
void PackRow(const PlaneRow& row, void* tensor, void* scratch) {
  const auto from = static_cast<const U*>(tensor);
  using B = Square<U, kMost>;
  const typename B::D d;
  constexpr int kSize = B::kSize;
  // Memory does not keep track of so many planes by itself: it is told what is next.
  constexpr int64_t kAhead = 512 / sizeof(U);
  const int64_t lanes = row.lanes;
  const int64_t width = row.width;
  for (int64_t lane = 0; lane < lanes; lane += kSize) {
    const U* planes[kSize];
    for (int i = 0; i < kSize; ++i) {
      planes[i] = from + HWY_MIN(lane + i, row.planes - 1) * row.plane_stride;
    }
    U* to = static_cast<U*>(scratch) + lane;
    int64_t w = 0;
    hn::Vec<typename B::D> v[kSize];
    for (; w + kSize <= width; w += kSize) {
      for (int i = 0; i < kSize; ++i) {
        hwy::Prefetch(planes[i] + w + kAhead);
        v[i] = hn::LoadU(d, planes[i] + w);
      }
      B::Transpose(v);
      for (int i = 0; i < kSize; ++i, to += lanes) hn::StoreU(v[i], d, to);
    }
    if (w == width) continue;
    for (int i = 0; i < kSize; ++i) {
      v[i] = hn::LoadN(d, planes[i] + w, static_cast<size_t>(width - w));
    }
    B::Transpose(v);
    for (int i = 0; i < width - w; ++i, to += lanes) hn::StoreU(v[i], d, to);
  }
}

template <class U, size_t kMost>
void UnpackRow(const PlaneRow& row, void* tensor, void* scratch) {
  const auto from = static_cast<const U*>(scratch);
  const auto to = static_cast<U*>(tensor);
  using B = Square<U, kMost>;
  const typename B::D d;
  constexpr int kSize = B::kSize;
  const auto place = [&](const U* at) { return reinterpret_cast<uintptr_t>(at) % 64; };
  const bool streams = row.is_streamed && kSize * sizeof(U) >= 16 && place(to) == 0 &&
                       place(to + row.plane_stride) == 0;
  for (int64_t lane = 0; lane < row.planes; lane += kSize) {
    for (int64_t w = 0; w < row.width; w += kSize) {
      const int64_t count = HWY_MIN(row.width - w, int64_t{kSize});
      const U* const group = from + w * row.lanes + lane;
      hn::Vec<typename B::D> v[kSize];
      for (int i = 0; i < kSize; ++i) {
        v[i] = hn::LoadU(d, group + HWY_MIN(int64_t{i}, count - 1) * row.lanes);
      }
      B::Transpose(v);
      for (int i = 0; i < kSize; ++i) {
        if (lane + i >= row.planes) break;
        U* const plane = to + (lane + i) * row.plane_stride + w;
        if (count == kSize && streams) {
          hn::Stream(v[i], d, plane);
        } else if (count == kSize) {
          hn::StoreU(v[i], d, plane);
        } else {
          hn::StoreN(v[i], d, plane, static_cast<size_t>(count));
        }
      }
    }
  }
}

template <class U>
MoveRowFn FindMove(bool pack, int64_t lanes) {
  // A square must divide the group of lanes, a power of two.
  switch (lanes) {
    case 2:
      return pack ? &PackRow<U, 2> : &UnpackRow<U, 2>;
    case 4:
      return pack ? &PackRow<U, 4> : &UnpackRow<U, 4>;
    case 8:
      return pack ? &PackRow<U, 8> : &UnpackRow<U, 8>;
    default:
      return pack ? &PackRow<U, 16> : &UnpackRow<U, 16>;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
