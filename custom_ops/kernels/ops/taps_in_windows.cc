// Every tap against its own window, in loops that are vectors: first all of them
// against the largest window, then those of windows that have fewer taps, along one
// axis after the other. Mostly these are few, at the input's edges.
#include "kernels/ops/taps_in_windows.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <type_traits>

#include "kernels/execution/call.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

template <class Tap>
std::make_unsigned_t<Tap> UnsignedOf(Tap tap) {
  return static_cast<std::make_unsigned_t<Tap>>(tap);  // negative ones are large
}

// Whether some taps lie below `end`.
template <class Tap>
bool AreBelow(const Tap* taps, int64_t count, int64_t end) {
  using Unsigned = std::make_unsigned_t<Tap>;
  if (end > int64_t{std::numeric_limits<Unsigned>::max()}) return true;
  Unsigned most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, UnsignedOf(taps[i]));
  return int64_t{most} < end;
}

// The same of very many, shared out in blocks.
template <class Tap>
bool AreAllBelow(const Tap* taps, int64_t count, int64_t end,
                 const Parallel& parallel) {
  constexpr int64_t kBlock = int64_t{1} << 16;
  if (count <= kBlock) return AreBelow(taps, count, end);
  struct Shared {
    const Tap* taps;
    int64_t count;
    int64_t end;
    std::atomic<bool>& holds;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      const int64_t first = begin * kBlock;
      const int64_t size = std::min(end * kBlock, shared.count) - first;
      if (!AreBelow(shared.taps + first, size, shared.end)) shared.holds = false;
    }
  };
  std::atomic<bool> holds(true);
  const Shared shared = {taps, count, end, holds};
  parallel.For(CeilDiv(count, kBlock), kBlock / 16, {&Shared::Run, &shared});
  return holds;
}

// Where a plan's taps begin; how many windows they are of, those of channels that lie
// side by side counted as one; how far it is from one's to the next one's, and how many
// one has.
int64_t FirstOf(const Plan& plan) {
  return plan.channels_first
             ? (plan.images.begin * plan.all_channels + plan.channels.begin) *
                   plan.out_positions()
             : plan.images.begin * plan.out_positions() * plan.all_channels +
                   plan.channels.begin;
}
int64_t WindowsOf(const Plan& plan) {
  return (plan.channels_first ? plan.planes() : plan.images.size()) *
         plan.out_positions();
}
int64_t StepOf(const Plan& plan) { return plan.channels_first ? 1 : plan.all_channels; }
int64_t LanesOf(const Plan& plan) {
  return plan.channels_first ? 1 : plan.channels.size();
}

// Windows along an axis that lack some of the taps that it numbers: cut off by the
// input's end, or smaller than others.
struct ShortWindow {
  int64_t window;
  int64_t first_tap;
  int64_t count;
};

std::vector<ShortWindow> ShortWindows(const Axis& axis) {
  std::vector<ShortWindow> all;
  const auto add = [&](Range windows) {
    for (int64_t o = windows.begin; o < windows.end; ++o) {
      const Span span = axis.span(o);
      if (span.count < axis.max_taps()) all.push_back({o, span.first_tap, span.count});
    }
  };
  add({0, axis.whole().begin});
  add({axis.whole().end, axis.out()});
  return all;
}

// `count` runs of `length` neighbouring taps.
template <class Tap>
struct Runs {
  const Tap* first;
  int64_t count;
  int64_t apart;
  int64_t length;
};

// Taps from 0 to `most` − 1 of which a window along an axis has some of every `period`:
// from `begin` on `size`. Where there is but one period, whatever is beyond is none.
struct Stretch {
  int64_t begin;
  int64_t size;
  int64_t period;
  int64_t most;
};

