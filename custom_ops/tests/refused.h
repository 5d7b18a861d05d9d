// Whether the door refuses what cannot be, and says why.
#ifndef KERAS_POOLING_TESTS_REFUSED_H_
#define KERAS_POOLING_TESTS_REFUSED_H_

#include <limits>
#include <string>
#include <vector>

#include "tests/door_call.h"

namespace keras_pooling::tests {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

inline bool Has(const Answer& answer, const std::string& part) {
  return answer.message.find(part) != std::string::npos;
}

// Whether an answer refuses arguments, and says what it found.
inline void CheckRefused(const Answer& answer, const std::vector<std::string>& parts,
                         const std::string& what) {
  CHECK(answer.status == KERAS_POOLING_INVALID_ARGUMENT,
        what + ": " + std::to_string(answer.status) + " " + answer.message);
  for (const std::string& part : parts) {
    CHECK(Has(answer, part), what + ": \"" + answer.message + "\" lacks " + part);
  }
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_REFUSED_H_
