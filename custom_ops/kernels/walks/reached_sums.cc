#include "kernels/walks/reached_sums.h"

#include <algorithm>
#include <cstring>

#include "kernels/spec/integers.h"
#include "kernels/walks/windows.h"

namespace keras_pooling {
namespace {

// Rows are moved, to make room, once for every window's height. Those of planes are so
// short that they would be read while they are still on their way to the cache.
int64_t RowsKept(const Plan& plan, const Reach& depths, const Reach& rows,
                 int64_t lanes) {
  const bool is_one_depth = depths.outputs().size() <= 1;
  return is_one_depth && lanes > 1 ? std::min(rows.size(), 2 * plan.axes[1].max_taps())
                                   : rows.size();
}

int64_t TableSize(const Plan& plan) { return std::max(plan.max_taps(), int64_t{256}); }
int64_t TableBytes(const Plan& plan) {
  return RoundUp(TableSize(plan) * static_cast<int64_t>(sizeof(int32_t)));
}

}  // namespace

Reach::Reach(const Axis& axis, Range inputs)
    : axis_(axis), outputs_(axis.OutputsOf(inputs)), reached_(inputs) {
  if (outputs_.size() == 0) return;
  const int64_t last = outputs_.end - 1;  // windows begin and end in order
  reached_ = {std::min(inputs.begin, Start(outputs_.begin)),
              std::max(inputs.end, Start(last) + Taps(last))};
}

int64_t ReachedSums::Bytes(const Plan& plan, const Box& box, int64_t lanes,
                           int64_t sum_bytes) {
  const Reach depths(plan.axes[0], box.axes[0]);
  const Reach rows(plan.axes[1], box.axes[1]);
  const Reach columns(plan.axes[2], box.axes[2]);
  return TableBytes(plan) + depths.size() * RowsKept(plan, depths, rows, lanes) *
                                columns.size() * lanes * sum_bytes;
}

ReachedSums::ReachedSums(const Plan& plan, const Box& box, int64_t lanes,
                         int64_t sum_bytes, void* scratch)
    : plan_(plan),
      reach_{Reach(plan.axes[0], box.axes[0]), Reach(plan.axes[1], box.axes[1]),
             Reach(plan.axes[2], box.axes[2])},
      depths_(box.axes[0]),
      rows_(box.axes[1]),
      next_stored_(reach_[1].reached().begin),
      strides_{0, {0, 0, lanes}},
      taps_(plan.max_taps()),
      table_(static_cast<int32_t*>(scratch)),
      sums_(static_cast<char*>(scratch) + TableBytes(plan)),
      held_(reach_[0].size(), reach_[1].reached(),
            RowsKept(plan, reach_[0], reach_[1], lanes),
            reach_[2].size() * lanes * sum_bytes, sums_) {
  strides_.stride[1] = reach_[2].size() * strides_.stride[2];
  strides_.stride[0] = held_.count() * strides_.stride[1];
  FindBase();
}

void ReachedSums::FillTable(int64_t depth, int64_t height, int64_t width) {
  shape_[0] = depth;
  shape_[1] = height;
  shape_[2] = width;
  is_whole_ = depth * height * width == taps_;
  std::memset(table_, -1, static_cast<size_t>(TableSize(plan_)) * sizeof(int32_t));
  for (int64_t d = 0; d < depth; ++d) {
    for (int64_t h = 0; h < height; ++h) {
      for (int64_t w = 0; w < width; ++w) {
        table_[TapIndex(plan_, d, h, w)] = static_cast<int32_t>(
            d * strides_.stride[0] + h * strides_.stride[1] + w * strides_.stride[2]);
      }
    }
  }
}

// Offsets lead to the rows that are held.
void ReachedSums::FindBase() {
  strides_.base = 0;
  strides_.base = -strides_.At(reach_[0].reached().begin, held_.held().begin,
                               reach_[2].reached().begin);
}

void ReachedSums::Restart() {
  held_.Restart();
  next_stored_ = reach_[1].reached().begin;
  FindBase();
}

void ReachedSums::Slide() {
  held_.SlideTo(next_stored_);
  FindBase();
}

}  // namespace keras_pooling
