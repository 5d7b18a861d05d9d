// Rows of memory that come and go while a walk moves down: where each of them is. Knows
// nothing of what they hold, but that it begins as zeros. Plain integers: no SIMD.
#ifndef KERAS_POOLING_KERNELS_WALKS_SLIDING_ROWS_H_
#define KERAS_POOLING_KERNELS_WALKS_SLIDING_ROWS_H_

#include <cstdint>

#include "kernels/spec/axis.h"

namespace keras_pooling {

// Rows `all` of some depths, of which memory holds `count` at a time, of every depth
// the same: first row, first row + 1, … At first it holds the first ones. A row that it
// has let go must not be asked for again.
class SlidingRows {
 public:
  SlidingRows(int64_t depths, Range all, int64_t count, int64_t row_bytes,
              void* memory);

  int64_t count() const { return count_; }
  // Those that memory holds now.
  Range held() const { return {first_, first_ + count_}; }
  bool hold_all() const { return count_ >= all_.size(); }

  // Holds the first rows again, all zeros.
  void Restart();
  // Lets rows before `row` go. The others stay, at another place, and rows behind them
  // come, all zeros.
  void SlideTo(int64_t row);

 private:
  int64_t depths_;
  Range all_;
  int64_t count_;
  int64_t row_bytes_;
  int64_t first_;
  char* memory_;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_WALKS_SLIDING_ROWS_H_
