// What reductions that learn a parameter must give of one window, as their definitions
// read, in long double; and how often a kernel may round on the way.
#ifndef KERAS_POOLING_TESTS_LEARNED_REFERENCE_H_
#define KERAS_POOLING_TESTS_LEARNED_REFERENCE_H_

#include <cmath>
#include <limits>
#include <vector>

#include "tests/reference.h"

namespace keras_pooling::tests {

struct LearnedWindow {
  std::vector<long double> taps;
  long double divisor = 1;
  long double parameter = 1;
};

// Of one window: its output, that one's derivative by the parameter, and by each tap.
struct LearnedValues {
  RoundedNumber y;
  RoundedNumber slope;
  std::vector<RoundedNumber> gradient;
};

// (Σ max(x, ε)^p / divisor)^(1/p). The gradient reads y as it was stored.
inline LearnedValues GemOf(const LearnedWindow& window, long double epsilon,
                           long double stored) {
  const long double p = window.parameter;
  const auto count = static_cast<long double>(window.taps.size());
  std::vector<long double> taps;
  long double greatest = 0;
  for (const long double x : window.taps) {
    taps.push_back(x < epsilon ? epsilon : x);
    greatest = std::isnan(x) ? x : std::fmax(greatest, taps.back());
    if (std::isnan(x)) break;
  }
  LearnedValues values;
  values.gradient.resize(window.taps.size());
  if (!std::isfinite(greatest)) {
    values.y.value = values.slope.value = greatest;
    for (RoundedNumber& number : values.gradient) number.is_open = true;
    values.slope.is_open = true;
    return values;
  }
  long double sum = 0;
  long double logs = 0;
  for (const long double x : taps) {
    const long double power = std::pow(x / greatest, p);
    sum += power;
    logs += power * std::log(x / greatest);
  }
  const long double log_of_mean = std::log(sum / window.divisor);
  values.y.value = values.y.magnitude = greatest * std::exp(log_of_mean / p);
  // A power loses p roundings of its logarithm; a root makes 1/p of what is lost.
  const long double of_mean = 3 * p + count + 5;
  values.y.roundings = (of_mean + 4 * std::fabs(log_of_mean)) / p + 4;

  const long double share = logs / sum;
  values.slope.value = values.y.value * (share - log_of_mean / p) / p;
  values.slope.magnitude = values.y.value / p;
  values.slope.roundings = (2 * of_mean + 8) * std::fabs(share) +
                           (of_mean + 8 * std::fabs(log_of_mean)) / p +
                           values.y.roundings * std::fabs(share - log_of_mean / p);
  for (size_t i = 0; i < taps.size(); ++i) {
    RoundedNumber& number = values.gradient[i];
    if (window.taps[i] < epsilon) continue;
    number.value = number.magnitude =
        std::pow(taps[i] / std::fmax(stored, epsilon), p - 1) / window.divisor;
    number.roundings = 3 * std::fabs(p - 1) + 8;
  }
  return values;
}

// α · maximum + (1 − α) · mean. The first maximum, or NaN, has the gradient of it.
inline LearnedValues MixedOf(const LearnedWindow& window) {
  const long double alpha = window.parameter;
  const long double rest = 1 - alpha;
  size_t first = 0;
  long double sum = 0;
  long double magnitude = 0;
  for (size_t i = 0; i < window.taps.size(); ++i) {
    const long double x = window.taps[i];
    const long double best = window.taps[first];
    if (!std::isnan(best) && (std::isnan(x) || x > best)) first = i;
    sum += x;
    magnitude += std::fabs(x);
  }
  const auto count = static_cast<long double>(window.taps.size());
  const long double maximum = window.taps[first];
  const long double mean = sum / window.divisor;
  magnitude /= window.divisor;
  LearnedValues values;
  values.y.value = alpha * maximum + rest * mean;
  values.y.magnitude = std::fabs(alpha * maximum) + std::fabs(rest) * magnitude;
  values.y.roundings = count + 5;
  values.slope.value = maximum - mean;
  values.slope.magnitude = std::fabs(maximum) + magnitude;
  values.slope.roundings = count + 3;
  for (size_t i = 0; i < window.taps.size(); ++i) {
    RoundedNumber number;
    number.value = rest / window.divisor + (i == first ? alpha : 0);
    number.magnitude = std::fabs(rest) / window.divisor + std::fabs(alpha);
    number.roundings = 5;
    values.gradient.push_back(number);
  }
  return values;
}

// Σ e^(βx) · x / Σ e^(βx); `least` is what a kernel may take for 0.
inline LearnedValues SoftOf(const LearnedWindow& window, long double least) {
  constexpr long double kInfinity = std::numeric_limits<long double>::infinity();
  const long double beta = window.parameter;
  const auto count = static_cast<long double>(window.taps.size());
  const long double sign = beta < 0 ? -1 : 1;
  long double top = -kInfinity;
  for (const long double x : window.taps) {
    top = std::isnan(x) ? x : std::fmax(top, sign * x);
    if (std::isnan(x)) break;
  }
  LearnedValues values;
  values.gradient.resize(window.taps.size());
  if (std::isnan(top)) {
    values.y.value = values.slope.value = top;
    for (RoundedNumber& number : values.gradient) number.value = top;
    return values;
  }
  std::vector<long double> gaps;
  std::vector<long double> weights;
  long double total = 0;
  long double mean = 0;
  long double spread = 0;  // Σ w · |gap|
  long double square = 0;  // Σ w · gap²
  for (const long double x : window.taps) {
    gaps.push_back(sign * x == top ? 0 : sign * x - top);
    const long double exponent = beta == 0 ? 0 : sign * beta * gaps.back();
    weights.push_back(gaps.back() == 0 ? 1 : std::exp(exponent));
    total += weights.back();
    if (weights.back() == 0) continue;
    values.y.absolute += least * std::fabs(gaps.back());
    mean += weights.back() * gaps.back();
    spread += weights.back() * std::fabs(gaps.back());
    square += weights.back() * gaps.back() * gaps.back();
  }
  mean /= total;
  spread /= total;
  square /= total;
  values.y.value = sign * (std::isinf(top) ? top : top + mean);
  const long double y = sign * values.y.value;
  const bool is_all = top == -kInfinity;
  const auto steep = std::fabs(beta);
  // A weight loses as many roundings as its exponent is large.
  const long double of_mean = (count + 10) * spread + 3 * steep * square;
  values.y.magnitude = of_mean + 2 * std::fabs(y);
  values.y.roundings = 1;

  values.slope.roundings = 1;
  for (size_t i = 0; i < gaps.size(); ++i) {
    const long double weight = weights[i] / total;
    const long double off = weight == 0 ? 0 : gaps[i] - mean;
    const long double lost = count + 16 + 3 * steep * std::fabs(gaps[i]);
    values.slope.value += weight * off * off;
    values.slope.magnitude +=
        weight == 0 ? 0
                    : weight * (off * off * lost +
                                2 * std::fabs(off) * (std::fabs(gaps[i]) + of_mean));
    values.slope.absolute += least * off * off;

    RoundedNumber& number = values.gradient[i];
    if (is_all || weight == 0) continue;
    const long double pull = std::isinf(top) ? 0 : beta * sign * off;
    number.value = weight * (1 + pull);
    number.roundings = 1;
    number.magnitude =
        weight * (std::fabs(1 + pull) *
                      (3 * std::fabs(pull) + 3 * steep * std::fabs(mean) + count + 14) +
                  3 * std::fabs(pull) + 2 * steep * std::fabs(y) + 1);
    if (std::isinf(top)) number.magnitude = weight * (count + 14);
    number.absolute = least * (1 + std::fabs(pull));
  }
  return values;
}

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_LEARNED_REFERENCE_H_
