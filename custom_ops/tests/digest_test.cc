// Prints a line for every op of every reduction and type: a digest of what a fixed set
// of calls gives. All instruction sets of a machine must print the same lines, and so
// must two machines: `make aarch64` compares.
#include <cstdio>
#include <map>

#include "kernels/targets/targets.h"
#include "tests/settings.h"

namespace keras_pooling::tests {
namespace {

using Digests = std::map<std::string, uint64_t>;

// FNV-1a.
void AddByte(unsigned char byte, uint64_t* digest) {
  *digest = (*digest ^ byte) * 0x100000001b3u;
}

// Which NaN comes out of arithmetic is the processor's choice: all count as one.
void AddTensor(const Tensor& tensor, uint64_t* digest) {
  ForEachFloat([&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (Info<T>::kType != tensor.element()) return;
    for (size_t i = 0; i < tensor.count(); ++i) {
      const bool is_nan = IsNan(tensor.At<T>(i));
      for (size_t b = 0; b < sizeof(T); ++b) {
        AddByte(is_nan ? 0x7f : tensor.bytes[i * sizeof(T) + b], digest);
      }
    }
  });
  if (IsFloating(tensor.element())) return;
  for (const unsigned char byte : tensor.bytes) AddByte(byte, digest);
}

Digests DigestsOfThisTarget() {
  Digests digests;
  std::mt19937_64 random(16);
  ForEachSetting([&](Setting setting, const Op& op, const ReductionInfo& info) {
    for (int type = 0; type < kElementTypes; ++type) {
      setting.type = static_cast<ElementType>(type);
      if (!IsDefined(op, info, setting.type)) continue;
      DoorCall call = CallMaker(setting, random).Make(op);
      const Answer answer = call.Run();
      CHECK(answer.ok(), Describe(setting, op) + ": " + answer.message);
      const std::string line =
          std::string(op.name) + " " + info.name + " " + NameOf(setting.type);
      uint64_t& digest = digests.emplace(line, 0xcbf29ce484222325u).first->second;
      for (const Tensor& tensor : call.outputs) AddTensor(tensor, &digest);
    }
  });
  return digests;
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling;         // NOLINT(build/namespaces)
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  Digests first;
  for (const std::string& target : SupportedTargets()) {
    CHECK(ForceTarget(target).empty(), target);
    const Digests digests = DigestsOfThisTarget();
    if (first.empty()) first = digests;
    for (const auto& [line, digest] : digests) {
      CHECK(first[line] == digest, line + " on " + target + " has other bits");
    }
  }
  for (const auto& [line, digest] : first) {
    std::printf("%s %016llx\n", line.c_str(), static_cast<unsigned long long>(digest));
  }
  return Summary();
}
