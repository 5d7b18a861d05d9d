#include "kernels/walks/sliding_rows.h"

#include <algorithm>
#include <cstring>

namespace keras_pooling {

SlidingRows::SlidingRows(int64_t depths, Range all, int64_t count, int64_t row_bytes,
                         void* memory)
    : depths_(depths),
      all_(all),
      count_(count),
      row_bytes_(row_bytes),
      memory_(static_cast<char*>(memory)) {
  Restart();
}

void SlidingRows::Restart() {
  std::memset(memory_, 0, static_cast<size_t>(depths_ * count_ * row_bytes_));
  first_ = all_.begin;
}

void SlidingRows::SlideTo(int64_t row) {
  const int64_t stay = std::max<int64_t>(first_ + count_ - row, 0);
  for (int64_t d = 0; d < depths_; ++d) {
    char* const to = memory_ + d * count_ * row_bytes_;
    std::memmove(to, to + (count_ - stay) * row_bytes_,
                 static_cast<size_t>(stay * row_bytes_));
    std::memset(to + stay * row_bytes_, 0,
                static_cast<size_t>((count_ - stay) * row_bytes_));
  }
  first_ = row;
}

}  // namespace keras_pooling
