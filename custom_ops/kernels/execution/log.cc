#include "kernels/execution/log.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

namespace keras_pooling {
namespace {

const char* NameOf(Task task) {
  switch (task) {
    case Task::kForward:
      return "forward";
    case Task::kBackward:
      return "backward";
    case Task::kGatherTaps:
      return "pick";
    case Task::kParameterGradient:
      return "gradient of the parameter";
    case Task::kPrepare:
      return "before backward";
  }
  return "";
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

bool IsVerbose() {
  static const bool is_verbose = [] {
    const char* value = std::getenv("KERAS_POOLING_VERBOSE");
    return value != nullptr && std::string(value) != "" && std::string(value) != "0";
  }();
  return is_verbose;
}

void LogCall(const Call& call, const Plan& plan, const Target& target,
             const WalkChoice& choice) {
  const std::string line =
      std::string("keras_pooling: ") + InfoOf(call.reduction).name + " " +
      NameOf(call.task) + " " + NameOf(call.type) + ", batch " +
      std::to_string(plan.images.size()) + ", channels " +
      std::to_string(plan.channels.size()) + ", " +
      Sizes(plan, [](const Axis& axis) { return axis.in(); }) + " -> " +
      Sizes(plan, [](const Axis& axis) { return axis.out(); }) +
      (plan.channels_first ? ", channels_first" : ", channels_last") + ", windows of " +
      Sizes(plan, [](const Axis& axis) { return axis.max_taps(); }) + ": " +
      NameOf(choice.walk) + ", on " + target.name + choice.declined;
  static std::mutex mutex;
  static std::set<std::string> logged;
  const std::lock_guard<std::mutex> lock(mutex);
  if (logged.insert(line).second) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace keras_pooling
