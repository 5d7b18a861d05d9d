#include "kernels/walks/windows.h"

#include <algorithm>

namespace keras_pooling {

Range WholeWindows(const Axis& axis, Range outputs) {
  Range whole = outputs;
  if (!axis.is_uniform()) whole.end = whole.begin;
  const auto is_whole = [&](int64_t o) {
    return axis.span(o).count == axis.max_taps();
  };
  while (whole.begin < whole.end && !is_whole(whole.begin)) ++whole.begin;
  while (whole.end > whole.begin && !is_whole(whole.end - 1)) --whole.end;
  return whole;
}

void TapTable::Use(const Plan& plan, const Strides& strides, const Span& d,
                   const Span& h, const Span& w) {
  if (Is(d, h, w)) return;
  const Span* const spans[kMaxRank] = {&d, &h, &w};
  int64_t number_step = 1;
  int64_t room = kMost;
  is_whole_ = true;
  for (int i = kMaxRank - 1; i >= 0; --i) {
    counts_[i] = spans[i]->count;
    first_taps_[i] = spans[i]->first_tap;
    steps_[i] = plan.axes[i].dilation() * strides.stride[i];
    number_steps_[i] = number_step;
    number_step *= plan.axes[i].max_taps();
    // Rows in a part are whole, or it has only one; slices likewise.
    part_counts_[i] = std::min(counts_[i], room);
    part_begins_[i] = 0;
    const bool is_cut = part_counts_[i] < counts_[i];
    room = is_cut ? 1 : room / std::max<int64_t>(part_counts_[i], 1);
    is_whole_ &= !is_cut;
  }
  first_number_ = TapIndex(plan, d.first_tap, h.first_tap, w.first_tap);
  part_offset_ = 0;
  part_number_ = first_number_;
  Fill();
}

void TapTable::Fill() {
  count_ = 0;
  for (int64_t d = 0; d < part_counts_[0]; ++d) {
    for (int64_t h = 0; h < part_counts_[1]; ++h) {
      const int64_t offset = d * steps_[0] + h * steps_[1];
      const int64_t number = d * number_steps_[0] + h * number_steps_[1];
      for (int64_t w = 0; w < part_counts_[2]; ++w, ++count_) {
        offsets_[count_] = offset + w * steps_[2];
        numbers_[count_] = number + w;
      }
    }
  }
}

bool TapTable::NextPart() {
  bool is_last = true;
  for (int i = kMaxRank - 1; i >= 0 && is_last; --i) {
    part_begins_[i] += part_counts_[i];
    is_last = part_begins_[i] >= counts_[i];
    if (is_last) part_begins_[i] = 0;
  }
  count_ = 1;
  part_offset_ = 0;
  part_number_ = first_number_;
  for (int i = 0; i < kMaxRank; ++i) {
    // Where a part is cut off, those within are whole: its taps come first in the
    // table.
    count_ *= std::min(part_counts_[i], counts_[i] - part_begins_[i]);
    part_offset_ += part_begins_[i] * steps_[i];
    part_number_ += part_begins_[i] * number_steps_[i];
  }
  return !is_last;
}

RowWindows::RowWindows(const Plan& plan, const Strides& in, Range columns)
    : plan_(plan),
      in_(in),
      columns_(plan.axes[2]),
      whole_(WholeWindows(columns_, columns)),
      share_(plan) {}

void RowWindows::StartRow(int64_t d, int64_t h) {
  d_ = plan_.axes[0].span(d);
  h_ = plan_.axes[1].span(h);
  row_ = in_.At(d_.first, h_.first, 0);
}

WindowRun RowWindows::From(int64_t w) {
  const Span span = columns_.span(w);
  TapTable& taps = span.count == columns_.max_taps() ? whole_taps_ : cut_taps_;
  taps.Use(plan_, in_, d_, h_, span);
  const int64_t count = w >= whole_.begin && w < whole_.end ? whole_.end - w : 1;
  return {count, row_ + span.first * in_.stride[2], columns_.stride() * in_.stride[2],
          share_.Of(d_, h_, span), &taps};
}

int64_t BoxReaders::Bytes(const Plan& plan, const Box& box) {
  const Axis* axes = plan.axes;
  const int64_t columns = box.axes[2].size();
  const int64_t readers = axes[0].most_readers() * axes[1].most_readers() +
                          columns * axes[2].most_readers();
  return readers * static_cast<int64_t>(sizeof(Reader)) +
         columns * static_cast<int64_t>(sizeof(int64_t));
}

BoxReaders::BoxReaders(const Plan& plan, const TileView& view, const Box& box,
                       void* scratch)
    : plan_(plan),
      view_(view),
      columns_(box.axes[2]),
      inner_(plan.axes[2].inner()),
      most_(plan.axes[2].most_readers()),
      period_(std::clamp<int64_t>(plan.axes[2].stride(), 1, columns_.size())),
      counts_(static_cast<int64_t*>(scratch)),
      column_readers_(reinterpret_cast<Reader*>(counts_ + columns_.size())),
      row_readers_(column_readers_ + columns_.size() * most_) {
  inner_ = {std::max(inner_.begin, columns_.begin), std::min(inner_.end, columns_.end)};
  const Axis& axis = plan.axes[2];
  Reader* to = column_readers_;
  for (int64_t w = columns_.begin; w < columns_.end; ++w, to += most_) {
    int64_t& count = counts_[w - columns_.begin];
    if (w - period_ >= inner_.begin && w < inner_.end) {
      count = OfColumn(w - period_).count;
      for (int64_t k = 0; k < count; ++k) {
        const Reader& before = OfColumn(w - period_).first[k];
        to[k] = {before.out + view.out.stride[2], before.tap, before.divisor};
      }
      continue;
    }
    const Readers readers = axis.readers(w);
    count = readers.count;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t ow = readers.first + k * axis.reader_step();
      to[k] = {ow * view.out.stride[2], axis.TapAt(ow, w),
               static_cast<double>(axis.span(ow).divisor)};
    }
  }
}

BoxReaders::List BoxReaders::OfRow(int64_t d, int64_t h) {
  const Axis& axis_d = plan_.axes[0];
  const Axis& axis_h = plan_.axes[1];
  const Readers readers_d = axis_d.readers(d);
  const Readers readers_h = axis_h.readers(h);
  int64_t count = 0;
  for (int64_t i = 0; i < readers_d.count; ++i) {
    const int64_t od = readers_d.first + i * axis_d.reader_step();
    for (int64_t j = 0; j < readers_h.count; ++j) {
      const int64_t oh = readers_h.first + j * axis_h.reader_step();
      row_readers_[count++] = {
          view_.out.At(od, oh, 0),
          TapIndex(plan_, axis_d.TapAt(od, d), axis_h.TapAt(oh, h), 0),
          static_cast<double>(axis_d.span(od).divisor) *
              static_cast<double>(axis_h.span(oh).divisor)};
    }
  }
  return {row_readers_, count};
}

}  // namespace keras_pooling
