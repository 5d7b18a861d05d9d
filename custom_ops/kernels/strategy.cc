#include "kernels/strategy.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

namespace keras_pooling {
namespace {

constexpr const char* kSuits = nullptr;

// Steps per window along one axis, one axis at a time (see PassWindows).
double Steps(const Axis& axis) {
  const double taps = static_cast<double>(axis.max_taps);
  return std::min(taps, 2.0 * static_cast<double>(axis.stride) + 2.0);
}

// Each of these tells why a way does not suit a plan, or kSuits.

const char* WhyNotSeparable(const Plan& plan) {
  const Axis& height = plan.axes[1];
  const Axis& width = plan.axes[2];
  if (plan.axes[0].max_taps > 1) return "windows are deep";
  for (const Axis* axis : {&height, &width}) {
    if (axis->max_taps == 1) continue;
    if (axis->stride == 0) return "windows have more than one size";
    if (axis->dilation != 1) return "windows are dilated";
  }
  // Scratch memory is written and read: two steps more. And where positions have many
  // lanes, a step from there takes about twice as long as one of a whole window, which
  // stays in registers; planes are in scratch memory in any case.
  const int64_t rows = std::min(std::max<int64_t>(height.stride, 1), height.max_taps);
  const double steps = Steps(width) * static_cast<double>(rows) + Steps(height) + 2.0;
  return (ArePlanes(plan) ? 1.0 : 2.0) * steps < static_cast<double>(plan.max_taps())
             ? kSuits
             : "whole windows take fewer steps";
}

const char* WhyNotAdjoint(const Plan& plan) {
  return HasAdjoint(plan) ? WhyNotSeparable(plan)
                          : "windows do not move by one position";
}

const char* WhyNotDisjoint(const Plan& plan) {
  const auto overlaps = [](const Axis& axis) { return !axis.disjoint; };
  return std::any_of(plan.axes, plan.axes + kMaxRank, overlaps) ? "windows overlap"
                                                                : kSuits;
}

// One addition for every output, lane by lane, against one vector for every tap.
const char* WhyNotScatter(const Plan& plan) {
  if (plan.max_taps() < 16) return "windows have few taps";
  // Its sums reach as far as windows do, which may be much farther than their taps.
  const auto is_dilated = [](const Axis& axis) { return axis.dilation != 1; };
  if (std::any_of(plan.axes, plan.axes + kMaxRank, is_dilated)) {
    return "windows are dilated";
  }
  // It looks taps up in a table.
  return plan.max_taps() > 65536 ? "windows have more than 65536 taps" : kSuits;
}

// Columns as lanes spare planes the way through scratch memory.
const char* WhyNotScatterColumns(const Plan& plan) {
  if (!ArePlanes(plan)) return "channels are neighbours";
  if (plan.axes[2].stride == 0) return "windows have more than one size";
  return WhyNotScatter(plan);
}

const char* WhyNotAlways(const Plan&) { return kSuits; }

// In the order in which they are considered; the last ones suit every plan.
struct Way {
  Walk walk;
  const char* name;
  bool is_backward;
  const char* (*why_not)(const Plan& plan);
};
constexpr Way kWays[] = {
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

const char* NameOf(Walk walk) {
  for (const Way& way : kWays) {
    if (way.walk == walk) return way.name;
  }
  return "";
}

const char* NameOf(Task task) {
  switch (task) {
    case Task::kForward:
      return "forward";
    case Task::kBackward:
      return "backward";
    case Task::kPick:
      return "pick";
  }
  return "";
}

const char* NameOf(Reduction reduction) {
  switch (reduction) {
#define KP_REDUCTION(Name, name, kind, types) \
  case Reduction::k##Name:                    \
    return name;
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
  }
  return "";
}

const char* NameOf(ElementType type) {
  constexpr const char* kNames[] = {"float16", "bfloat16", "float32", "float64", "int8",
                                    "uint8",   "int16",    "int32",   "int64"};
  return kNames[static_cast<int>(type)];
}

// "1 x 56 x 56": what `size` gives for each axis.
template <class Size>
std::string Sizes(const Plan& plan, const Size& size) {
  std::string sizes;
  for (const Axis& axis : plan.axes) {
    sizes += (sizes.empty() ? "" : " x ") + std::to_string(size(axis));
  }
  return sizes;
}

}  // namespace

bool ArePlanes(const Plan& plan) { return plan.channels_first || plan.channels == 1; }

Strategy ChooseStrategy(const Call& call, const Plan& plan, const Target& target,
                        bool explains) {
  Strategy strategy = {Walk::kReduce, {}, ""};
  for (const Way& way : kWays) {
    if (way.is_backward != (call.task == Task::kBackward)) continue;
    const char* why_not = way.why_not(plan);
    if (why_not == kSuits) {
      strategy.walk = way.walk;
      strategy.kernel = target.find_kernel(
          {call.task, call.reduction, call.type, call.tap_type, way.walk});
      if (strategy.kernel.run != nullptr) break;
      why_not = "the reduction has no such kernel";
    }
    if (explains)
      strategy.declined += std::string("; not ") + way.name + ": " + why_not;
  }
  return strategy;
}

bool IsVerbose() {
  static const bool is_verbose = [] {
    const char* value = std::getenv("KERAS_POOLING_VERBOSE");
    return value != nullptr && std::string(value) != "" && std::string(value) != "0";
  }();
  return is_verbose;
}

void LogCall(const Call& call, const Plan& plan, const Target& target,
             const Strategy& strategy) {
  const std::string line =
      std::string("keras_pooling: ") + NameOf(call.reduction) + " " +
      NameOf(call.task) + " " + NameOf(call.type) + ", batch " +
      std::to_string(plan.batch) + ", channels " + std::to_string(plan.channels) +
      ", " + Sizes(plan, [](const Axis& axis) { return axis.in; }) + " -> " +
      Sizes(plan, [](const Axis& axis) { return axis.out(); }) +
      (plan.channels_first ? ", channels_first" : ", channels_last") + ", windows of " +
      Sizes(plan, [](const Axis& axis) { return axis.max_taps; }) + ": " +
      NameOf(strategy.walk) + ", on " + target.name + strategy.declined;
  static std::mutex mutex;
  static std::set<std::string> logged;
  const std::lock_guard<std::mutex> lock(mutex);
  if (logged.insert(line).second) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace keras_pooling
