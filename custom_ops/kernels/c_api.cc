// Plain C functions for Python's ctypes: which instruction set runs.
#include "kernels/kernel.h"

namespace {

const char* Keep(std::string text) {
  thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

}  // namespace

// Each answer is valid until the thread's next call.
extern "C" {

__attribute__((visibility("default"))) const char* KerasPoolingTarget() {
  return Keep(keras_pooling::ActiveTarget());
}

__attribute__((visibility("default"))) const char* KerasPoolingTargets() {
  std::string names;
  for (const std::string& name : keras_pooling::SupportedTargets()) {
    names += (names.empty() ? "" : ",") + name;
  }
  return Keep(names);
}

__attribute__((visibility("default"))) const char* KerasPoolingTargetError() {
  return Keep(keras_pooling::TargetError());
}

__attribute__((visibility("default"))) const char* KerasPoolingForceTarget(
    const char* name) {
  return Keep(keras_pooling::ForceTarget(name));
}

}  // extern "C"
