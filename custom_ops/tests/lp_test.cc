// Lp pooling of every p and scale: no overflow, underflow or zero that the exact result
// does not have.
#include <cmath>

#include "tests/door_reference.h"
#include "tests/plan_call.h"
#include "tests/run_every_way.h"
#include "tests/settings.h"

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

// x, the norms as they are stored, dy, and what comes of them.
template <class T>
class Halves {
 public:
  // `scale(i)` tells how large element i of x is, by the side of the greatest half.
  template <class Scale>
  Halves(Setting setting, double p, std::mt19937_64& random, const Scale& scale)
      : setting_(std::move(setting)), p_(p) {
    setting_.type = Info<T>::kType;
    setting_.attributes.reduction = "lp";
    setting_.attributes.p_bits = BitsOf(p);
    CallMaker maker(setting_, random);
    edges_ = maker.edges();
    for (const Op& op : AllOps()) {
      if (op.serves != Serves::kBlending) continue;
      (op.is_gradient ? backward_ : forward_) = maker.Make(op);
    }
    const double most = std::ldexp(1.0, 2 - Info<T>::kLeastExponent);
    std::uniform_real_distribution<double> uniform(0.5, 0.995);
    Tensor& x = Find(&forward_, Role::kX);
    for (size_t i = 0; i < x.count(); ++i) {
      const double size = random() % 8 == 0 ? 0 : uniform(random) * most * scale(i);
      x.Set(i, RoundTo<T>(random() % 3 == 0 ? -size : size));
    }
    Run();
  }

  // After x has been changed.
  void Run() {
    Answer answer = forward_.Run();
    CHECK(answer.ok(), answer.message);
    Find(&backward_, Role::kX) = Find(&forward_, Role::kX);
    Find(&backward_, Role::kY).bytes = forward_.outputs[0].bytes;
    answer = backward_.Run();
    CHECK(answer.ok(), answer.message);
  }

  size_t inputs() { return backward_.outputs[0].count(); }
  T X(int64_t i) { return Value(Role::kX, i); }
  T Dx(int64_t i) { return backward_.outputs[0].At<T>(static_cast<size_t>(i)); }
  void SetX(size_t i, double x) { Find(&forward_, Role::kX).Set(i, RoundTo<T>(x)); }

  // dx by its definition, where a norm overflowed from one that nothing has rounded.
  // Says how many have.
  int64_t Check() {
    const Reference reference = ReferenceOf(setting_, edges_);
    std::vector<long double> norms(static_cast<size_t>(reference.outputs()));
    std::vector<long double> greatest(norms.size());
    const auto x_of = [&](const TapVisit& v) -> long double {
      return ValueOf(X(v.input));
    };
    reference.ForEachTap([&](const TapVisit& v) {
      long double& to = greatest[static_cast<size_t>(v.output)];
      to = std::fmax(to, std::fabs(x_of(v)));
    });
    reference.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      if (greatest[o] == 0) return;
      norms[o] += std::pow(std::fabs(x_of(v)) / greatest[o], 1.0L * p_) / v.divisor;
    });
    int64_t overflows = 0;
    for (size_t o = 0; o < norms.size(); ++o) {
      const double y = ValueOf(Value(Role::kY, static_cast<int64_t>(o)));
      overflows += std::isinf(y);
      norms[o] = std::isinf(y) ? greatest[o] * std::pow(norms[o], 1.0L / p_) : y;
    }
    std::vector<RoundedNumber> dx(inputs());
    reference.ForEachTap([&](const TapVisit& v) {
      const long double norm = norms[static_cast<size_t>(v.output)];
      const long double x = x_of(v);
      if (norm == 0 || x == 0) return;
      const long double term = ValueOf(Value(Role::kDy, v.output)) / v.divisor *
                               std::pow(std::fabs(x) / norm, p_ - 1.0L);
      RoundedNumber& sum = dx[static_cast<size_t>(v.input)];
      sum.value += x < 0 ? -term : term;
      sum.magnitude += std::fabs(term);
      sum.roundings += 1;
    });
    for (size_t i = 0; i < dx.size(); ++i) {
      dx[i].roundings += 2 * std::fabs(p_ - 1) + 6;
      const T got = Dx(static_cast<int64_t>(i));
      const bool overflows_too =
          std::isinf(ValueOf(got)) &&
          std::isinf(ValueOf(RoundTo<T>(static_cast<double>(dx[i].value) * 1.01)));
      CHECK(overflows_too || IsNear(got, dx[i]),
            Describe(setting_, *backward_.op) + ", p " + ShortText(p_) + ": dx is " +
                ShortText(ValueOf(got)) + ", not " + ShortText(dx[i].value));
    }
    return overflows;
  }

 private:
  static Tensor& Find(DoorCall* call, Role role) {
    for (Tensor& tensor : call->inputs) {
      if (tensor.role == role) return tensor;
    }
    CHECK(false, "no such tensor");
    return call->inputs[0];
  }
  T Value(Role role, int64_t i) {
    return Find(&backward_, role).template At<T>(static_cast<size_t>(i));
  }

  Setting setting_;
  double p_;
  std::vector<Tensor> edges_;
  DoorCall forward_;
  DoorCall backward_;
};

