#include "kernels/targets/targets.h"

#include <atomic>
#include <cstdlib>

namespace keras_pooling {
namespace {

#define KP_SUPPORT(Namespace, name, is_supported) \
  bool Supports##Namespace() { return is_supported; }
KP_TARGETS(KP_SUPPORT)
#undef KP_SUPPORT

// Best first.
constexpr Target kTargets[] = {
#define KP_ENTRY(Namespace, name, is_supported) \
  {name, &Supports##Namespace, &Namespace::FindKernel, &Namespace::FindMoveRow},
    KP_TARGETS(KP_ENTRY)
#undef KP_ENTRY
};

const Target* Find(const std::string& name) {
  for (const Target& target : kTargets) {
    if (name == target.name && target.is_supported()) return &target;
  }
  return nullptr;
}

std::string UnknownTarget(const std::string& name) {
  std::string known;
  for (const std::string& supported : SupportedTargets()) {
    known += (known.empty() ? "" : ", ") + supported;
  }
  return "KERAS_POOLING_TARGET=" + name +
         " is not an instruction set that this machine can run. Use one of: " + known;
}

struct Choice {
  std::atomic<const Target*> target{nullptr};
  std::string error;

  Choice() {
    const char* name = std::getenv("KERAS_POOLING_TARGET");
    if (name != nullptr && *name != '\0') {
      target = Find(name);
      if (target == nullptr) error = UnknownTarget(name);
      return;
    }
    target = Find(SupportedTargets().front());
  }
};

Choice& TheChoice() {
  static Choice choice;
  return choice;
}

}  // namespace

std::vector<std::string> SupportedTargets() {
  std::vector<std::string> names;
  for (const Target& target : kTargets) {
    if (target.is_supported()) names.emplace_back(target.name);
  }
  return names;
}

const Target* ActiveTarget() { return TheChoice().target; }

std::string TargetError() { return ActiveTarget() ? "" : TheChoice().error; }

std::string ForceTarget(const std::string& name) {
  const Target* target = Find(name);
  if (target == nullptr) return UnknownTarget(name);
  TheChoice().target = target;
  return "";
}

}  // namespace keras_pooling
