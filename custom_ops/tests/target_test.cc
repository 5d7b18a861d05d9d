// The choice of an instruction set by name: what the environment variable asks for is
// what runs, and a name that nobody knows is an error, not a crash.
#include "kernels/execution/call.h"
#include "kernels/targets/targets.h"

#include <cstdlib>
#include <cstring>

#include "hosts/c/keras_pooling.h"
#include "tests/check.h"
#include "tests/plan_call.h"

int main() {
  using namespace keras_pooling;  // NOLINT(build/namespaces)
  // Before the first use, since the variable is read once.
  setenv("KERAS_POOLING_TARGET", "mmx", 1);
  PoolSpec spec;
  spec.axes.resize(1);
  const Serial serial;
  const float x[2] = {1, -2};
  float y[2] = {0, 0};
  std::vector<Plan> plans;
  Call call = tests::PlanCall(spec, 1, 1, {2}, &plans);
  call.operands.x = x;
  call.operands.y = y;
  call.parallel = &serial;

  const std::string error = Run(call);
  CHECK(error.find("KERAS_POOLING_TARGET=mmx") != std::string::npos, error);
  CHECK(TargetError() == error && ActiveTarget() == nullptr, TargetError());
  CHECK(KerasPoolingTargetError() == error, KerasPoolingTargetError());
  CHECK(std::strlen(KerasPoolingTarget()) == 0, KerasPoolingTarget());
  CHECK(y[0] == 0 && y[1] == 0, "nothing ran");

  CHECK(!SupportedTargets().empty(), "there is always one");
  for (const std::string& name : SupportedTargets()) {
    CHECK(error.find(name) != std::string::npos, error + " lacks " + name);
    CHECK(std::strstr(KerasPoolingTargets(), name.c_str()) != nullptr, name);
    CHECK(std::strlen(KerasPoolingForceTarget(name.c_str())) == 0, name);
    CHECK(ActiveTarget()->name == name && KerasPoolingTarget() == name, name);
    y[0] = y[1] = 0;
    CHECK(Run(call).empty() && y[0] == 1 && y[1] == -2, name);
  }
  const Target* const last = ActiveTarget();
  CHECK(ForceTarget("mmx").find("Use one of") != std::string::npos, "an unknown name");
  CHECK(ActiveTarget() == last, "a refused name changes nothing");
  CHECK(TargetError().empty(), TargetError());
  return tests::Summary();
}
