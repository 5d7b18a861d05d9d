// Reductions with a parameter that learns, through the C entry: values against the
// definition in long double, derivatives against finite differences of it, and what no
// definition says: scales, infinities, forged parameters.
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hosts/c/keras_pooling.h"
#include "tests/check.h"

namespace keras_pooling::tests {
namespace {

constexpr int64_t kBatch = 2;
constexpr int64_t kSize = 7;
constexpr int64_t kWindow = 3;
constexpr int64_t kStride = 2;
constexpr int64_t kOut = (kSize - kWindow) / kStride + 1;
constexpr double kLeast = 1e-6;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMost = std::numeric_limits<double>::max();

// One axis, channels_last or channels_first, `channels` of them.
struct Layout {
  int64_t channels;
  bool channels_first;

  std::vector<int64_t> Shape(int64_t size) const {
    return channels_first ? std::vector<int64_t>{kBatch, channels, size}
                          : std::vector<int64_t>{kBatch, size, channels};
  }
  size_t At(int64_t n, int64_t i, int64_t c, int64_t size) const {
    return static_cast<size_t>(channels_first ? (n * channels + c) * size + i
                                              : (n * size + i) * channels + c);
  }
};

int64_t CountOf(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  KerasPoolingArray array() {
    return {KERAS_POOLING_FLOAT64, static_cast<int32_t>(shape.size()), shape.data(),
            values.data()};
  }
};

Tensor Zeros(const std::vector<int64_t>& shape) {
  return {shape, std::vector<double>(static_cast<size_t>(CountOf(shape)))};
}

// Taps of one window and a parameter.
using Definition = long double (*)(const std::vector<long double>& taps,
                                   long double parameter);

// (mean of max(x, ε)^p)^(1/p)
long double Gem(const std::vector<long double>& taps, long double p) {
  long double greatest = 0;
  for (const long double x : taps) {
    greatest = std::fmax(greatest, std::fmax(x, kLeast));
  }
  long double change = 0;  // Σ (r^p − 1), r ≤ 1: nothing cancels where p is small
  for (const long double x : taps) {
    change += std::expm1(p * std::log(std::fmax(x, kLeast) / greatest));
  }
  const auto count = static_cast<long double>(taps.size());
  return greatest * std::exp(std::log1p(change / count) / p);
}

// Σ e^(βx) · x / Σ e^(βx)
long double Soft(const std::vector<long double>& taps, long double beta) {
  long double most = -kInfinity;
  for (const long double x : taps) most = std::fmax(most, beta * x);
  long double weights = 0;
  long double sum = 0;
  for (const long double x : taps) {
    weights += std::exp(beta * x - most);
    sum += std::exp(beta * x - most) * x;
  }
  return sum / weights;
}

// α · maximum + (1 − α) · mean
long double Mixed(const std::vector<long double>& taps, long double alpha) {
  long double greatest = -kInfinity;
  long double sum = 0;
  for (const long double x : taps) {
    greatest = std::fmax(greatest, x);
    sum += x;
  }
  return alpha * greatest + (1 - alpha) * sum / static_cast<long double>(taps.size());
}

struct Reduction {
  const char* name;
  Definition of;
  bool saves_y;
  std::vector<double> parameters;  // of the channels in turn
};
const Reduction kGem = {"gem", &Gem, true, {3, 1, 2.25, 0.0625, 8, 0.5, 1.5}};
const Reduction kSoft = {"soft", &Soft, false, {1, 0, 2.5, -1.5, 8, 0.25, -0.5}};
const Reduction kMixed = {"mixed", &Mixed, false, {0.5, 0, 1, 0.3, 0.75}};

KerasPoolingStatus Run(const char* name, const Reduction& reduction,
                       const Layout& layout, std::vector<KerasPoolingArray> inputs,
                       Tensor* output) {
  const int64_t window[] = {kWindow};
  const int64_t strides[] = {kStride};
  const int64_t first[] = {layout.channels_first};
  const KerasPoolingAttribute attributes[] = {{"reduction", reduction.name, nullptr, 0},
                                              {"window", nullptr, window, 1},
                                              {"strides", nullptr, strides, 1},
                                              {"channels_first", nullptr, first, 1}};
  KerasPoolingOp* op = nullptr;
  KerasPoolingStatus status = KerasPoolingBind(name, attributes, 4, &op);
  const KerasPoolingArray out = output->array();
  if (status == KERAS_POOLING_OK) {
    status = KerasPoolingRun(op, inputs.data(), static_cast<int32_t>(inputs.size()),
                             &out, 1, nullptr);
  }
  KerasPoolingRelease(op);
  return status;
}

// All that the ops give of x, a parameter and dy.
struct Results {
  Tensor y;
  Tensor slopes;
  Tensor dx;
};

Results ResultsOf(const Reduction& reduction, const Layout& layout, Tensor x,
                  Tensor parameter, Tensor dy) {
  Results results = {dy, dy, x};
  int64_t sizes[] = {kSize};
  const int64_t sizes_shape[] = {1};
  const KerasPoolingArray size = {KERAS_POOLING_INT64, 1, sizes_shape, sizes};
  const std::vector<KerasPoolingArray> inputs = {x.array(), parameter.array()};
  std::vector<KerasPoolingArray> backward = {dy.array(), size, x.array()};
  if (reduction.saves_y) backward.push_back(results.y.array());
  backward.push_back(parameter.array());
  CHECK(Run("BlendingPool", reduction, layout, inputs, &results.y) == KERAS_POOLING_OK,
        KerasPoolingMessage());
  CHECK(Run("BlendingPoolParameterGrad", reduction, layout, inputs, &results.slopes) ==
            KERAS_POOLING_OK,
        KerasPoolingMessage());
  CHECK(Run("BlendingPoolGrad", reduction, layout, backward, &results.dx) ==
            KERAS_POOLING_OK,
        KerasPoolingMessage());
  return results;
}

// f′ by central differences; its error is of the order of step² and of eps / step.
long double Slope(const std::function<long double(long double)>& f, long double at) {
  const long double step = 1e-6L * std::max(std::fabs(at), 1.0L);
  return (f(at + step) - f(at - step)) / (2 * step);
}

void CheckClose(double got, long double want, long double tolerance,
                const std::string& what) {
  const bool is_same = std::isinf(want) && got == want;
  CHECK(is_same || std::fabs(got - want) <= tolerance,
        what + ": " + std::to_string(got) + ", not " + std::to_string(double(want)));
}

void ReductionFollowsItsDefinition(const Reduction& reduction, const Layout& layout,
                                   bool is_per_channel) {
  const std::string what = reduction.name + (", " + std::to_string(layout.channels)) +
                           " channels" + (layout.channels_first ? " first" : "") +
                           (is_per_channel ? ", one parameter each" : "");
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-0.5, 2.0);
  Tensor x = Zeros(layout.Shape(kSize));
  for (double& value : x.values) {
    value = uniform(random);
    if (std::fabs(value) < 0.1) value += 0.3;  // near ε slopes change within a step
  }
  Tensor parameter = {{is_per_channel ? layout.channels : 1}, {}};
  const size_t kinds = reduction.parameters.size();
  for (size_t c = 0; c < static_cast<size_t>(parameter.shape[0]); ++c) {
    parameter.values.push_back(reduction.parameters[c % kinds]);
  }
  Tensor dy = Zeros(layout.Shape(kOut));
  for (double& value : dy.values) value = uniform(random);
  const Results results = ResultsOf(reduction, layout, x, parameter, dy);

