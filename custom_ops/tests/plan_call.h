// A call with its plan, for tests whose windows are the same in all images.
#ifndef KERAS_POOLING_TESTS_PLAN_CALL_H_
#define KERAS_POOLING_TESTS_PLAN_CALL_H_

#include <string>
#include <vector>

#include "kernels/execution/call.h"
#include "tests/check.h"

namespace keras_pooling::tests {

// The call uses `plans`, which must outlive it.
inline Call PlanCall(const PoolSpec& spec, int64_t batch, int64_t channels,
                     const std::vector<int64_t>& sizes, std::vector<Plan>* plans) {
  const std::string error = MakePlans(spec, batch, channels, sizes, Regions(), plans);
  CHECK(error.empty(), error);
  Call call;
  call.plans = plans;
  return call;
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_PLAN_CALL_H_
