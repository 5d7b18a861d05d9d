// Draws from windows that no other test is large enough for.
#include "tests/door_call.h"

namespace keras_pooling::tests {
namespace {

// The weights of so many zeros, 1 each, add up to no more than a float counts: a tap is
// drawn all the same, of the first ones.
void TapsAreDrawnOfMoreThanAFloatCounts() {
  constexpr int64_t kCounted = int64_t{1} << 24;
  DoorCall call;
  for (const Op& op : AllOps()) {
    if (op.serves == Serves::kSelecting && !op.is_gradient &&
        op.outputs.back() == Role::kTaps) {
      call.op = &op;
    }
  }
  call.attributes.reduction = "stochastic";
  call.attributes.geometry = "adaptive";
  call.attributes.window = {1};
  Tensor x = Tensor::Of(Role::kX, ElementType::kFloat16, {1, 2 * kCounted, 1});
  std::fill(x.bytes.begin(), x.bytes.end(), 0);
  const Tensor y = Tensor::Of(Role::kY, ElementType::kFloat16, {1, 1, 1});
  const Tensor taps = Tensor::Of(Role::kTaps, ElementType::kInt32, {1, 1, 1});
  call.inputs = {x, Tensor::Of(Role::kSeed, ElementType::kInt64, {2})};
  call.outputs = {y, taps};
  for (int64_t seed = 1; seed <= 3; ++seed) {
    call.inputs[1].SetInteger(0, seed);
    call.inputs[1].SetInteger(1, 0);
    const Answer answer = call.Run();
    CHECK(answer.ok(), answer.message);
    const int64_t tap = call.outputs[1].Integer(0);
    CHECK(tap > 0 && tap < kCounted, "tap " + std::to_string(tap));
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  TapsAreDrawnOfMoreThanAFloatCounts();
  return Summary();
}
