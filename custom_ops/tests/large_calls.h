// Calls with enough work for several threads, and whether they give the same bits
// again.
#ifndef KERAS_POOLING_TESTS_LARGE_CALLS_H_
#define KERAS_POOLING_TESTS_LARGE_CALLS_H_

#include <dirent.h>

#include <string>
#include <vector>

#include "tests/settings.h"

namespace keras_pooling::tests {

// Calls with enough work to share out, with what they give on one thread.
inline std::vector<DoorCall> LargeCalls() {
  std::mt19937_64 random(14);
  std::vector<Setting> settings = {
      Windows("windows that overlap", {40, 40}, {3, 3}, {2, 2}, 2, 24),
      Windows("one axis at a time", {30, 30}, {5, 5}, {1, 1}, 1, 40),
      SettingOf("adaptive", "adaptive", {33, 31}, {7, 5}, 2, 20),
      Regions("regions of each image", {29, 30}, {9, 11}, 5, 5, 12),
      Regions("regions of each channel", {20, 21}, {8, 6}, 24, 2, 12)};
  std::vector<DoorCall> calls;
  for (Setting& setting : settings) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info, setting)) continue;
        setting.attributes.reduction = info.name;
        setting.attributes.channels_first = calls.size() % 2 == 0;
        setting.type =
            calls.size() % 3 == 0 ? ElementType::kFloat16 : ElementType::kFloat32;
        calls.push_back(CallMaker(setting, random).Make(op));
      }
    }
  }
  KerasPoolingSetThreads(1);
  for (DoorCall& call : calls) {
    const Answer answer = call.Run();
    CHECK(answer.ok(), answer.message);
  }
  return calls;
}

// Runs the calls again and demands the bits they gave.
inline bool GiveTheSameBits(const std::vector<DoorCall>& calls,
                            const KerasPoolingParallel* parallel,
                            const std::string& what) {
  bool all = true;
  for (const DoorCall& call : calls) {
    DoorCall again = call;
    for (Tensor& tensor : again.outputs) {
      std::fill(tensor.bytes.begin(), tensor.bytes.end(), 0x5a);
    }
    const Answer answer = again.Run(parallel);
    bool same = answer.ok();
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      same = same && again.outputs[i].bytes == call.outputs[i].bytes;
    }
    CHECK(same, what + ": " + call.op->name + " " + call.attributes.reduction +
                    answer.message);
    all = all && same;
  }
  return all;
}

inline int ThreadsOfThisProcess() {
  int count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (readdir(tasks) != nullptr) ++count;
  closedir(tasks);
  return count - 2;  // . and ..
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_LARGE_CALLS_H_