// Whether all numbers that `of` makes of taps are from `least` on, fewer than `size`
// further. A block becomes vectors; a run's last one steps back over taps that are
// done.
template <class Number, class Tap, class Of>
bool AreWithin(const Runs<Tap>& runs, Number least, Number size, const Of& of) {
  constexpr int64_t kBlock = 16;
  Number most[kBlock] = {};  // lesser ones become large
  const auto see = [&](const Tap* taps, int64_t count) {
#pragma GCC unroll 1  // to be a vector, it must stay a loop
    for (int64_t i = 0; i < count; ++i) {
      most[i] = std::max(most[i], static_cast<Number>(of(taps[i]) - least));
    }
  };
  for (int64_t run = 0; run < runs.count; ++run) {
    const Tap* const from = runs.first + run * runs.apart;
    if (runs.length < kBlock) see(from, runs.length);
    for (int64_t i = 0; i < runs.length && runs.length >= kBlock; i += kBlock) {
      see(from + std::min(i, runs.length - kBlock), kBlock);
    }
  }
  return *std::max_element(most, most + kBlock) < size;
}

// By remainders: each as its fraction of the period, for which it takes one
// multiplication that may lose its upper half. A remainder's fractions end before the
// next one's begin, if a Number has room for most · period.
template <class Number, class Tap>
bool RemaindersAreOf(const Stretch& stretch, const Runs<Tap>& runs) {
  const auto one = static_cast<Number>(
      std::numeric_limits<Number>::max() / static_cast<Number>(stretch.period) + 1);
  const auto fraction = [one](auto number) {
    return static_cast<Number>(one * static_cast<Number>(number));
  };
  // A whole period's fraction is 1, which is too much for a Number: 0 stands for it.
  const int64_t end = stretch.begin + stretch.size;
  const auto least = fraction(stretch.begin);
  const auto size =
      static_cast<Number>(fraction(end == stretch.period ? 0 : end) - least);
  return AreWithin<Number>(runs, least, size,
                           [&](Tap tap) { return fraction(UnsignedOf(tap)); });
}

// One by one, by a table.
constexpr int64_t kMostTable = 256;
constexpr int64_t kFew = 16;
template <class Tap>
bool ScatteredAreOf(const Stretch& stretch, const Runs<Tap>& runs) {
  uint8_t lacks[kMostTable];
  for (int64_t begin = 0; begin < stretch.most; begin += stretch.period) {
    for (int64_t i = 0; i < stretch.period && begin + i < stretch.most; ++i) {
      lacks[begin + i] = i < stretch.begin || i >= stretch.begin + stretch.size;
    }
  }
  uint8_t found = 0;
  const Tap* tap = runs.first;
  if (runs.length == 1) {
#pragma GCC unroll 4
    for (int64_t run = 0; run < runs.count; ++run, tap += runs.apart) {
      found = static_cast<uint8_t>(found | lacks[*tap]);
    }
  }
  for (int64_t run = 0; runs.length > 1 && run < runs.count; ++run, tap += runs.apart) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < runs.length; ++i) {
      found = static_cast<uint8_t>(found | lacks[tap[i]]);
    }
  }
  return found == 0;
}

template <class Tap>
bool AreOf(const Stretch& stretch, const Runs<Tap>& runs) {
  using Unsigned = std::make_unsigned_t<Tap>;
  if (runs.length < kFew && stretch.most <= kMostTable) {
    return ScatteredAreOf(stretch, runs);
  }
  if (stretch.period >= stretch.most) {
    return AreWithin<Unsigned>(runs, static_cast<Unsigned>(stretch.begin),
                               static_cast<Unsigned>(stretch.size),
                               [](Tap tap) { return UnsignedOf(tap); });
  }
  if constexpr (sizeof(Tap) == 1) return RemaindersAreOf<uint16_t>(stretch, runs);
  return stretch.most <= 65536 ? RemaindersAreOf<uint32_t>(stretch, runs)
                               : RemaindersAreOf<uint64_t>(stretch, runs);
}

// The windows that are short along one axis: whether their taps are theirs along it.
template <class Tap>
class ShortOnes {
 public:
  // A tap's number is (d · rows + h) · columns + w. Those of one window along the axis
  // are a stretch of every `period`; windows along later axes lie within.
  ShortOnes(const Plan& plan, int axis, const std::vector<ShortWindow>& windows,
            const Tap* taps)
      : windows_(windows),
        out_(plan.axes[axis].out()),
        step_(StepOf(plan)),
        lanes_(LanesOf(plan)),
        most_taps_(plan.max_taps()),
        taps_(taps + FirstOf(plan)) {
    for (int i = axis + 1; i < kMaxRank; ++i) {
      inner_windows_ *= plan.axes[i].out();
      inner_taps_ *= plan.axes[i].max_taps();
    }
    period_ = inner_taps_ * plan.axes[axis].max_taps();
    sections_ = WindowsOf(plan) / (out_ * inner_windows_);
  }

