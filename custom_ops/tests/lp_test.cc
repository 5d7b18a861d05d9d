// Lp pooling of every p and scale: no overflow, underflow or zero that the exact result
// does not have.
#include <cmath>

#include "tests/plan_call.h"
#include "tests/run_every_way.h"

namespace keras_pooling::tests {
namespace {

constexpr int64_t kTaps = 6;
constexpr int64_t kChannels = 19;

// (Σ |x|^p / divisor)^(1/p), by logarithms of quotients.
long double Exact(const std::vector<double>& taps, long double p, long double divisor) {
  long double greatest = 0;
  for (const double x : taps) greatest = std::fmax(greatest, std::fabs(x));
  if (greatest == 0) return 0;
  // Σ r^p = n + Σ (r^p − 1), r ≤ 1: nothing cancels where p is small.
  long double differences = 0;
  for (const double x : taps) {
    differences += std::expm1(p * std::log(std::fabs(x) / greatest));
  }
  const auto n = static_cast<long double>(taps.size());
  const long double mean = std::log1p(differences / n) + std::log(n / divisor);
  return std::exp(std::log(greatest) + mean / p);
}

Call LpCall(bool normalizes, double p, ElementType type, std::vector<Plan>* plans) {
  PoolSpec spec;
  spec.padding = Padding::kValid;
  spec.axes = {{kTaps, kTaps, 1, 0, 0}};
  spec.divisor_override = normalizes ? 0.0 : 1.0;
  Call call = PlanCall(spec, 1, kChannels, {kTaps}, plans);
  call.reduction = Reduction::kLp;
  call.type = type;
  call.operands.parameters.p = p;
  return call;
}

// Each channel is a window: some with zeros, some with taps far apart.
template <class T>
std::vector<T> Values(double scale, bool is_wide, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(0.1, 1.0);
  std::vector<T> values;
  for (int64_t i = 0; i < kTaps * kChannels; ++i) {
    double value = scale * uniform(random) * (i % 2 == 0 ? 1 : -1);
    if (is_wide && i % 5 == 0) value *= 1e-6;
    if (i % 7 == 0 || i % kChannels == 3) value = 0;  // channel 3: nothing else
    values.push_back(RoundTo<T>(value));
  }
  return values;
}

template <class T>
void EveryPowerAndScale(double p, double scale, std::mt19937_64& random) {
  using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;
  for (const bool normalizes : {false, true}) {
    const std::vector<T> x = Values<T>(scale, normalizes, random);
    std::vector<Plan> plans;
    Call call = LpCall(normalizes, p, Info<T>::kType, &plans);
    call.operands.x = x.data();
    const std::string what = std::string(Info<T>::kName) + " p " + std::to_string(p) +
                             " scale " + std::to_string(std::log10(scale));
    const Outputs got = RunEveryWay(call, kChannels, sizeof(T), what);
    for (int64_t c = 0; c < kChannels; ++c) {
      std::vector<double> taps;
      for (int64_t i = 0; i < kTaps; ++i) {
        taps.push_back(
            static_cast<double>(ValueOf(x[static_cast<size_t>(i * kChannels + c)])));
      }
      const long double want = Exact(taps, p, normalizes ? kTaps : 1);
      T y;
      std::memcpy(&y, &got.main[static_cast<size_t>(c) * sizeof(T)], sizeof(T));
      const auto value = static_cast<long double>(ValueOf(y));
      // Roots magnify what is rounded by 1/p, up to 8 times; logarithms of quotients
      // are no larger than 100 or so.
      const long double lane = std::numeric_limits<Lane>::epsilon();
      const long double relative =
          lane * (16 * kTaps + 200) + std::ldexp(1.0L, -Info<T>::kBits);
      const long double least =
          std::ldexp(1.0L, Info<T>::kLeastExponent - Info<T>::kBits + 1);
      const auto is_near = [&](long double exact) {
        return std::fabs(value - exact) <= relative * exact + least;
      };
      const long double most = std::ldexp(1.0L, 1 - Info<T>::kLeastExponent);
      const bool overflows = want * (1 + relative) >= most;
      CHECK(overflows ? std::isinf(value) || is_near(want) : is_near(want),
            what + " is " + std::to_string(std::log10(static_cast<double>(value))) +
                ", not " + std::to_string(std::log10(static_cast<double>(want))));
    }
  }
}

// A NaN stays one, and so does infinity; beside them nothing changes.
template <class T>
void Specials(double p) {
  std::vector<T> x(kTaps * kChannels, RoundTo<T>(0.5));
  x[0] = RoundTo<T>(std::numeric_limits<double>::quiet_NaN());
  x[1] = RoundTo<T>(-std::numeric_limits<double>::infinity());
  std::vector<Plan> plans;
  Call call = LpCall(true, p, Info<T>::kType, &plans);
  call.operands.x = x.data();
  const Outputs got = RunEveryWay(call, kChannels, sizeof(T), "specials");
  std::vector<T> y(kChannels);
  std::memcpy(y.data(), got.main.data(), got.main.size());
  CHECK(IsNan(y[0]) && std::isinf(ValueOf(y[1])), std::to_string(p));
  for (size_t c = 2; c < y.size(); ++c) {
    CHECK(std::fabs(ValueOf(y[c]) - 0.5) < 0.01, std::to_string(p));
  }
}

// (|x| / y)^(p − 1), where the quotient is too small for a lane and the power is not.
void GradientsOfFarQuotients() {
  const std::vector<float> x(kTaps * kChannels, 1e-30f);
  const std::vector<float> y(kChannels, 1e30f);
  const std::vector<float> dy(kChannels, 1.0f);
  std::vector<Plan> plans;
  Call call = LpCall(false, 0.5, ElementType::kFloat32, &plans);
  call.task = Task::kBackward;
  call.operands.x = x.data();
  call.operands.y = const_cast<float*>(y.data());
  call.operands.dy = dy.data();
  const Outputs got =
      RunEveryWay(call, kTaps * kChannels, sizeof(float), "far quotients");
  float dx;
  std::memcpy(&dx, got.main.data(), sizeof(dx));
  CHECK(std::fabs(dx / 1e30f - 1) < 1e-5f, std::to_string(dx));
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  std::mt19937_64 random(1);
  for (const double p :
       {1e-6, 0.01, 0.1, 0.125, 0.5, 1.0, 2.0, 3.0, 3.5, 8.0, 9.0, 150.0, 1e4}) {
    ForEachFloat([&](auto tag) {
      using T = typename decltype(tag)::Type;
      const int most = -Info<T>::kLeastExponent;  // of two
      for (const int exponent :
           {0, -4, 3, most / 2, -most / 2, most - 4, -most + 2, -most - 2}) {
        EveryPowerAndScale<T>(p, std::ldexp(1.0, exponent), random);
      }
      Specials<T>(p);
    });
  }
  GradientsOfFarQuotients();
  return Summary();
}
