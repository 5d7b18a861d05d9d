// Sums of so many taps that float32 would lose most of them, were they added one after
// the other: of every reduction that sums, in every walk, forward and backward.
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
// As many roundings as two sums of 2048 taps have, one along each axis, and some on the
// way from them to a result. CheckNear() counts in steps, of two roundings each.
constexpr int64_t kMostSteps = 2048 + 32;

PoolSpec Sliding(std::vector<AxisSpec> axes) {
  PoolSpec spec;
  spec.axes = std::move(axes);
  spec.padding = Padding::kExplicit;
  spec.count_include_pad = true;
  return spec;
}

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
  constexpr int64_t kStride = kMany / 4;  // so that taps are added one by one
  return {
      {"few lanes", Adaptive({1}), 1, 3, {kMany}},
      {"many lanes", Adaptive({1}), 1, 70, {kMany / 4}},
      {"rows that end in a part of one tap", Adaptive({1, 1}), 1, 3, {255, 257}},
      {"planes", ChannelsFirst(Adaptive({1, 1})), 1, 3, {150, 500}},
      {"by blocks along the width", Sliding({{kMany, 1, 1, 0, 0}}), 1, 3, {kMany + 2}},
      {"by blocks along the height",
       Sliding({{kMany, 1, 1, 0, 0}, {1, 1, 1, 0, 0}}),
       1,
       3,
       {kMany + 2, 2}},
      {"tap by tap along the width",
       Sliding({{kMany, kStride, 1, 0, 0}}),
       1,
       3,
       {kMany + kStride}},
      {"tap by tap along the height",
       ChannelsFirst(Sliding({{kMany, kStride, 1, 0, 0}, {1, 1, 1, 0, 0}})),
       1,
       3,
       {kMany + kStride, 1}},
  };
}

std::vector<Case> LargeGradients() {
  return {
      {"one axis at a time", Sliding({{kMany, 1, 1, kMany - 1, kMany - 1}}), 1, 3, {3}},
      {"by windows that move by two",
       Sliding({{kMany, 2, 1, kMany - 1, kMany - 1}}),
       1,
       3,
       {3}},
      {"by adaptive windows", Adaptive({kMany}), 1, 3, {1}},
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

  void Backward() {
    const std::vector<T> dy =
        PlaneValues<T>(case_, reference_.outputs(), kGreat, kSmall);
    std::vector<ExactSum> shares(static_cast<size_t>(reference_.inputs()));
    std::vector<ExactSum> of_first = shares;
    std::vector<int32_t> first(outputs(), -1);
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const auto i = static_cast<size_t>(v.input);
      const long double value = ValueOf(dy[o]);
      shares[i].Add(value / v.divisor);
      if (first[o] < 0) {
        first[o] = static_cast<int32_t>(v.tap);
        of_first[i].Add(value);
      }
    });
    call_.operands = {};
    call_.task = Task::kBackward;
    call_.tap_type = TapType::kInt32;
    call_.operands.dy = dy.data();
    Check(Reduction::kAvg, reference_.inputs(), shares);
    call_.operands.taps = first.data();
    if (reference_.max_taps() == 1) {  // of more, no input gets so many
      Check(Reduction::kMax, reference_.inputs(), of_first);
    }
    const Lane one = 1;
    call_.operands.parameters.learned = &one;
    Check(Reduction::kMixed, reference_.inputs(), of_first);
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
  for (const Case& c : LargeGradients()) {
    ForEachFloat(
        [&](auto tag) { LargeTrial<typename decltype(tag)::Type>(c).Backward(); });
  }
  return Summary();
}