  bool Hold(const Parallel& parallel) const {
    std::atomic<bool> holds(true);
    const Shared shared = {*this, holds};
    const auto taps = static_cast<int64_t>(windows_.size()) * inner_windows_ * lanes_;
    parallel.For(sections_, taps / 8 + 1, {&Shared::Run, &shared});
    return holds;
  }

 private:
  struct Shared {
    const ShortOnes& all;
    std::atomic<bool>& holds;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      if (!shared.all.SectionsHold(begin, end)) shared.holds = false;
    }
  };

  // A section has all windows along the axis. As many at a time as stay in the cache.
  bool SectionsHold(int64_t begin, int64_t end) const {
    constexpr int64_t kBlock = 16384;
    const int64_t section = out_ * inner_windows_ * step_;
    const bool are_runs = step_ == lanes_ || inner_windows_ == 1;
    const int64_t most = are_runs ? std::max<int64_t>(kBlock / section, 1) : 1;
    for (int64_t i = begin; i < end; i += most) {
      for (const ShortWindow& window : windows_) {
        const Tap* const from =
            taps_ + i * section + window.window * inner_windows_ * step_;
        const Runs<Tap> runs = are_runs
                                   ? Runs<Tap>{from, std::min(most, end - i), section,
                                               inner_windows_ * lanes_}
                                   : Runs<Tap>{from, inner_windows_, step_, lanes_};
        const Stretch stretch = {window.first_tap * inner_taps_,
                                 window.count * inner_taps_, period_, most_taps_};
        if (!AreOf(stretch, runs)) return false;
      }
    }
    return true;
  }

  const std::vector<ShortWindow>& windows_;
  int64_t out_;
  int64_t step_;
  int64_t lanes_;
  int64_t most_taps_;
  const Tap* taps_;
  int64_t inner_windows_ = 1;
  int64_t inner_taps_ = 1;
  int64_t period_;
  int64_t sections_;
};

// Whether taps from 0 to `most` − 1 lie in their windows. Where these have that many,
// as most do, nothing more is to be asked.
template <class Tap>
bool PlanHolds(const Plan& plan, int64_t most, const Tap* taps,
               const Parallel& parallel) {
  if (plan.max_taps() < most) {  // another plan's windows have more
    const Runs<Tap> all = {taps + FirstOf(plan), WindowsOf(plan), StepOf(plan),
                           LanesOf(plan)};
    if (!AreOf(Stretch{0, plan.max_taps(), most, most}, all)) return false;
  }
  for (int axis = 0; axis < kMaxRank; ++axis) {
    const std::vector<ShortWindow> windows = ShortWindows(plan.axes[axis]);
    if (windows.empty()) continue;
    if (!ShortOnes<Tap>(plan, axis, windows, taps).Hold(parallel)) return false;
  }
  return true;
}

template <class Tap>
bool AllLieInWindows(std::vector<Plan>& plans, const Tap* taps,
                     const Parallel& parallel) {
  int64_t count = 0;
  int64_t most = 0;
  for (const Plan& plan : plans) {
    count += plan.planes() * plan.out_positions();
    most = std::max(most, plan.max_taps());
  }
  if (count == 0) return true;
  std::atomic<bool> holds(AreAllBelow(taps, count, most, parallel));
  if (!holds) return false;
  ForEachPlan(plans, parallel, [&](const Plan& plan, const Parallel& threads) {
    if (!PlanHolds(plan, most, taps, threads)) holds = false;
  });
  return holds;
}

}  // namespace

bool LieInWindows(std::vector<Plan>& plans, TapType type, const void* taps,
                  const Parallel& parallel) {
  return type == TapType::kUint8
             ? AllLieInWindows(plans, static_cast<const uint8_t*>(taps), parallel)
             : AllLieInWindows(plans, static_cast<const int32_t*>(taps), parallel);
}

}  // namespace keras_pooling
