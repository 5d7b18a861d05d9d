// CHECK for tests: reports a false condition and goes on. Knows nothing of pooling.
#ifndef KERAS_POOLING_TESTS_CHECK_H_
#define KERAS_POOLING_TESTS_CHECK_H_

#include <atomic>
#include <cstdio>
#include <string>

namespace keras_pooling::tests {

inline std::atomic<int> failures(0);

inline void Fail(const char* file, int line, const char* condition,
                 const std::string& context) {
  if (++failures > 20) return;  // the first few say it all
  std::fprintf(stderr, "%s:%d: %s\n    %s\n", file, line, condition, context.c_str());
}

// What main returns.
inline int Summary() {
  if (failures > 0) std::fprintf(stderr, "%d checks failed\n", failures.load());
  return failures > 0 ? 1 : 0;
}

}  // namespace keras_pooling::tests

// The context, a string, is made only for a failure.
#define CHECK(condition, context)                                            \
  do {                                                                       \
    if (!(condition)) {                                                      \
      keras_pooling::tests::Fail(__FILE__, __LINE__, #condition, (context)); \
    }                                                                        \
  } while (false)

#endif  // KERAS_POOLING_TESTS_CHECK_H_