// Some windows' norms are too large to be stored, in every geometry and layout.
template <class T>
void GradientsOfNormsThatOverflow(std::mt19937_64& random) {
  for (Setting setting : AllSettings()) {
    if (setting.batch * setting.channels == 0) continue;
    setting.values = tests::Values::kOrdinary;
    for (const bool averages : {false, true}) {
      setting.attributes.divisor_override = averages ? 0 : 1;
      for (const bool channels_first : {false, true}) {
        setting.attributes.channels_first = channels_first;
        for (const double p : {0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0, 150.0}) {
          Halves<T> halves(setting, p, random,
                           [](size_t i) { return i % 3 == 0 ? 1e-3 : 1.0; });
          const bool overflows = halves.Check() > 0;
          // Averages and high powers are hardly larger than the greatest tap.
          CHECK(overflows || averages || p > 2, setting.why);
        }
      }
    }
  }
}

// Channels without such a norm have the bits that they have by themselves.
template <class T>
void OtherGradientsKeepTheirBits(std::mt19937_64& random) {
  const Setting setting = Windows("overlapping", {9, 8}, {3, 3}, {2, 2}, 2, 20);
  const auto is_large = [](size_t i) { return i % 20 % 2 == 0; };
  for (const double p : {2.0, 3.5}) {
    Halves<T> halves(setting, p, random,
                     [&](size_t i) { return is_large(i) ? 1.0 : 1e-2; });
    Halves<T> alone = halves;
    for (size_t i = 0; i < alone.inputs(); ++i) {
      if (is_large(i)) alone.SetX(i, 1.0);
    }
    alone.Run();
    for (size_t i = 0; i < alone.inputs(); ++i) {
      const auto at = static_cast<int64_t>(i);
      CHECK(is_large(i) || halves.Dx(at).bits == alone.Dx(at).bits, Info<T>::kName);
    }
  }
}

// An infinite tap has all of its window's norm: others have no share in it.
template <class T>
void InfiniteTapsLeaveNothingToOthers(std::mt19937_64& random) {
  Halves<T> halves(Windows("a row", {8}, {4}, {4}, 1, 1), 2.0, random,
                   [](size_t) { return 1e-3; });
  halves.SetX(0, HUGE_VAL);
  halves.SetX(4, 1.0);
  halves.Run();
  CHECK(IsNan(halves.Dx(0)), Info<T>::kName);
  for (int64_t i = 1; i < 4; ++i) CHECK(ValueOf(halves.Dx(i)) == 0, Info<T>::kName);
  CHECK(ValueOf(halves.Dx(4)) != 0, Info<T>::kName);
}

template <class T>
void NormsThatOverflow(std::mt19937_64& random) {
  GradientsOfNormsThatOverflow<T>(random);
  OtherGradientsKeepTheirBits<T>(random);
  InfiniteTapsLeaveNothingToOthers<T>(random);
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
  NormsThatOverflow<keras_pooling::Float16>(random);
  NormsThatOverflow<keras_pooling::BFloat16>(random);
  return Summary();
}
