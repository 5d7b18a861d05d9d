#include "kernels/ops/taps.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "kernels/execution/call.h"
#include "kernels/ops/taps_in_windows.h"

namespace keras_pooling {
namespace {

// One row of windows of one image (channels_last: of all its channels; else of one):
// neighbours in memory.
struct Row {
  int64_t offset;  // of its first tap in the tensor
  int64_t d;
  int64_t h;
  int64_t channels;  // taps of one window
};

int64_t RowCount(const Plan& plan) {
  const int64_t images = plan.channels_first ? plan.planes() : plan.images.size();
  return images * plan.axes[0].out() * plan.axes[1].out();
}

Row RowOf(const Plan& plan, int64_t index) {
  const int64_t heights = plan.axes[1].out();
  const int64_t depths = plan.axes[0].out();
  const int64_t width = plan.axes[2].out();
  const int64_t image = index / (heights * depths);
  Row row = {0, index / heights % depths, index % heights, 1};
  int64_t first = plan.images.begin + image;
  if (plan.channels_first) {
    first = plan.images.begin * plan.all_channels + plan.channels.begin + image;
  }
  row.offset = ((first * depths + row.d) * heights + row.h) * width;
  if (!plan.channels_first) {
    row.offset = row.offset * plan.all_channels + plan.channels.begin;
    row.channels = plan.channels.size();
  }
  return row;
}

// The position of a tap along one axis; false if the window has no such tap.
bool PositionOf(const Axis& axis, const Span& span, int64_t tap, int64_t* position) {
  const int64_t offset = tap - span.first_tap;
  *position = span.first + offset * axis.dilation();
  return offset >= 0 && offset < span.count;
}

// The flat position of a tap of window (d, h, w), or −1.
int64_t PlaceOf(const Plan& plan, const Span (&spans)[kMaxRank], int64_t tap) {
  const Axis* axes = plan.axes;
  const int64_t columns = axes[2].max_taps();
  const int64_t rows = axes[1].max_taps();
  int64_t at[kMaxRank];
  const bool is_inside = tap >= 0 &&
                         PositionOf(axes[2], spans[2], tap % columns, &at[2]) &&
                         PositionOf(axes[1], spans[1], tap / columns % rows, &at[1]) &&
                         PositionOf(axes[0], spans[0], tap / columns / rows, &at[0]);
  return is_inside ? (at[0] * axes[1].in() + at[1]) * axes[2].in() + at[2] : -1;
}

// Calls visit(plan, row) for all rows of windows, shared out. Stops where it says
// false.
template <class Visit>
bool ForEachRow(std::vector<Plan>& plans, const Parallel& parallel,
                const Visit& visit) {
  struct Shared {
    const Plan& plan;
    const Visit& visit;
    std::atomic<bool>& holds;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      for (int64_t i = begin; i < end && shared.holds; ++i) {
        if (!shared.visit(shared.plan, RowOf(shared.plan, i))) shared.holds = false;
      }
    }
  };
  std::atomic<bool> holds(true);
  ForEachPlan(plans, parallel, [&](Plan& plan, const Parallel& threads) {
    const Shared shared = {plan, visit, holds};
    const int64_t taps = plan.axes[2].out() * plan.channels.size();
    threads.For(RowCount(plan), std::min<int64_t>(taps, 1 << 20),
                {&Shared::Run, &shared});
  });
  return holds;
}

template <class Tap, class Index>
bool Convert(std::vector<Plan>& plans, const Tap* taps, Index* indices,
             const Parallel& parallel) {
  return ForEachRow(plans, parallel, [&](const Plan& plan, const Row& row) {
    Span spans[kMaxRank] = {plan.axes[0].span(row.d), plan.axes[1].span(row.h), {}};
    const int64_t apart = plan.channels_first ? 1 : plan.all_channels;
    for (int64_t w = 0; w < plan.axes[2].out(); ++w) {
      spans[2] = plan.axes[2].span(w);
      const int64_t at = row.offset + w * apart;
      for (int64_t c = 0; c < row.channels; ++c) {
        const int64_t place = PlaceOf(plan, spans, int64_t{taps[at + c]});
        if (place < 0) return false;
        indices[at + c] = static_cast<Index>(place);
      }
    }
    return true;
  });
}

// Calls fn with `taps` as what they are.
template <class Fn>
auto Typed(TapType type, const void* taps, const Fn& fn) {
  return type == TapType::kUint8 ? fn(static_cast<const uint8_t*>(taps))
                                 : fn(static_cast<const int32_t*>(taps));
}

std::string Fault(int64_t tap, int64_t at) {
  return "a tap lies outside its window: taps hold " + std::to_string(tap) +
         " at flat index " + std::to_string(at) +
         ". Hand over the taps that the forward op gave, with the same attributes";
}

// Says which tap is the first that lies outside its window; one does.
template <class Tap>
std::string FindFault(const std::vector<Plan>& plans, const Tap* taps) {
  for (const Plan& plan : plans) {
    const int64_t apart = plan.channels_first ? 1 : plan.all_channels;
    for (int64_t i = 0; i < RowCount(plan); ++i) {
      const Row row = RowOf(plan, i);
      Span spans[kMaxRank] = {plan.axes[0].span(row.d), plan.axes[1].span(row.h), {}};
      for (int64_t w = 0; w < plan.axes[2].out(); ++w) {
        spans[2] = plan.axes[2].span(w);
        for (int64_t c = 0; c < row.channels; ++c) {
          const int64_t at = row.offset + w * apart + c;
          const int64_t tap{taps[at]};
          if (PlaceOf(plan, spans, tap) < 0) return Fault(tap, at);
        }
      }
    }
  }
  return "";
}

}  // namespace

TapType TapTypeOf(ElementType type) {
  if (type == ElementType::kUint8) return TapType::kUint8;
  return type == ElementType::kInt32 ? TapType::kInt32 : TapType::kNone;
}

std::string CheckTaps(std::vector<Plan>& plans, TapType type, const void* taps,
                      const Parallel& parallel) {
  if (LieInWindows(plans, type, taps, parallel)) return "";
  return Typed(type, taps, [&](const auto* typed) { return FindFault(plans, typed); });
}

std::string TapIndices(std::vector<Plan>& plans, TapType type, const void* taps,
                       const Array& indices, const Parallel& parallel) {
  const bool is_wide = indices.type == ElementType::kInt64;
  if (!is_wide && indices.type != ElementType::kInt32) {
    return "indices must be int32 or int64";
  }
  if (plans.empty()) return "";
  const int64_t plane = plans.front().in_positions();
  if (!is_wide && plane - 1 > std::numeric_limits<int32_t>::max()) {
    return "indices of a plane of " + std::to_string(plane) + " elements need int64";
  }
  return Typed(type, taps, [&](const auto* typed) -> std::string {
    const bool holds =
        is_wide ? Convert(plans, typed, static_cast<int64_t*>(indices.data), parallel)
                : Convert(plans, typed, static_cast<int32_t*>(indices.data), parallel);
    return holds ? "" : FindFault(plans, typed);
  });
}

}  // namespace keras_pooling
