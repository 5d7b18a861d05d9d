// Where the windows of a box lie and where their taps do, as walks need it. Found once
// for a box, a row or a few windows, by code that is compiled once and not for every
// reducer. Plain integers: no SIMD.
#ifndef KERAS_POOLING_KERNELS_WALKS_WINDOWS_H_
#define KERAS_POOLING_KERNELS_WALKS_WINDOWS_H_

#include "kernels/walks/walk.h"

namespace keras_pooling {

inline int64_t TapIndex(const Plan& plan, int64_t d, int64_t h, int64_t w) {
  return (d * plan.axes[1].max_taps() + h) * plan.axes[2].max_taps() + w;
}

// What an average gives each tap. Neighbouring windows mostly have the same: only
// others are worth a division.
class TapShare {
 public:
  explicit TapShare(const Plan& plan)
      : is_fixed_(plan.divisor_override != 0.0), share_(1.0 / plan.divisor_override) {}

  double Of(const Span& d, const Span& h, const Span& w) {
    return Of(static_cast<double>(d.divisor) * static_cast<double>(h.divisor) *
              static_cast<double>(w.divisor));
  }

  // A double: the product of padded windows' taps may exceed any integer.
  double Of(double divisor) {
    if (divisor != divisor_ && !is_fixed_) {
      divisor_ = divisor;
      share_ = 1.0 / divisor;
    }
    return share_;
  }

 private:
  bool is_fixed_;
  double divisor_ = 0.0;
  double share_;
};

// Of some windows those that are not cut off, if they are equally far apart.
Range WholeWindows(const Axis& axis, Range outputs);

// Taps that are added one after the other in an element's own precision, at most;
// float32 would lose 2⁻²⁴ of the sum with each. Sums of more go on in wider lanes.
constexpr int64_t kMostTapsInLanes = 2048;

// Where the taps of a window lie, as offsets from its first, and their numbers: one
// short loop for every rank, dilation and layout. A window of very many taps is taken
// in parts, and the same table serves each of them.
class TapTable {
 public:
  static constexpr int64_t kMost = 256;

  // From now on the taps are those of windows with such spans.
  void Use(const Plan& plan, const Strides& strides, const Span& d, const Span& h,
           const Span& w);
  bool Is(const Span& d, const Span& h, const Span& w) const {
    return Is(0, d) && Is(1, h) && Is(2, w);
  }

  // Whether the first part is the whole window.
  bool holds_all() const { return is_whole_; }
  // Goes on to the next part in scan order; after the last, returns false and starts
  // again.
  bool NextPart();

  // Of the part at hand: how many taps, and tap i.
  int64_t count() const { return count_; }
  int64_t offset(int64_t i) const { return part_offset_ + offsets_[i]; }
  int64_t number(int64_t i) const { return part_number_ + numbers_[i]; }
  int64_t first_number() const { return first_number_; }

 private:
  bool Is(int i, const Span& span) const {
    return counts_[i] == span.count && first_taps_[i] == span.first_tap;
  }
  void Fill();

  // Along each axis:
  int64_t counts_[kMaxRank] = {0, 0, 0};  // taps
  int64_t first_taps_[kMaxRank];
  int64_t steps_[kMaxRank];         // of offsets
  int64_t number_steps_[kMaxRank];  // of numbers
  int64_t part_counts_[kMaxRank];   // taps of a part, which is cut off at the end
  int64_t part_begins_[kMaxRank];   // its first tap
  bool is_whole_;
  int64_t first_number_;
  int64_t count_;
  int64_t part_offset_;
  int64_t part_number_;
  int64_t offsets_[kMost];
  int64_t numbers_[kMost];
};

// Neighbouring windows of a row that are alike, `apart` from each other: where the
// first one's taps begin, what an average gives each tap, and where taps lie from
// there.
struct WindowRun {
  int64_t count;
  int64_t in;
  int64_t apart;
  double share;
  TapTable* taps;
};

// The windows of one row of outputs after the other.
class RowWindows {
 public:
  // `columns`: of all rows.
  RowWindows(const Plan& plan, const Strides& in, Range columns);

  void StartRow(int64_t d, int64_t h);
  // Windows w, w + 1, … Their table may serve the next ones.
  WindowRun From(int64_t w);

 private:
  const Plan& plan_;
  const Strides in_;
  const Axis& columns_;
  const Range whole_;
  Span d_;
  Span h_;
  int64_t row_;  // where the row's windows would begin that began in column 0
  TapShare share_;
  TapTable whole_taps_;
  TapTable cut_taps_;  // of windows that are cut off, or smaller than others
};

// Windows along one axis, or two, that read a position: where they lie in the output,
// as which tap they read it, and what they divide by.
struct Reader {
  int64_t out;
  int64_t tap;
  double divisor;
};

// The readers of every position of a box: its rows' and its columns', found once.
class BoxReaders {
 public:
  struct List {
    const Reader* first;
    int64_t count;
    const Reader& last() const { return first[count - 1]; }
  };

  static int64_t Bytes(const Plan& plan, const Box& box);
  BoxReaders(const Plan& plan, const TileView& view, const Box& box, void* scratch);

  List OfRow(int64_t d, int64_t h);
  List OfColumn(int64_t w) const {
    const int64_t i = w - columns_.begin;
    return {column_readers_ + i * most_, counts_[i]};
  }

  // How many columns from `w` on, one period apart, are alike: their readers are one
  // position apart, and read them as the same taps with the same divisors. As many are
  // from each of the columns up to one period on.
  int64_t AlikeFrom(int64_t w) const {
    return w >= inner_.begin ? (inner_.end - w) / period_ : 0;
  }
  int64_t period() const { return period_; }

 private:
  const Plan& plan_;
  const TileView& view_;
  Range columns_;
  Range inner_;   // columns
  int64_t most_;  // readers of a column
  int64_t period_;
  int64_t* counts_;
  Reader* column_readers_;
  Reader* row_readers_;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_WALKS_WINDOWS_H_
