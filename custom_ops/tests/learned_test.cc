// Reductions with a parameter that learns, through the C entry: values against the
// definition in long double, derivatives against finite differences of it.
#include <cmath>
#include <functional>
#include <random>
#include <string>
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

KerasPoolingStatus Run(const char* name, const Layout& layout,
                       std::vector<KerasPoolingArray> inputs, Tensor* output,
                       const char* reduction = "gem") {
  const int64_t window[] = {kWindow};
  const int64_t strides[] = {kStride};
  const int64_t first[] = {layout.channels_first};
  const KerasPoolingAttribute attributes[] = {{"reduction", reduction, nullptr, 0},
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

// The definition: (mean of max(x, ε)^p)^(1/p) of one window.
long double Gem(const Layout& layout, const Tensor& x, int64_t n, int64_t o, int64_t c,
                long double p) {
  long double sum = 0;
  for (int64_t t = 0; t < kWindow; ++t) {
    const double value = x.values[layout.At(n, o * kStride + t, c, kSize)];
    sum += std::pow(static_cast<long double>(std::max(value, kLeast)), p);
  }
  return std::pow(sum / kWindow, 1 / p);
}

// f′ by central differences; its error is of the order of step² and of eps / step.
long double Slope(const std::function<long double(long double)>& f, long double at) {
  const long double step = 1e-6L * std::max(std::fabs(at), 1.0L);
  return (f(at + step) - f(at - step)) / (2 * step);
}

void CheckClose(double got, long double want, long double scale,
                const std::string& what) {
  CHECK(std::fabs(got - want) <= 1e-9L * scale,
        what + ": " + std::to_string(got) + ", not " + std::to_string(double(want)));
}

void GemFollowsItsDefinition(const Layout& layout, bool is_per_channel) {
  const std::string what = "gem, " + std::to_string(layout.channels) + " channels" +
                           (layout.channels_first ? " first" : "") +
                           (is_per_channel ? ", p per channel" : "");
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-0.5, 2.0);
  Tensor x = Zeros(layout.Shape(kSize));
  for (double& value : x.values) value = uniform(random);
  Tensor p = {{is_per_channel ? layout.channels : 1}, {}};
  for (int64_t c = 0; c < p.shape[0]; ++c)
    p.values.push_back(1.5 + 0.25 * double(c % 9));
  Tensor y = Zeros(layout.Shape(kOut));
  Tensor slopes = y;
  Tensor dy = y;
  for (double& value : dy.values) value = uniform(random);
  Tensor dx = Zeros(layout.Shape(kSize));
  int64_t sizes[] = {kSize};
  const int64_t sizes_shape[] = {1};
  const KerasPoolingArray size = {KERAS_POOLING_INT64, 1, sizes_shape, sizes};
  CHECK(Run("BlendingPool", layout, {x.array(), p.array()}, &y) == KERAS_POOLING_OK,
        KerasPoolingMessage());
  CHECK(Run("BlendingPoolParameterGrad", layout, {x.array(), p.array()}, &slopes) ==
            KERAS_POOLING_OK,
        KerasPoolingMessage());
  CHECK(
      Run("BlendingPoolGrad", layout,
          {dy.array(), size, x.array(), y.array(), p.array()}, &dx) == KERAS_POOLING_OK,
      KerasPoolingMessage());

  std::vector<long double> want_dx(x.values.size());
  for (int64_t n = 0; n < kBatch; ++n) {
    for (int64_t c = 0; c < layout.channels; ++c) {
      const double exponent = p.values[is_per_channel ? static_cast<size_t>(c) : 0];
      for (int64_t o = 0; o < kOut; ++o) {
        const size_t out = layout.At(n, o, c, kOut);
        CheckClose(y.values[out], Gem(layout, x, n, o, c, exponent), 1, what);
        const auto by_p = [&](long double q) { return Gem(layout, x, n, o, c, q); };
        CheckClose(slopes.values[out], Slope(by_p, exponent), 1, what + ", slope");
        for (int64_t t = 0; t < kWindow; ++t) {
          const size_t in = layout.At(n, o * kStride + t, c, kSize);
          const auto by_x = [&](long double value) {
            Tensor changed = x;
            changed.values[in] = static_cast<double>(value);
            return Gem(layout, changed, n, o, c, exponent);
          };
          want_dx[in] += dy.values[out] * Slope(by_x, x.values[in]);
        }
      }
    }
  }
  for (size_t i = 0; i < want_dx.size(); ++i) {
    CheckClose(dx.values[i], want_dx[i], 10, what + ", dx");
  }
}

void ScalesDoNotMatter() {
  const Layout layout = {1, false};
  for (const double scale : {1e-5, 1.0, 1e150, 1e300}) {
    Tensor x = Zeros(layout.Shape(kSize));
    for (size_t i = 0; i < x.values.size(); ++i) {
      x.values[i] = scale * (1.0 + static_cast<double>(i % 5));
    }
    Tensor p = {{}, {8.0}};
    Tensor y = Zeros(layout.Shape(kOut));
    CHECK(Run("BlendingPool", layout, {x.array(), p.array()}, &y) == KERAS_POOLING_OK,
          KerasPoolingMessage());
    const long double want =
        std::pow((1.0L + std::pow(2.0L, 8) + std::pow(3.0L, 8)) / 3, 1.0L / 8);
    CheckClose(y.values[0] / scale, want, 1, "scale " + std::to_string(scale));
  }
}

void ParametersAreChecked() {
  const Layout layout = {4, false};
  Tensor x = Zeros(layout.Shape(kSize));
  Tensor y = Zeros(layout.Shape(kOut));
  const auto refuses = [&](const char* op, std::vector<KerasPoolingArray> inputs,
                           const char* part, const char* reduction = "gem") {
    const KerasPoolingStatus status = Run(op, layout, std::move(inputs), &y, reduction);
    const std::string message = KerasPoolingMessage();
    CHECK(status == KERAS_POOLING_INVALID_ARGUMENT, message);
    CHECK(message.find(part) != std::string::npos, message + " lacks " + part);
  };
  Tensor three = Zeros({3});
  Tensor matrix = Zeros({1, 4});
  refuses("BlendingPool", {x.array()}, "expected 2 inputs");
  refuses("BlendingPool", {x.array(), three.array()}, "parameter must hold one number");
  refuses("BlendingPool", {x.array(), matrix.array()},
          "parameter must hold one number");
  KerasPoolingArray other = three.array();
  other.type = KERAS_POOLING_FLOAT32;
  refuses("BlendingPool", {x.array(), other}, "tensors differ in data type");
  refuses("BlendingPoolParameterGrad", {x.array()}, "reduction must be one of gem",
          "avg");
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  for (const int64_t channels : {1, 3, 19, 40}) {
    for (const bool channels_first : {false, true}) {
      for (const bool is_per_channel : {false, true}) {
        GemFollowsItsDefinition({channels, channels_first}, is_per_channel);
      }
    }
  }
  ScalesDoNotMatter();
  ParametersAreChecked();
  return Summary();
}
