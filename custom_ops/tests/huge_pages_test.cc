// Large outputs are advised as huge pages, small ones are not, and neither are any
// where a setting says so.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/door_call.h"

namespace keras_pooling::tests {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;

// Whether the system says that the page at `address` was advised.
bool IsAdvised(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool is_here = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-') {
      is_here = begin <= wanted && wanted < end;
    } else if (is_here && line.rfind("VmFlags:", 0) == 0) {
      return line.find(" hg") != std::string::npos;
    }
  }
  return false;
}

// Pools into fresh memory; whether that was advised.
bool OutputIsAdvised(int64_t rows) {
  constexpr size_t kBytes = 16 * kHugePage;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED, "mmap");
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory) + kHugePage - 1;
  auto* const data = reinterpret_cast<float*>(start / kHugePage * kHugePage);
  SpecAttributes attributes;
  attributes.reduction = "avg";
  attributes.window = {1};
  const Handle op("BlendingPool", attributes);
  CHECK(op.answer().ok(), op.answer().message);
  const Shape shape = {1, rows, 1024};
  std::vector<float> x(static_cast<size_t>(rows) * 1024, 1.0f);
  const KerasPoolingArray input = {KERAS_POOLING_FLOAT32, 3, shape.data(), x.data()};
  const KerasPoolingArray output = {KERAS_POOLING_FLOAT32, 3, shape.data(), data};
  CHECK(KerasPoolingRun(op.get(), &input, 1, &output, 1, nullptr) == KERAS_POOLING_OK,
        KerasPoolingMessage());
  CHECK(data[0] == 1.0f && data[x.size() - 1] == 1.0f, "values");
  const bool is_advised = IsAdvised(data);
  munmap(memory, kBytes);
  return is_advised;
}

// The setting is read once, so each is tried in a process of its own.
template <class Run>
bool InChild(const char* setting, const Run& run) {
  const pid_t child = fork();
  if (child == 0) {
    if (setting != nullptr) setenv("KERAS_POOLING_HUGE_PAGES", setting, 1);
    _exit(run() ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, "wait");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  unsetenv("KERAS_POOLING_HUGE_PAGES");
  CHECK(InChild(nullptr, [] { return OutputIsAdvised(2048); }), "8 MiB");
  CHECK(InChild(nullptr, [] { return !OutputIsAdvised(256); }), "1 MiB");
  CHECK(InChild("0", [] { return !OutputIsAdvised(2048); }), "8 MiB, switched off");
  CHECK(InChild("1", [] { return OutputIsAdvised(2048); }), "8 MiB, switched on");
  return Summary();
}
