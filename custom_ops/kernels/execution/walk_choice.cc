#include "kernels/execution/walk_choice.h"

#include <algorithm>

namespace keras_pooling {
namespace {

constexpr const char* kSuits = nullptr;

// Steps per window along one axis, one axis at a time (see PassWindows).
double Steps(const Axis& axis) {
  const double taps = static_cast<double>(axis.max_taps());
  return std::min(taps, 2.0 * static_cast<double>(axis.stride()) + 2.0);
}

// The vectors of a walk's kernel, and whether elements are widened into them.
struct Vectors {
  int64_t lanes;
  bool widen;
};

// Each of these tells why a walk does not suit a plan, or kSuits.

const char* WhyNotSeparable(const Plan& plan, Vectors) {
  const Axis& height = plan.axes[1];
  const Axis& width = plan.axes[2];
  if (plan.axes[0].max_taps() > 1) return "windows are deep";
  for (const Axis* axis : {&height, &width}) {
    if (axis->max_taps() == 1) continue;
    if (!axis->is_uniform()) return "windows have more than one size";
    if (axis->dilation() != 1) return "windows are dilated";
    // Its blocks are as long as windows, in scratch memory, wherever the input ends.
    if (axis->max_taps() / 2 > axis->in() + 32768) return "windows are mostly padding";
  }
  // Scratch memory is written and read: two steps more. And where positions have many
  // lanes, a step from there takes about twice as long as one of a whole window, which
  // stays in registers; planes are in scratch memory in any case.
  const int64_t rows =
      std::min(std::max<int64_t>(height.stride(), 1), height.max_taps());
  const double steps = Steps(width) * static_cast<double>(rows) + Steps(height) + 2.0;
  return (plan.has_planes() ? 1.0 : 2.0) * steps < static_cast<double>(plan.max_taps())
             ? kSuits
             : "whole windows take fewer steps";
}

const char* WhyNotAdjoint(const Plan& plan, Vectors vectors) {
  return HasAdjoint(plan) ? WhyNotSeparable(plan, vectors)
                          : "windows do not move by one position";
}

const char* WhyNotDisjoint(const Plan& plan, Vectors) {
  const auto overlaps = [](const Axis& axis) { return !axis.is_disjoint(); };
  return std::any_of(plan.axes, plan.axes + kMaxRank, overlaps) ? "windows overlap"
                                                                : kSuits;
}

// Whether it takes less time to read a vector for every tap than to add each output,
// lane by lane, to sums that are written and read once more. Sums of deep windows leave
// the nearest cache. A tap takes about twice as long where a position has few vectors,
// and where elements are widened.
bool GathersFaster(const Plan& plan, Vectors vectors) {
  if (plan.has_planes() || vectors.widen) return false;
  if (plan.channels.size() < 4 * vectors.lanes) return false;
  const double windows = static_cast<double>(plan.out_positions()) /
                         static_cast<double>(plan.in_positions());
  const double lane = plan.axes[0].max_taps() > 1 ? 2.0 : 1.2;
  return windows * static_cast<double>(plan.max_taps()) <
         windows * lane * static_cast<double>(vectors.lanes) + 2.0;
}

const char* WhyNotScatter(const Plan& plan, Vectors vectors) {
  if (plan.max_taps() < 16) return "windows have few taps";
  if (GathersFaster(plan, vectors)) return "inputs have few windows";
  // Its sums reach as far as windows do, which may be much farther than their taps.
  const auto is_dilated = [](const Axis& axis) { return axis.dilation() != 1; };
  if (std::any_of(plan.axes, plan.axes + kMaxRank, is_dilated)) {
    return "windows are dilated";
  }
  // It looks taps up in a table.
  return plan.max_taps() > 65536 ? "windows have more than 65536 taps" : kSuits;
}

// Columns as lanes spare planes the way through scratch memory.
const char* WhyNotScatterColumns(const Plan& plan, Vectors vectors) {
  if (!plan.has_planes()) return "channels are neighbours";
  if (!plan.axes[2].is_uniform()) return "windows have more than one size";
  return WhyNotScatter(plan, vectors);
}

const char* WhyNotAlways(const Plan&, Vectors) { return kSuits; }

// In the order in which they are considered; the last ones suit every plan.
struct WalkOption {
  Walk walk;
  const char* name;
  bool is_backward;
  const char* (*why_not)(const Plan& plan, Vectors vectors);
};
constexpr WalkOption kWalkOptions[] = {
    {Walk::kSeparable, "one axis at a time", false, &WhyNotSeparable},
    {Walk::kReduce, "whole windows", false, &WhyNotAlways},
    {Walk::kDisjoint, "each output writes its taps", true, &WhyNotDisjoint},
    {Walk::kAdjoint, "each input sums its windows, one axis at a time", true,
     &WhyNotAdjoint},
    {Walk::kScatterColumns, "each output adds to its tap, by columns", true,
     &WhyNotScatterColumns},
    {Walk::kScatter, "each output adds to its tap", true, &WhyNotScatter},
    {Walk::kGather, "each input gathers from its windows", true, &WhyNotAlways},
};

}  // namespace

const char* NameOf(Walk walk) {
  for (const WalkOption& option : kWalkOptions) {
    if (option.walk == walk) return option.name;
  }
  return "";
}

WalkChoice ChooseWalk(const Call& call, const Plan& plan, const Target& target,
                      bool explains) {
  WalkChoice choice = {Walk::kReduce, {}, ""};
  for (const WalkOption& option : kWalkOptions) {
    if (option.is_backward != (call.task == Task::kBackward)) continue;
    choice.walk = option.walk;
    choice.kernel = target.find_kernel(
        {call.task, call.reduction, call.type, call.tap_type, option.walk});
    const char* why_not =
        option.why_not(plan, {choice.kernel.lanes, MathTypeOf(call.type) != call.type});
    if (why_not == kSuits) {
      if (choice.kernel.run != nullptr) break;
      why_not = "the reduction has no such kernel";
    }
    if (explains)
      choice.declined += std::string("; not ") + option.name + ": " + why_not;
  }
  return choice;
}

}  // namespace keras_pooling
