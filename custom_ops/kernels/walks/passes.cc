#include "kernels/walks/passes.h"

#include <algorithm>

#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

PassWindows WindowsOf(const Axis& axis, Range outputs) {
  const Span first = axis.span(0);
  PassWindows windows = {};
  windows.outputs = outputs;
  windows.inputs = axis.InputsOf(outputs);
  windows.whole = WholeWindows(axis, outputs);
  windows.taps = axis.max_taps();
  windows.stride = axis.stride();
  // Tap by tap, a window takes taps − 1 steps; by segments, 2 for each position and 1
  // for each window, and each takes about twice as long.
  windows.has_segments = windows.taps - 1 > 2 * (2 * axis.stride() + 1);
  windows.in = axis.in();
  windows.first_start = first.first - first.first_tap;
  return windows;
}

}  // namespace

int64_t PassWindows::SegmentEnd(int64_t o) const {
  const Span& at = span(o);
  const int64_t start = at.first - at.first_tap;
  return first_start + ((start - first_start) / taps + 1) * taps;
}

Passes::Passes(const Plan& plan, const Box& box, const PassSizes& sizes, int64_t lanes,
               void* scratch)
    : down(WindowsOf(plan.axes[1], box.axes[1])),
      across(WindowsOf(plan.axes[2], box.axes[2])),
      is_narrow(lanes < sizes.lanes) {
  const int64_t columns = across.outputs.size();
  row_bytes = columns * sizes.state;
  // With segments all rows are kept, else those of one window.
  rows_kept =
      down.has_segments ? down.inputs.size() : std::min(down.inputs.size(), down.taps);
  bytes = 0;
  const auto take = [&](int64_t size) {
    char* const at = scratch == nullptr ? nullptr : static_cast<char*>(scratch) + bytes;
    bytes += RoundUp(size);
    return at;
  };
  const auto take_spans = [&](const Axis& axis, PassWindows* windows) {
    const int64_t count = windows->outputs.size();
    auto* const spans =
        reinterpret_cast<Span*>(take(count * static_cast<int64_t>(sizeof(Span))));
    windows->spans = spans;
    if (scratch == nullptr) return;
    for (int64_t i = 0; i < count; ++i)
      spans[i] = axis.span(windows->outputs.begin + i);
  };
  rows = take(rows_kept * row_bytes);
  beginnings = take(row_bytes);
  ends = take(across.segment_taps() * sizes.state);
  const int64_t input = sizes.scales ? sizes.state
                        : is_narrow  ? sizes.lanes * sizes.element
                                     : 0;
  line = take(across.inputs.size() * input);
  results = take(is_narrow ? columns * sizes.lanes * sizes.element : 0);
  result_taps = take(is_narrow ? columns * sizes.lanes * sizes.tap : 0);
  take_spans(plan.axes[1], &down);
  take_spans(plan.axes[2], &across);
}

}  // namespace keras_pooling
