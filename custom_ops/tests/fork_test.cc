// A process that forks after it has pooled on several threads: its children have none
// of them, and pool all the same.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/large_calls.h"

namespace keras_pooling::tests {
namespace {

// AddressSanitizer's allocator does not take its locks around a fork: a child that is
// born while another thread of its parent allocates finds them locked for good.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAllocatorSurvivesForks = false;
#elif !defined(__has_feature)
constexpr bool kAllocatorSurvivesForks = true;
#else
constexpr bool kAllocatorSurvivesForks = !__has_feature(address_sanitizer);
#endif

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
  ChildrenStartThreadsOfTheirOwn(calls);
  if (kAllocatorSurvivesForks) ForksInTheMidstOfCallsDoNoHarm(calls);
  return Summary();
}
