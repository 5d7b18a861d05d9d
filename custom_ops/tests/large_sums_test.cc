// Sums of so many taps that float32 would lose most of them, were they added one after
// the other: of every reduction that sums.
//
// The first and the last tap of a plane are great, and all others 2⁻²⁴ of them: added
// to a sum that has a great one, each of those is lost.
#include <cmath>

#include "tests/trial.h"

namespace keras_pooling::tests {
namespace {

constexpr int64_t kMany = int64_t{1} << 16;
constexpr double kGreat = 0x1p14;  // which halves have too, as they have the small ones
constexpr double kSmall = 0x1p-10;
// As many roundings as a sum of 2048 taps has, and some on the way from it to a result.
// CheckNear() counts in steps, of two roundings each.
constexpr int64_t kMostSteps = 1024 + 32;

PoolSpec Adaptive(const std::vector<int64_t>& output_size) {
  PoolSpec spec;
  spec.geometry = Geometry::kAdaptive;
  for (const int64_t size : output_size) spec.axes.push_back({size, 1, 1, 0, 0});
  return spec;
}

PoolSpec ChannelsFirst(PoolSpec spec) {
  spec.channels_first = true;
  return spec;
}

std::vector<Case> LargeWindows() {
  return {
      {"few lanes", Adaptive({1}), 1, 3, {kMany}},
      {"many lanes", Adaptive({1}), 1, 70, {kMany / 4}},
      {"rows that end in a part of one tap", Adaptive({1, 1}), 1, 3, {255, 257}},
      {"planes", ChannelsFirst(Adaptive({1, 1})), 1, 3, {150, 500}},
  };
}

template <class T>
std::vector<T> PlaneValues(const Case& c, int64_t count, double great, double small) {
  const int64_t positions = count / c.channels;
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = c.spec.channels_first ? i % positions : i / c.channels;
    values.push_back(RoundTo<T>(at == 0 || at + 1 == positions ? great : small));
  }
  return values;
}

// A case for one type, and what it takes to run it.
template <class T>
class LargeTrial {
  using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;

 public:
  explicit LargeTrial(const Case& c)
      : case_(c),
        reference_(c.spec, c.batch, c.channels, c.sizes),
        call_(PlanCall(c.spec, c.batch, c.channels, c.sizes, &plans_)) {
    call_.type = Info<T>::kType;
  }

  void Forward() {
    const std::vector<T> x = Inputs(kGreat, kSmall);
    const std::vector<ExactSum> mean = MeanOf(x);
    Compare(Reduction::kAvg, x, 0.0, mean);
    Compare(Reduction::kLp, x, 1.0, mean);
    Compare(Reduction::kGem, x, 1.0, mean);
    Compare(Reduction::kMixed, x, 0.0, mean);
    Compare(Reduction::kExpectation, x, 0.0,
            Weighted(x, [](long double value) { return value; }));
    // Weights as far apart as the values were.
    const double steep = 24 * std::log(2.0) / kGreat;
    const std::vector<T> top = Inputs(0.0, -kGreat);
    Compare(Reduction::kSoft, top, steep, Weighted(top, [steep](long double value) {
              return std::exp(steep * value);
            }));
  }

  // Of float32: sums of powers that the plain formula would not have.
  void ForwardOfSmallPowers() {
    const std::vector<T> x = Inputs(0x1p-100 * kGreat, 0x1p-100 * kSmall);
    Compare(Reduction::kLp, x, 1.0, MeanOf(x));
  }

 private:
  size_t outputs() const { return static_cast<size_t>(reference_.outputs()); }

  template <class Add>
  void Visit(const std::vector<T>& x, const Add& add) const {
    reference_.ForEachTap([&](const TapVisit& v) {
      add(static_cast<size_t>(v.output),
          static_cast<long double>(ValueOf(x[static_cast<size_t>(v.input)])),
          v.divisor);
    });
  }

  std::vector<T> Inputs(double great, double small) const {
    return PlaneValues<T>(case_, reference_.inputs(), great, small);
  }

  std::vector<ExactSum> MeanOf(const std::vector<T>& x) const {
    std::vector<ExactSum> mean(outputs());
    Visit(x, [&](size_t o, long double value, double divisor) {
      mean[o].Add(value / divisor);
    });
    return mean;
  }

  template <class Weight>
  std::vector<ExactSum> Weighted(const std::vector<T>& x, const Weight& weight) const {
    std::vector<ExactSum> sums(outputs());
    std::vector<ExactSum> weights(outputs());
    Visit(x, [&](size_t o, long double value, double) {
      const long double w = weight(value);
      sums[o].Add(w * value);
      weights[o].Add(w);
    });
    for (size_t o = 0; o < sums.size(); ++o) {
      sums[o].sum /= weights[o].sum;
      sums[o].magnitude /= weights[o].sum;
    }
    return sums;
  }

  void Compare(Reduction reduction, const std::vector<T>& x, double parameter,
               const std::vector<ExactSum>& want) {
    const auto learned = static_cast<Lane>(parameter);
    call_.operands = {};
    call_.operands.x = x.data();
    call_.operands.parameters.p = parameter;
    call_.operands.parameters.learned = &learned;
    Check(reduction, reference_.outputs(), want);
  }

  void Check(Reduction reduction, int64_t count, std::vector<ExactSum> want) {
    const std::string what =
        Describe(case_) + " " + Info<T>::kName + " " + InfoOf(reduction).name;
    for (ExactSum& sum : want) sum.terms = kMostSteps;
    call_.reduction = reduction;
    CheckNear<T>(RunEveryWay(call_, count, sizeof(T), what).main, want, what);
  }

  const Case& case_;
  const Reference reference_;
  std::vector<Plan> plans_;
  Call call_;
};

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  for (const Case& c : LargeWindows()) {
    ForEachFloat(
        [&](auto tag) { LargeTrial<typename decltype(tag)::Type>(c).Forward(); });
    LargeTrial<float>(c).ForwardOfSmallPowers();
  }
  return Summary();
}
