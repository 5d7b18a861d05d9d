// Every tap against its own window, in loops that are vectors: all of them against the
// largest window, and those of windows that have fewer taps along one axis after the
// other. Mostly these are few, at the input's edges.
#include "kernels/ops/taps_in_windows.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <type_traits>

#include "kernels/execution/call.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

template <class Fn>
void ForAll(const Parallel& parallel, int64_t total, int64_t cost, const Fn& fn) {
  struct Shared {
    static void Run(const void* context, int64_t begin, int64_t end) {
      (*static_cast<const Fn*>(context))(begin, end);
    }
  };
  parallel.For(total, cost, {&Shared::Run, &fn});
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
// further. A run is read in some places at a time, which memory brings sooner than one
// after the other. A block becomes vectors; a run's last one steps back over taps that
// are done.
template <class Number, int kPlaces = 1, class Tap, class Of>
bool AreWithin(const Runs<Tap>& runs, Number least, Number size, const Of& of) {
  constexpr int64_t kBlock = 16;
  Number most[kBlock] = {};  // lesser ones become large
  const auto see = [&](const Tap* taps, int64_t count) {
#pragma GCC unroll 1  // to be a vector, it must stay a loop
    for (int64_t i = 0; i < count; ++i) {
      most[i] = std::max(most[i], static_cast<Number>(of(taps[i]) - least));
    }
  };
  const int64_t part = kPlaces > 1 ? runs.length / (kPlaces * kBlock) * kBlock : 0;
  for (int64_t run = 0; run < runs.count; ++run) {
    const Tap* const from = runs.first + run * runs.apart;
    if (runs.length < kBlock) see(from, runs.length);
    for (int64_t i = 0; i < part; i += kBlock) {
      for (int64_t place = 0; place < kPlaces; ++place) {
        see(from + place * part + i, kBlock);
      }
    }
    for (int64_t i = kPlaces * part; i < runs.length && runs.length >= kBlock;
         i += kBlock) {
      see(from + std::min(i, runs.length - kBlock), kBlock);
    }
  }
  return *std::max_element(most, most + kBlock) < size;
}

// Whether they are themselves from `begin` on, fewer than `size` further. Negative ones
// are large. Not inline, as ShortOnes::Hold: two places call each.
template <class Tap>
[[gnu::noinline]] bool AreFrom(const Runs<Tap>& runs, int64_t begin, int64_t size) {
  using Unsigned = std::make_unsigned_t<Tap>;
  return size > int64_t{std::numeric_limits<Unsigned>::max()} ||
         AreWithin<Unsigned, 4>(runs, static_cast<Unsigned>(begin),
                                static_cast<Unsigned>(size),
                                [](Tap tap) { return static_cast<Unsigned>(tap); });
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
  return AreWithin<Number>(runs, least, size, [&](Tap tap) {
    return fraction(static_cast<std::make_unsigned_t<Tap>>(tap));
  });
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
  if (runs.length < kFew && stretch.most <= kMostTable) {
    return ScatteredAreOf(stretch, runs);
  }
  if (stretch.period >= stretch.most) {
    return AreFrom(runs, stretch.begin, stretch.size);
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
  ShortOnes(const Plan& plan, int axis, const Tap* taps)
      : windows_(ShortWindows(plan.axes[axis])),
        out_(plan.axes[axis].out()),
        step_(StepOf(plan)),
        lanes_(LanesOf(plan)),
        most_taps_(plan.max_taps()),
        taps_(taps) {
    for (int i = axis + 1; i < kMaxRank; ++i) {
      inner_windows_ *= plan.axes[i].out();
      inner_taps_ *= plan.axes[i].max_taps();
    }
    period_ = inner_taps_ * plan.axes[axis].max_taps();
  }

  // A section has all windows along the axis.
  int64_t section_windows() const { return out_ * inner_windows_; }
  int64_t section_taps() const {
    return static_cast<int64_t>(windows_.size()) * inner_windows_ * lanes_;
  }

  [[gnu::noinline]] bool Hold(int64_t begin, int64_t end) const {
    const bool are_runs = step_ == lanes_ || inner_windows_ == 1;
    const int64_t together = are_runs ? end - begin : 1;
    const int64_t section = section_windows() * step_;
    for (int64_t i = begin; i < end; i += together) {
      for (const ShortWindow& window : windows_) {
        const Tap* const from =
            taps_ + i * section + window.window * inner_windows_ * step_;
        const Runs<Tap> runs =
            are_runs ? Runs<Tap>{from, together, section, inner_windows_ * lanes_}
                     : Runs<Tap>{from, inner_windows_, step_, lanes_};
        const Stretch stretch = {window.first_tap * inner_taps_,
                                 window.count * inner_taps_, period_, most_taps_};
        if (!AreOf(stretch, runs)) return false;
      }
    }
    return true;
  }

 private:
  std::vector<ShortWindow> windows_;
  int64_t out_;
  int64_t step_;
  int64_t lanes_;
  int64_t most_taps_;
  const Tap* taps_;
  int64_t inner_windows_ = 1;
  int64_t inner_taps_ = 1;
  int64_t period_;
};

// All taps of a plan. What asks of neighbours asks it of one block after the other,
// each of which stays in the cache meanwhile.
template <class Tap>
class PlanTaps {
 public:
  PlanTaps(const Plan& plan, const Tap* taps)
      : step_(StepOf(plan)),
        lanes_(LanesOf(plan)),
        windows_(WindowsOf(plan)),
        most_taps_(plan.max_taps()),
        taps_(taps + FirstOf(plan)),
        short_ones_{{plan, 0, taps_}, {plan, 1, taps_}, {plan, 2, taps_}} {
    for (; near_ < kMaxRank; ++near_) {
      unit_ = short_ones_[near_].section_windows();
      if (unit_ * step_ <= kBlock) return;
    }
    unit_ = 1;
  }

  bool Hold(const Parallel& parallel) const {
    std::atomic<bool> holds(true);
    ForAll(parallel, windows_ / unit_, unit_ * lanes_ / 16 + 1,
           [&](int64_t begin, int64_t end) {
             if (!BlocksHold(begin * unit_, end * unit_)) holds = false;
           });
    for (int axis = 0; axis < near_ && holds; ++axis) {
      const ShortOnes<Tap>& those = short_ones_[axis];
      ForAll(parallel, windows_ / those.section_windows(), those.section_taps() / 8 + 1,
             [&](int64_t begin, int64_t end) {
               if (!those.Hold(begin, end)) holds = false;
             });
    }
    return holds;
  }

 private:
  static constexpr int64_t kBlock = 16384;

  bool BlocksHold(int64_t begin, int64_t end) const {
    const int64_t most = std::max<int64_t>(kBlock / (unit_ * step_), 1) * unit_;
    for (int64_t first = begin; first < end; first += most) {
      const int64_t count = std::min(most, end - first);
      const Tap* const from = taps_ + first * step_;
      const Runs<Tap> all = step_ == lanes_ ? Runs<Tap>{from, 1, 0, count * lanes_}
                                            : Runs<Tap>{from, count, step_, lanes_};
      if (!AreFrom(all, 0, most_taps_)) return false;
      for (int axis = near_; axis < kMaxRank; ++axis) {
        const int64_t section = short_ones_[axis].section_windows();
        if (!short_ones_[axis].Hold(first / section, (first + count) / section)) {
          return false;
        }
      }
    }
    return true;
  }

  int64_t step_;
  int64_t lanes_;
  int64_t windows_;
  int64_t most_taps_;
  const Tap* taps_;
  ShortOnes<Tap> short_ones_[kMaxRank];
  // Sections of a near axis fit into a block, those of the ones before it do not.
  int near_ = 0;
  int64_t unit_ = 1;  // windows of a near section, of which blocks are made
};

template <class Tap>
bool AllLieInWindows(std::vector<Plan>& plans, const Tap* taps,
                     const Parallel& parallel) {
  std::atomic<bool> holds(true);
  ForEachPlan(plans, parallel, [&](const Plan& plan, const Parallel& threads) {
    if (!PlanTaps<Tap>(plan, taps).Hold(threads)) holds = false;
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