  std::vector<long double> want_dx(x.values.size());
  for (int64_t n = 0; n < kBatch; ++n) {
    for (int64_t c = 0; c < layout.channels; ++c) {
      const long double own =
          parameter.values[is_per_channel ? static_cast<size_t>(c) : 0];
      for (int64_t o = 0; o < kOut; ++o) {
        const size_t out = layout.At(n, o, c, kOut);
        std::vector<long double> taps;
        for (int64_t t = 0; t < kWindow; ++t) {
          taps.push_back(x.values[layout.At(n, o * kStride + t, c, kSize)]);
        }
        CheckClose(results.y.values[out], reduction.of(taps, own), 1e-13, what);
        const auto by_parameter = [&](long double q) { return reduction.of(taps, q); };
        CheckClose(results.slopes.values[out], Slope(by_parameter, own), 1e-9,
                   what + ", slope");
        for (size_t t = 0; t < kWindow; ++t) {
          const auto by_x = [&](long double value) {
            std::vector<long double> changed = taps;
            changed[t] = value;
            return reduction.of(changed, own);
          };
          want_dx[layout.At(n, o * kStride + static_cast<int64_t>(t), c, kSize)] +=
              dy.values[out] * Slope(by_x, taps[t]);
        }
      }
    }
  }
  for (size_t i = 0; i < want_dx.size(); ++i) {
    CheckClose(results.dx.values[i], want_dx[i], 1e-9, what + ", dx");
  }
}

// One channel, a batch of two, of which both hold these values; dy is 1.
Results ResultsOf(const Reduction& reduction, double parameter,
                  const std::vector<double>& values) {
  const Layout layout = {1, false};
  Tensor x = Zeros(layout.Shape(kSize));
  for (size_t i = 0; i < x.values.size(); ++i) x.values[i] = values[i % kSize];
  Tensor dy = Zeros(layout.Shape(kOut));
  for (double& value : dy.values) value = 1;
  return ResultsOf(reduction, layout, x, {{}, {parameter}}, dy);
}

void ScalesDoNotMatter() {
  for (const double scale : {1e-5, 1.0, 1e150, 1e300}) {
    const Results gem =
        ResultsOf(kGem, 8, {scale, 2 * scale, 3 * scale, scale, scale, scale, scale});
    const long double want =
        std::pow((1.0L + std::pow(2.0L, 8) + std::pow(3.0L, 8)) / 3, 1.0L / 8);
    const std::string what = "scale " + std::to_string(scale);
    CheckClose(gem.y.values[0] / scale, want, 1e-14, what);
    // The other way round for β: y goes with the scale, and so does its slope by β.
    const Results soft = ResultsOf(
        kSoft, 1 / scale, {scale, 2 * scale, 3 * scale, scale, scale, scale, scale});
    CheckClose(soft.y.values[0] / scale, Soft({1, 2, 3}, 1), 1e-14, what);
    CheckClose(soft.dx.values[1], soft.dx.values[1 + kSize], 0, what);
  }
}

// Sums of such numbers are infinite, or their differences are.
void NothingOverflows() {
  for (const double beta : {0.0, 1e-310, 1.0, -1.0, 1e300}) {
    for (const double sign : {1.0, -1.0}) {
      const double most = sign * kMost;
      const Results all = ResultsOf(kSoft, beta, std::vector<double>(kSize, most));
      const std::string what = "β " + std::to_string(beta);
      CheckClose(all.y.values[0], most, 4e-16L * kMost, what + ", all");
      CheckClose(all.dx.values[1], 1 / 3.0L, 1e-15, what + ", all, dx");
      CheckClose(all.slopes.values[0], 0, 0, what + ", all, slope");
    }
  }
  const std::vector<double> far = {-kMost, kMost, -kMost, kMost, -kMost, kMost, -kMost};
  CheckClose(ResultsOf(kSoft, 0, far).y.values[0], -kMost / 3.0L, 1e-15L * kMost,
             "the average of far taps");
  CheckClose(ResultsOf(kSoft, 1, far).y.values[0], kMost, 0, "the maximum of far taps");
  CheckClose(ResultsOf(kSoft, -1, far).y.values[0], -kMost, 0, "their minimum");
  CheckClose(ResultsOf(kSoft, 1, far).dx.values[1], 1, 1e-15, "its gradient");
}

void InfinitiesHaveTheirWay() {
  const std::vector<double> x = {kInfinity,  1, kInfinity, -kInfinity,
                                 -kInfinity, 2, -kInfinity};
  const Results soft = ResultsOf(kSoft, 1, x);
  const double y[] = {kInfinity, kInfinity, 2};
  const double dx[] = {0.5, 0, 1.5, 0, 0, 1, 0};
  for (size_t i = 0; i < kOut; ++i) CheckClose(soft.y.values[i], y[i], 0, "y");
  for (size_t i = 0; i < kSize; ++i) CheckClose(soft.dx.values[i], dx[i], 0, "dx");
  const std::vector<double> lowest(kSize, -kInfinity);
  CheckClose(ResultsOf(kSoft, 1, lowest).y.values[0], -kInfinity, 0, "all −∞");
  CheckClose(ResultsOf(kSoft, 1, lowest).dx.values[0], 0, 0, "all −∞, dx");
  CheckClose(ResultsOf(kSoft, -1, x).y.values[0], 1, 1e-15, "the least");
  CheckClose(ResultsOf(kSoft, -1, x).y.values[1], -kInfinity, 0, "−∞ is the least");
  CheckClose(ResultsOf(kGem, 3, x).y.values[0], kInfinity, 0, "gem");
  for (const Reduction& reduction : {kGem, kSoft, kMixed}) {
    for (size_t at = 0; at < kWindow; ++at) {
      std::vector<double> values = {kInfinity, 1, -kInfinity, 1, 1, 1, 1};
      values[at] = std::nan("");
      for (const double parameter : {1.0, 0.0625}) {
        const Results results = ResultsOf(reduction, parameter, values);
        CHECK(std::isnan(results.y.values[0]), reduction.name);
        CHECK(!std::isnan(results.y.values[2]), reduction.name);
      }
    }
  }
}

// Of equals the first has the gradient, of zeros of either sign, too, and the first NaN
// of any: windows are taps 0 to 2, 2 to 4 and 4 to 6, and means have 0.3 of a gradient.
void TheFirstMaximumHasTheGradient() {
  const double nan = std::nan("");
  const std::vector<std::pair<std::vector<double>, std::vector<size_t>>> cases = {
      {{1, 1, 1, 1, 1, 1, 1}, {0, 2, 4}},
      {{-0.0, 0, -1, 0, -0.0, -0.0, 0}, {0, 3, 4}},
      {{1, nan, nan, kInfinity, 0, 1, nan}, {1, 2, 6}},
      {{-kInfinity, -kInfinity, -kInfinity, -1, -2, -3, -2}, {0, 3, 4}},
  };
  for (const auto& [values, firsts] : cases) {
    std::vector<double> want(kSize);
    for (size_t o = 0; o < kOut; ++o) {
      for (size_t t = 0; t < kWindow; ++t) want[o * kStride + t] += 0.3 / 3;
      want[firsts[o]] += 0.7;
    }
    const Results results = ResultsOf(kMixed, 0.7, values);
    for (size_t i = 0; i < 2 * kSize; ++i) {
      CheckClose(results.dx.values[i], want[i % kSize], 1e-15, "the first maximum");
    }
  }
  const std::vector<double> zeros(kSize, -0.0);
  CHECK(std::signbit(ResultsOf(kMixed, 0.7, zeros).y.values[0]), "−0 stays");
}

// Lanes that are computed together with one that needs care have the bits that they
// have without it.
void CareForOneChannelChangesNoBitOfOthers() {
  const Layout layout = {19, false};
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal(0, 20);
  Tensor x = Zeros(layout.Shape(kSize));
  for (double& value : x.values) value = normal(random);
  Tensor dy = Zeros(layout.Shape(kOut));
  for (double& value : dy.values) value = normal(random);
  const auto check = [&](const Reduction& reduction, double parameter) {
    const Results tame = ResultsOf(reduction, layout, x, {{}, {parameter}}, dy);
    Tensor other = x;
    for (size_t i = 3; i < other.values.size(); i += 19) {
      other.values[i] = i % 2 ? kMost : i % 4 ? -kInfinity : kInfinity;
    }
    const Results cared = ResultsOf(reduction, layout, other, {{}, {parameter}}, dy);
    const auto compare = [](const Tensor& a, const Tensor& b, const char* what) {
      for (size_t i = 0; i < a.values.size(); ++i) {
        CHECK(i % 19 == 3 || a.values[i] == b.values[i], what);
      }
    };
    compare(tame.y, cared.y, "y");
    compare(tame.slopes, cared.slopes, "slopes");
    compare(tame.dx, cared.dx, "dx");
  };
  for (const double beta : {0.0, 0.3, -1.0}) check(kSoft, beta);
  for (const double p : {0.1, 0.7, 3.0, 40.0}) check(kGem, p);
}

void ParametersAreChecked() {
  const Layout layout = {4, false};
  Tensor x = Zeros(layout.Shape(kSize));
  Tensor y = Zeros(layout.Shape(kOut));
  const auto refuses = [&](const char* op, const Reduction& reduction,
                           std::vector<KerasPoolingArray> inputs, const char* part) {
    const KerasPoolingStatus status = Run(op, reduction, layout, std::move(inputs), &y);
    const std::string message = KerasPoolingMessage();
    CHECK(status == KERAS_POOLING_INVALID_ARGUMENT, message);
    CHECK(message.find(part) != std::string::npos, message + " lacks " + part);
  };
  Tensor three = Zeros({3});
  Tensor matrix = Zeros({1, 4});
  KerasPoolingArray other = three.array();
  other.type = KERAS_POOLING_FLOAT32;
  for (const Reduction& reduction : {kGem, kSoft, kMixed}) {
    refuses("BlendingPool", reduction, {x.array()}, "expected 2 inputs");
    for (Tensor* tensor : {&three, &matrix}) {
      refuses("BlendingPool", reduction, {x.array(), tensor->array()},
              "parameter must hold one number");
    }
    refuses("BlendingPool", reduction, {x.array(), other},
            "the parameter of float64 and its gradient must be float64");
  }
  refuses("BlendingPoolParameterGrad", {"avg", nullptr, false, {}}, {x.array()},
          "reduction must be one of gem");
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  for (const Reduction& reduction : {kGem, kSoft, kMixed}) {
    for (const int64_t channels : {1, 3, 19, 40}) {
      for (const bool channels_first : {false, true}) {
        for (const bool is_per_channel : {false, true}) {
          ReductionFollowsItsDefinition(reduction, {channels, channels_first},
                                        is_per_channel);
        }
      }
    }
  }
  ScalesDoNotMatter();
  NothingOverflows();
  InfinitiesHaveTheirWay();
  TheFirstMaximumHasTheGradient();
  CareForOneChannelChangesNoBitOfOthers();
  ParametersAreChecked();
  return Summary();
}
