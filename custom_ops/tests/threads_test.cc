// The same bits whoever does the work: the core's own threads, a host's in any order,
// several callers at once, a child after a fork.
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <thread>

#include "tests/refused.h"
#include "tests/settings.h"

namespace keras_pooling::tests {
namespace {

// Calls with enough work to share out, with what they give on one thread.
std::vector<DoorCall> LargeCalls() {
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
        if (!IsDefined(op, info)) continue;
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
bool GiveTheSameBits(const std::vector<DoorCall>& calls,
                     const KerasPoolingParallel* parallel, const std::string& what) {
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

int ThreadsOfThisProcess() {
  int count = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (readdir(tasks) != nullptr) ++count;
  closedir(tasks);
  return count - 2;  // . and ..
}

void AnyNumberOfOwnThreadsGivesTheSameBits(const std::vector<DoorCall>& calls) {
  const int before = ThreadsOfThisProcess();
  for (const int threads : {1, 2, 7, 0, 3}) {
    KerasPoolingSetThreads(threads);
    GiveTheSameBits(calls, nullptr, std::to_string(threads) + " own threads");
    const int started = ThreadsOfThisProcess() - before;
    CHECK(threads != 1 || started == 0, "one thread is the caller's");
    CHECK(threads != 7 || started >= 1, "helpers ran");
    CHECK(started <= 6 || threads == 0, "no more than were asked for");
  }
}

void NumbersOfThreadsAreBounded() {
  for (const auto& [asked, got] :
       {std::pair(1, 1), {7, 7}, {256, 256}, {257, 256}, {2147483647, 256}}) {
    KerasPoolingSetThreads(asked);
    CHECK(KerasPoolingThreads() == got, std::to_string(asked));
  }
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  for (const int32_t asked : {0, -1, std::numeric_limits<int32_t>::min()}) {
    KerasPoolingSetThreads(asked);
    CHECK(KerasPoolingThreads() == std::min(std::max(processors, 1), 256),
          std::to_string(asked));
  }
}

// --- Threads that a host lends.

using WorkFn = void (*)(const void* context, int64_t begin, int64_t end);

void OneByOneFromTheEnd(void*, int64_t total, int64_t, WorkFn work,
                        const void* context) {
  for (int64_t i = total; i > 0; --i) work(context, i - 1, i);
}

// Ranges of odd sizes in random order, on three threads.
void RandomRanges(void* pool, int64_t total, int64_t, WorkFn work,
                  const void* context) {
  auto& random = *static_cast<std::mt19937_64*>(pool);
  std::vector<int64_t> edges = {0};
  for (int64_t size = 1; edges.back() < total; size = size % 7 + 2) {
    edges.push_back(std::min(edges.back() + size * (total / 100 + 1), total));
  }
  std::vector<size_t> order(edges.size() - 1);
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  std::atomic<size_t> next(0);
  const auto drain = [&] {
    for (size_t i = next++; i < order.size(); i = next++) {
      work(context, edges[order[i]], edges[order[i] + 1]);
    }
  };
  std::thread first(drain);
  std::thread second(drain);
  drain();
  first.join();
  second.join();
}

// Every unit once, but on a thread that is not the caller's, and ranges of nothing.
void ElsewhereWithEmptyRanges(void*, int64_t total, int64_t, WorkFn work,
                              const void* context) {
  std::thread([&] {
    work(context, 0, 0);
    work(context, 0, total / 2);
    work(context, total / 2, total / 2);
    work(context, total / 2, total);
    work(context, total, total);
  }).join();
}

void LentThreadsInAnyOrderGiveTheSameBits(const std::vector<DoorCall>& calls) {
  std::mt19937_64 random(15);
  for (const int32_t threads : {1, 3, 1000}) {
    for (const auto run :
         {&OneByOneFromTheEnd, &RandomRanges, &ElsewhereWithEmptyRanges}) {
      const KerasPoolingParallel lent = {threads, &random, run};
      GiveTheSameBits(calls, &lent, std::to_string(threads) + " lent threads");
    }
  }
}

void LentThreadsThatAreNoneAreRefused(const std::vector<DoorCall>& calls) {
  DoorCall call = calls.front();
  for (const int32_t threads : {0, -1, std::numeric_limits<int32_t>::min()}) {
    const KerasPoolingParallel lent = {threads, nullptr, &OneByOneFromTheEnd};
    CheckRefused(call.Run(&lent), {"parallel", std::to_string(threads)}, "no threads");
  }
  const KerasPoolingParallel lent = {2, nullptr, nullptr};
  CheckRefused(call.Run(&lent), {"parallel", "function"}, "no function");
}

// --- Several callers.

void SeveralCallersAtOnceGiveTheSameBits(const std::vector<DoorCall>& calls) {
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        KerasPoolingSetThreads((i + round) % 3 + 1);
        GiveTheSameBits(calls, nullptr, "caller " + std::to_string(i));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// An op that is bound once, and what the last failure was on each thread.
void OneOpServesSeveralThreads(const std::vector<DoorCall>& calls) {
  DoorCall call = calls.front();
  const Handle handle(call.op->name, call.attributes);
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&, i] {
      DoorCall mine = call;
      std::vector<KerasPoolingArray> in = ViewsOf(mine.inputs);
      const std::vector<KerasPoolingArray> out = ViewsOf(mine.outputs);
      for (int round = 0; round < 20; ++round) {
        in[0].type = 100 + i;
        const auto run = [&] {
          return KerasPoolingRun(handle.get(), in.data(),
                                 static_cast<int32_t>(in.size()), out.data(),
                                 static_cast<int32_t>(out.size()), nullptr);
        };
        CheckRefused(AnswerOf(run()), {"type " + std::to_string(100 + i)}, "a thread");
        in[0].type = mine.inputs[0].type;
        CHECK(run() == KERAS_POOLING_OK, KerasPoolingMessage());
        CHECK(mine.outputs[0].bytes == call.outputs[0].bytes, "one op");
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// --- Forks.

// What `run` returns in a child, which must end within a minute.
template <class Run>
bool InChild(const Run& run) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(run() ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, "wait");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void ChildrenStartThreadsOfTheirOwn(const std::vector<DoorCall>& calls) {
  KerasPoolingSetThreads(4);
  GiveTheSameBits(calls, nullptr, "before the fork");
  const auto run = [&] {
    const int before = ThreadsOfThisProcess();  // the child's own, and tools'
    return GiveTheSameBits(calls, nullptr, "a child") &&
           ThreadsOfThisProcess() > before;
  };
  CHECK(InChild(run), "a child after a call on several threads");
  CHECK(InChild([&] { return run() && InChild(run); }), "a child's child");
  GiveTheSameBits(calls, nullptr, "after the fork");
}

void ForksInTheMidstOfCallsDoNoHarm(const std::vector<DoorCall>& calls) {
  const std::vector<DoorCall> some(calls.begin(), calls.begin() + 4);
  std::atomic<bool> goes_on(true);
  std::thread caller([&] {
    while (goes_on) GiveTheSameBits(some, nullptr, "a parent");
  });
  for (int i = 0; i < 10; ++i) {
    CHECK(InChild([&] { return GiveTheSameBits(some, nullptr, "a child"); }),
          "a child");
  }
  goes_on = false;
  caller.join();
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  const std::vector<DoorCall> calls = LargeCalls();
  AnyNumberOfOwnThreadsGivesTheSameBits(calls);
  NumbersOfThreadsAreBounded();
  LentThreadsInAnyOrderGiveTheSameBits(calls);
  LentThreadsThatAreNoneAreRefused(calls);
  SeveralCallersAtOnceGiveTheSameBits(calls);
  OneOpServesSeveralThreads(calls);
  ChildrenStartThreadsOfTheirOwn(calls);
  ForksInTheMidstOfCallsDoNoHarm(calls);
  return Summary();
}
