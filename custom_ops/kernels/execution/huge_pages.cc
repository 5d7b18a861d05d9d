#include "kernels/execution/huge_pages.h"

#include <cstdlib>
#include <string>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace keras_pooling {
namespace {

constexpr uintptr_t kHugePage = uintptr_t{1} << 21;

// A call costs about a microsecond; two huge pages save some hundred.
constexpr int64_t kLeastBytes = 2 * int64_t{kHugePage};

bool IsWanted() {
  const char* value = std::getenv("KERAS_POOLING_HUGE_PAGES");
  return value == nullptr || std::string(value) != "0";
}

}  // namespace

void AdviseHugePages(void* data, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes < kLeastBytes) return;
  static const bool is_wanted = IsWanted();
  if (!is_wanted) return;
  const uintptr_t address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end =
      (address + static_cast<uintptr_t>(bytes)) / kHugePage * kHugePage;
  if (begin >= end) return;
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data;
  (void)bytes;
#endif
}

}  // namespace keras_pooling
