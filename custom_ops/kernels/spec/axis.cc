#include "kernels/spec/axis.h"

#include <algorithm>
#include <numeric>

#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

// floor(a / b) for b > 0.
int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -CeilDiv(-a, b); }

// The uniform windows that `spans` are, or with stride 0 that they are none: same
// distances, same sizes, but for a last one that the input's end cuts off.
UniformWindows UniformOf(const std::vector<Span>& spans, int64_t in) {
  UniformWindows windows;
  windows.out = static_cast<int64_t>(spans.size());
  windows.taps = 0;
  for (const Span& span : spans) windows.taps = std::max(windows.taps, span.count);
  windows.stride = spans.size() > 1 ? spans[1].first - spans[0].first : windows.taps;
  for (int64_t o = 0; o < windows.out; ++o) {
    const Span& span = spans[static_cast<size_t>(o)];
    if (span.first != o * windows.stride ||
        span.count != std::min(windows.taps, in - span.first)) {
      windows.stride = 0;
      break;
    }
  }
  return windows;
}

}  // namespace

Axis::Axis(int64_t in, const UniformWindows& windows) : in_(in), uniform_(windows) {
  const UniformWindows& u = uniform_;
  const int64_t extent = (u.taps - 1) * u.dilation + 1;
  const int64_t room = in - extent + u.pad_before;  // for a last whole window's start
  whole_.begin = std::min(CeilDiv(u.pad_before, u.stride), u.out);
  whole_.end = room < 0 ? 0 : std::min(room / u.stride + 1, u.out);
  whole_.end = std::max(whole_.begin, whole_.end);
  is_disjoint_ = u.dilation == 1 && (u.stride >= u.taps || u.out == 1);
  // Of the windows that reach over a position, a dilated one reads it only if it lies
  // on the window's own raster. Rasters recur with a fixed period in o.
  reader_step_ = u.dilation / std::gcd(u.stride, u.dilation);
  const int64_t reach = std::min(CeilDiv(extent, u.stride), u.out);
  most_readers_ = (reach - 1) / reader_step_ + 1;
  reads_ = static_cast<double>(u.out) *
           static_cast<double>(std::min(u.taps, CeilDiv(in, u.dilation)));
}

Axis::Axis(int64_t in, std::vector<Span> spans) : in_(in) {
  const UniformWindows windows = UniformOf(spans, in);
  if (windows.stride > 0) {
    *this = Axis(in, windows);
    return;
  }
  uniform_ = windows;
  spans_ = std::move(spans);
  reads_ = 0.0;
  for (size_t o = 0; o < spans_.size(); ++o) {
    reads_ += static_cast<double>(spans_[o].count);
    is_disjoint_ &=
        o == 0 || spans_[o - 1].first + spans_[o - 1].count <= spans_[o].first;
  }
}

Span Axis::ClippedSpan(int64_t o) const {
  const UniformWindows& u = uniform_;
  const int64_t start = this->start(o);
  const int64_t first_tap = start < 0 ? CeilDiv(-start, u.dilation) : 0;
  const auto taps_before = [&](int64_t end) {  // taps at positions < end
    return end <= start ? 0 : std::min(u.taps, CeilDiv(end - start, u.dilation));
  };
  const int64_t count = taps_before(in_) - first_tap;
  return {start + first_tap * u.dilation, first_tap, count,
          u.counted_end > 0 ? taps_before(u.counted_end) : count};
}

void Axis::IndexReaders() {
  if (is_uniform()) return;
  readers_.resize(static_cast<size_t>(in_));
  int64_t begin = 0;  // windows that read position i: [begin, end)
  int64_t end = 0;
  for (int64_t i = 0; i < in_; ++i) {
    while (begin < out() && span(begin).first + span(begin).count <= i) ++begin;
    while (end < out() && span(end).first <= i) ++end;
    readers_[static_cast<size_t>(i)] = {begin, std::max<int64_t>(end - begin, 0)};
    most_readers_ = std::max(most_readers_, end - begin);
  }
}

Readers Axis::readers(int64_t position) const {
  if (!is_uniform()) return readers_[static_cast<size_t>(position)];
  const UniformWindows& u = uniform_;
  const int64_t place = position + u.pad_before;  // seen from window 0
  int64_t first = std::max<int64_t>(
      FloorDiv(place - (u.taps - 1) * u.dilation + u.stride - 1, u.stride), 0);
  const int64_t end = std::min(place / u.stride + 1, u.out);
  if (u.dilation != 1) {
    while (first < end && (place - first * u.stride) % u.dilation != 0) ++first;
  }
  return {first, first < end ? (end - 1 - first) / reader_step_ + 1 : 0};
}

Range Axis::inner() const {
  if (!is_uniform()) return {0, 0};
  const int64_t reach = (max_taps() - 1) * dilation();
  return {std::max<int64_t>(start(whole_.begin - 1) + reach + 1, 0),
          std::min(start(whole_.end), in_)};
}

Range Axis::InputsOf(Range outputs) const {
  if (outputs.size() <= 0) return {in_, 0};
  if (dilation() == 1) {
    const Span last = span(outputs.end - 1);
    return {span(outputs.begin).first, last.first + last.count};
  }
  Range inputs = {in_, 0};  // clipping dilated windows can swap their order
  for (int64_t o = outputs.begin; o < outputs.end; ++o) {
    const Span at = span(o);
    inputs.begin = std::min(inputs.begin, at.first);
    inputs.end = std::max(inputs.end, at.first + (at.count - 1) * dilation() + 1);
  }
  return inputs;
}

Range Axis::OutputsOf(Range inputs) const {
  Range outputs = {out(), 0};
  const auto include = [&](int64_t position) {
    const Readers all = readers(position);
    if (all.count == 0) return false;
    outputs.begin = std::min(outputs.begin, all.first);
    outputs.end = std::max(outputs.end, all.first + (all.count - 1) * reader_step_ + 1);
    return true;
  };
  if (dilation() == 1) {
    // Windows are in order: those of the first and of the last position that is read.
    int64_t i = inputs.begin;
    while (i < inputs.end && !include(i)) ++i;
    for (int64_t j = inputs.end - 1; j > i && !include(j); --j) {
    }
  } else {
    for (int64_t i = inputs.begin; i < inputs.end; ++i) include(i);
  }
  return outputs.end == 0 ? Range{0, 0} : outputs;
}

Axis Axis::Adjoint() const {
  UniformWindows windows;
  windows.out = in_;
  windows.taps = max_taps();
  windows.pad_before = max_taps() - 1 - uniform_.pad_before;
  Axis adjoint(out(), windows);
  adjoint.before_in_ = in_;
  adjoint.before_ = uniform_;
  return adjoint;
}

int64_t Axis::DivisorAt(int64_t position) const {
  const UniformWindows& u = before_;
  const int64_t start = position * u.stride - u.pad_before;
  const int64_t begin = u.counted_end > 0 ? start : std::max<int64_t>(start, 0);
  const int64_t end = u.counted_end > 0 ? u.counted_end : before_in_;
  return std::min(start + u.taps, end) - begin;
}

}  // namespace keras_pooling
