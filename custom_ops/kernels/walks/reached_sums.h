// What windows reach that read a box of inputs, and the sums of it in scratch memory:
// where each of them lies, and which rows are held. Plain integers: no SIMD, and no
// type of sums.
#ifndef KERAS_POOLING_KERNELS_WALKS_REACHED_SUMS_H_
#define KERAS_POOLING_KERNELS_WALKS_REACHED_SUMS_H_

#include <cstdint>

#include "kernels/walks/sliding_rows.h"
#include "kernels/walks/walk.h"

namespace keras_pooling {

// Where along one axis the windows reach that read `inputs`. Their taps are neighbours.
class Reach {
 public:
  Reach(const Axis& axis, Range inputs);

  // Windows of one size count as whole wherever they lie.
  int64_t Start(int64_t o) const { return axis_.start(o); }
  int64_t Taps(int64_t o) const {
    return axis_.is_uniform() ? axis_.max_taps() : axis_.span(o).count;
  }
  Range outputs() const { return outputs_; }
  Range reached() const { return reached_; }
  int64_t size() const { return reached_.size(); }

 private:
  const Axis& axis_;
  Range outputs_;
  Range reached_;
};

// The sums of a box of inputs and of what its windows reach beyond. Where windows are
// not deep, only of those rows that the next windows reach: rows before them are stored
// and let go. Offsets are in sums, each of `sum_bytes`.
class ReachedSums {
 public:
  static int64_t Bytes(const Plan& plan, const Box& box, int64_t lanes,
                       int64_t sum_bytes);
  ReachedSums(const Plan& plan, const Box& box, int64_t lanes, int64_t sum_bytes,
              void* scratch);

  Range outputs(int i) const { return reach_[i].outputs(); }
  int64_t Taps(int i, int64_t o) const { return reach_[i].Taps(o); }
  void* sums() const { return sums_; }

  // The sum of a position, of the first tap of a row's windows were they at column 0,
  // and how far from there window w's is.
  int64_t Of(int64_t d, int64_t h, int64_t w) const { return strides_.At(d, h, w); }
  int64_t RowAt(int64_t d, int64_t h) const {
    return Of(reach_[0].Start(d), reach_[1].Start(h), 0);
  }
  int64_t ColumnAt(int64_t w) const { return reach_[2].Start(w) * strides_.stride[2]; }

  // Begins anew, with sums of zero.
  void Restart();

  // Calls add(d, h) for every row of outputs, and store(d, h) for every row of the box
  // when its sums are done.
  template <class Add, class Store>
  void Run(const Add& add, const Store& store) {
    for (int64_t d = outputs(0).begin; d < outputs(0).end; ++d) {
      for (int64_t h = outputs(1).begin; h < outputs(1).end; ++h) {
        if (!held_.hold_all()) {
          StoreBefore(reach_[1].Start(h), store);
          if (reach_[1].Start(h) + reach_[1].Taps(h) > held_.held().end) Slide();
        }
        add(d, h);
      }
    }
    StoreBefore(rows_.end, store);
  }

  // From now on windows have so many taps. Returns whether all of them have their place
  // in the table.
  bool UseShape(int64_t d, int64_t h, int64_t w) {
    if (__builtin_expect(d != shape_[0] || h != shape_[1] || w != shape_[2], false)) {
      FillTable(d, h, w);
    }
    return is_whole_;
  }

  // Where each tap lies, from the first; −1 for none. An index of one byte is always
  // found in the table.
  const int32_t* table() const { return table_; }
  int64_t taps() const { return taps_; }

 private:
  void FillTable(int64_t depth, int64_t height, int64_t width);
  void FindBase();
  void Slide();

  template <class Store>
  void StoreBefore(int64_t row, const Store& store) {
    for (; next_stored_ < row; ++next_stored_) {
      if (next_stored_ >= held_.held().end) Slide();
      if (next_stored_ < rows_.begin || next_stored_ >= rows_.end) continue;
      for (int64_t d = depths_.begin; d < depths_.end; ++d) store(d, next_stored_);
    }
  }

  const Plan& plan_;
  Reach reach_[kMaxRank];
  Range depths_;  // of the box
  Range rows_;
  int64_t next_stored_;  // the first row that is not done
  Strides strides_;
  int64_t taps_;
  int64_t shape_[kMaxRank] = {0, 0, 0};
  bool is_whole_ = false;
  int32_t* table_;
  void* sums_;
  SlidingRows held_;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_WALKS_REACHED_SUMS_H_
