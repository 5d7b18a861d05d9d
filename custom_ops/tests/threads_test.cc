// The same bits whoever does the work: the core's own threads, a host's in any order,
// several callers at once.
#include <numeric>
#include <thread>

#include "tests/large_calls.h"
#include "tests/refused.h"

namespace keras_pooling::tests {
namespace {

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
  return Summary();
}
