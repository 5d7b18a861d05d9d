// All values of the 16-bit floats, through every instruction set.
#include "kernels/execution/call.h"
#include "kernels/targets/targets.h"

#include <cmath>

#include "tests/check.h"
#include "tests/elements.h"
#include "tests/plan_call.h"

namespace keras_pooling::tests {
namespace {

constexpr int kValues = 1 << 16;
constexpr int64_t kChannels = 64;

template <class T>
T Value(int bits) {
  return {static_cast<uint16_t>(bits)};
}

std::string Hex(int bits) {
  char text[8];
  std::snprintf(text, sizeof(text), "%04x", static_cast<unsigned>(bits));
  return text;
}

// Pools x (positions × channels) with windows of `taps` positions, side by side.
template <class T>
std::vector<T> Pool(Reduction reduction, const std::vector<T>& x, int64_t taps,
                    double divisor, bool channels_first) {
  PoolSpec spec;
  spec.axes = {{taps, taps, 1, 0, 0}};
  spec.channels_first = channels_first;
  spec.divisor_override = divisor;
  std::vector<Plan> plans;
  const int64_t positions = static_cast<int64_t>(x.size()) / kChannels;
  const Serial serial;
  std::vector<T> y(x.size() / static_cast<size_t>(taps));
  Call call = PlanCall(spec, 1, kChannels, {positions}, &plans);
  call.reduction = reduction;
  call.type = Info<T>::kType;
  call.operands.x = x.data();
  call.operands.y = y.data();
  call.parallel = &serial;
  const std::string error = Run(call);
  CHECK(error.empty(), error);
  return y;
}

// Pools pairs (a, b): in channels_first the taps of a window are neighbours.
template <class T>
std::vector<T> PoolPairs(Reduction reduction, const std::vector<T>& a,
                         const std::vector<T>& b, double divisor) {
  std::vector<T> x;
  for (size_t i = 0; i < a.size(); ++i) {
    x.push_back(a[i]);
    x.push_back(b[i]);
  }
  return Pool(reduction, x, 2, divisor, true);
}

// The sum as float32.
template <class T>
float FloatSum(T a, T b) {
  return static_cast<float>(ValueOf(a)) + static_cast<float>(ValueOf(b));
}

template <class T>
std::vector<T> AllValues() {
  std::vector<T> all;
  for (int i = 0; i < kValues; ++i) all.push_back(Value<T>(i));
  return all;
}

template <class T>
void Agrees(const std::vector<T>& got, const std::vector<T>& want,
            const std::string& what) {
  for (int i = 0; i < kValues; ++i) {
    const T g = got[static_cast<size_t>(i)];
    const T w = want[static_cast<size_t>(i)];
    CHECK(IsNan(w) ? IsNan(g) : g.bits == w.bits,
          what + ", of " + Hex(i) + " is " + Hex(g.bits) + ", not " + Hex(w.bits));
  }
}

template <class T>
void OneTapKeepsItsBits(const std::string& what) {
  const std::vector<T> all = AllValues<T>();
  for (const bool channels_first : {false, true}) {
    const std::vector<T> max = Pool(Reduction::kMax, all, 1, 0, channels_first);
    for (int i = 0; i < kValues; ++i) {
      CHECK(max[static_cast<size_t>(i)].bits == i, what + "max of " + Hex(i));
    }
    const std::vector<T> avg = Pool(Reduction::kAvg, all, 1, 0, channels_first);
    Agrees(avg, all, what + "avg");
    for (const T value : avg) {
      const int quiet = 1 << (Info<T>::kBits - 2);
      CHECK(!IsNan(value) || (value.bits & quiet) != 0, what + "avg gives a quiet NaN");
    }
  }
}

// Each value before and behind one that lies somewhere special in the order.
template <class T>
void MaxOrdersAllValues(const std::string& what) {
  const std::vector<T> all = AllValues<T>();
  const int infinity = kHalfInfinity<T>;
  for (const int bits : {0, 0x8000, 1, 0x8001, 0x3c00, infinity - 1, infinity,
                         infinity | 0x8000, infinity + 1, 0xffff}) {
    const T pivot = Value<T>(bits);
    const std::vector<T> pivots(kValues, pivot);
    const std::vector<T> before = PoolPairs(Reduction::kMax, all, pivots, 0);
    const std::vector<T> behind = PoolPairs(Reduction::kMax, pivots, all, 0);
    for (size_t i = 0; i < kValues; ++i) {
      const T value = all[i];
      const T want = Beats(pivot, value) ? pivot : value;
      CHECK(before[i].bits == want.bits,
            what + "max of " + Hex(value.bits) + ", " + Hex(bits));
      const T other = Beats(value, pivot) ? value : pivot;
      CHECK(behind[i].bits == other.bits,
            what + "max of " + Hex(bits) + ", " + Hex(value.bits));
    }
  }
}

// The mean of two neighbours lies halfway between them. (Of the largest bfloat16 the
// sum, a float32, overflows.)
template <class T>
void HalfwayGoesToEven(const std::string& what) {
  const std::vector<T> all = AllValues<T>();
  std::vector<T> next;
  std::vector<T> want;
  for (const T value : all) {
    next.push_back(Value<T>(value.bits + 1));
    want.push_back(RoundTo<T>(FloatSum(value, next.back()) / 2));
    const bool has_next = (value.bits & 0x7fff) < kHalfInfinity<T>;
    CHECK(!has_next || want.back().bits % 2 == 0, "the reference rounds to even");
  }
  Agrees(PoolPairs(Reduction::kAvg, all, next, 0), want, what + "halfway");
}

// Sums of all values with some others: rounded as float32, then once to a half.
template <class T>
void SumsRoundOnce(const std::string& what) {
  const std::vector<T> all = AllValues<T>();
  for (int step = 0; step < 8; ++step) {
    std::vector<T> other;
    std::vector<T> want;
    for (int i = 0; i < kValues; ++i) {
      const int near = (i + (step % 2 == 0 ? 1 : -1) * (1 << 10) * (step + 1)) & 0xffff;
      other.push_back(Value<T>(step < 6 ? near : i * 32003 + step));
      want.push_back(RoundTo<T>(FloatSum(all[static_cast<size_t>(i)], other.back())));
    }
    Agrees(PoolPairs(Reduction::kAvg, all, other, 1), want, what + "sum");
  }
}

// From where on a sum is infinite.
template <class T>
void LargeSumsOverflow(const std::string& what) {
  const T most = Value<T>(kHalfInfinity<T> - 1);
  const double half_unit =
      (ValueOf(most) - ValueOf(Value<T>(kHalfInfinity<T> - 2))) / 2;
  const T enough = RoundTo<T>(half_unit);
  const T too_little = Value<T>(enough.bits - 1);
  for (const auto& [term, bits] :
       {std::pair(enough, kHalfInfinity<T>), std::pair(too_little, most.bits)}) {
    const std::vector<T> got =
        PoolPairs(Reduction::kAvg, std::vector<T>(kChannels, most),
                  std::vector<T>(kChannels, term), 1);
    CHECK(got[0].bits == bits, what + "overflow gives " + Hex(got[0].bits));
  }
}

template <class T>
void AllTests(const std::string& target) {
  const std::string what = target + " " + Info<T>::kName + " ";
  OneTapKeepsItsBits<T>(what);
  MaxOrdersAllValues<T>(what);
  HalfwayGoesToEven<T>(what);
  SumsRoundOnce<T>(what);
  LargeSumsOverflow<T>(what);
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling;         // NOLINT(build/namespaces)
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  for (const std::string& target : SupportedTargets()) {
    CHECK(ForceTarget(target).empty() && ActiveTarget()->name == target, target);
    AllTests<Float16>(target);
    AllTests<BFloat16>(target);
  }
  return Summary();
}
