// What came out of a call of the door against the naive reference, for one element
// type. Reductions that the reference does not know are held to what their kind
// promises.
#ifndef KERAS_POOLING_TESTS_DOOR_REFERENCE_H_
#define KERAS_POOLING_TESTS_DOOR_REFERENCE_H_

#include <algorithm>
#include <cmath>

#include "tests/door_call.h"
#include "tests/learned_reference.h"
#include "tests/trial.h"

namespace keras_pooling::tests {

inline long double WantedOf(const RoundedNumber& number) { return number.value; }
inline long double WantedOf(const ExactSum& sum) { return sum.sum; }

template <class T>
bool IsNear(T got, const RoundedNumber& want) {
  using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const long double value = ValueOf(got);
  if (want.is_open) return true;
  if (std::isnan(want.value) || std::isinf(want.value)) {
    return std::isnan(want.value) ? std::isnan(value) : value == want.value;
  }
  const long double stored =
      std::ldexp(std::fabs(want.value), -Info<T>::kBits) +
      std::ldexp(1.0L, Info<T>::kLeastExponent - Info<T>::kBits + 1);
  // A rounding loses a part of the number, or of a subnormal one up to half its unit.
  const long double lost =
      want.roundings *
      (static_cast<long double>(std::numeric_limits<Lane>::epsilon()) * want.magnitude +
       static_cast<long double>(std::numeric_limits<Lane>::denorm_min()) / 2);
  return std::fabs(value - want.value) <= stored + 1.01L * lost + want.absolute;
}

// The windows of a setting with the edges that a CallMaker drew for it.
inline Reference ReferenceOf(const Setting& setting, const std::vector<Tensor>& edges) {
  PoolSpec spec;
  const std::string error = ParseSpec(setting.attributes, &spec);
  CHECK(error.empty(), error);
  EdgeRows rows;
  for (const Tensor& tensor : edges) {
    rows.emplace_back();
    const auto length = static_cast<size_t>(tensor.shape[1]);
    for (size_t i = 0; i < tensor.count(); ++i) {
      if (i % length == 0) rows.back().emplace_back();
      rows.back().back().push_back(tensor.Integer(i));
    }
  }
  return Reference(spec, setting.batch, setting.channels, setting.sizes, rows);
}

template <class T>
class DoorReference {
 public:
  DoorReference(const Setting& setting, const std::vector<Tensor>& edges,
                const DoorCall& call)
      : call_(call),
        what_(Describe(setting, *call.op)),
        name_(call.attributes.reduction),
        reference_(ReferenceOf(setting, edges)) {
    std::memcpy(&p_, &call.attributes.p_bits, sizeof(p_));
  }

  void Check() {
    const Role output = call_.outputs.front().role;
    if (output == Role::kEdges) return CheckEdges();
    const bool is_at_inputs = output == Role::kDx || output == Role::kX;
    CHECK(static_cast<int64_t>(call_.outputs.front().count()) ==
              (is_at_inputs ? reference_.inputs() : reference_.outputs()),
          what_ + ", elements");
    if (output == Role::kIndices) return CheckIndices();
    if (Find(Role::kIndices)) return CheckUnpooled();
    if (call_.op->serves == Serves::kSelecting) {
      if (Find(Role::kDx)) return CheckSelectedGradient();
      CheckSelected();
      if (!Find(Role::kSeed) && name_ == "max") CheckMax();
      if (Find(Role::kSeed)) CheckDrawn();
      return;
    }
    if constexpr (Info<T>::kFloating) {
      if (name_ == "avg") return CheckAverage();
      if (name_ == "lp") return Find(Role::kDx) ? CheckLpGradient() : CheckLp();
      if (name_ == "median") return CheckMedian();
      if (name_ == "expectation") CheckExpectation();
      if (Find(Role::kParameter)) CheckLearned();
    }
  }

 private:
  const Tensor* Find(Role role) const {
    for (const auto* tensors : {&call_.inputs, &call_.outputs}) {
      for (const Tensor& tensor : *tensors) {
        if (tensor.role == role) return &tensor;
      }
    }
    return nullptr;
  }
  T Value(Role role, int64_t i) const {
    return Find(role)->template At<T>(static_cast<size_t>(i));
  }
  auto ExactValue(Role role, int64_t i) const { return ValueOf(Value(role, i)); }
  int64_t Tap(int64_t i) const {
    return Find(Role::kTaps)->Integer(static_cast<size_t>(i));
  }
  size_t outputs() const { return static_cast<size_t>(reference_.outputs()); }
  size_t inputs() const { return static_cast<size_t>(reference_.inputs()); }

  template <class Want, class Element = T>
  void CheckAll(Role role, const std::vector<Want>& want) const {
    for (size_t i = 0; i < want.size(); ++i) {
      const auto got = Find(role)->template At<Element>(i);
      CHECK(IsNear(got, want[i]), what_ + ", element " + std::to_string(i) + " is " +
                                      ShortText(ValueOf(got)) + ", not " +
                                      ShortText(WantedOf(want[i])));
    }
  }

  // The output is the input at the tap. Where halves go through float32 for the sake of
  // a draw, a signalling NaN becomes a quiet one.
  void CheckSelected() const {
    std::vector<int64_t> found(outputs(), -1);
    reference_.ForEachTap([&](const TapVisit& v) {
      if (Tap(v.output) == v.tap) found[static_cast<size_t>(v.output)] = v.input;
    });
    for (size_t o = 0; o < found.size(); ++o) {
      CHECK(found[o] >= 0, what_ + ", a tap outside its window");
      if (found[o] < 0) continue;
      const T from = Value(Role::kX, found[o]);
      const T to = Value(Role::kY, static_cast<int64_t>(o));
      const bool are_nans = Find(Role::kSeed) && IsNan(from) && IsNan(to);
      CHECK(are_nans || std::memcmp(&from, &to, sizeof(T)) == 0,
            what_ + ", not the tap's value");
    }
  }

  void CheckMax() const {
    std::vector<int64_t> best(outputs(), -1);
    std::vector<int64_t> taps(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      int64_t& to = best[static_cast<size_t>(v.output)];
      if (to >= 0 && !Beats(Value(Role::kX, v.input), Value(Role::kX, to))) return;
      to = v.input;
      taps[static_cast<size_t>(v.output)] = v.tap;
    });
    for (size_t o = 0; o < taps.size(); ++o) {
      CHECK(Tap(static_cast<int64_t>(o)) == taps[o], what_ + ", not the first maximum");
    }
  }

  // A tap of weight 0 is drawn only where all are; a NaN always.
  void CheckDrawn() const {
    std::vector<bool> has_weight(outputs());
    std::vector<bool> has_nan(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      has_weight[o] = has_weight[o] || ExactValue(Role::kX, v.input) > 0;
      has_nan[o] = has_nan[o] || IsNan(Value(Role::kX, v.input));
    });
    for (size_t o = 0; o < has_nan.size(); ++o) {
      const T y = Value(Role::kY, static_cast<int64_t>(o));
      CHECK(IsNan(y) == has_nan[o], what_ + ", NaN");
      CHECK(has_nan[o] || !has_weight[o] || ValueOf(y) > 0, what_ + ", no weight");
    }
  }

  void CheckSelectedGradient() const {
    if constexpr (Info<T>::kFloating) {
      std::vector<ExactSum> dx(inputs());
      reference_.ForEachTap([&](const TapVisit& v) {
        const bool won = Tap(v.output) == v.tap;
        dx[static_cast<size_t>(v.input)].Add(won ? ExactValue(Role::kDy, v.output)
                                                 : 0.0L);
      });
      CheckAll(Role::kDx, dx);
    }
  }

  void CheckIndices() const {
    reference_.ForEachTap([&](const TapVisit& v) {
      if (Tap(v.output) != v.tap) return;
      CHECK(Find(Role::kIndices)->Integer(static_cast<size_t>(v.output)) == v.place,
            what_ + ", index");
    });
  }

  // The last window with an index puts its value there: neither more nor less than its
  // bits.
  void CheckUnpooled() const {
    std::vector<int64_t> last(inputs(), -1);
    std::vector<int64_t> input(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      if (Find(Role::kIndices)->Integer(o) != v.place) return;
      input[o] = v.input;
      int64_t& to = last[static_cast<size_t>(v.input)];
      to = std::max(to, v.output);
    });
    const Tensor& got = call_.outputs.front();
    const bool is_gradient = got.role == Role::kDy;
    for (size_t i = 0; i < got.count(); ++i) {
      const auto at = static_cast<int64_t>(i);
      T want{};
      if (is_gradient && last[static_cast<size_t>(input[i])] == at) {
        want = Value(Role::kDx, input[i]);
      }
      if (!is_gradient && last[i] >= 0) want = Value(Role::kY, last[i]);
      const T value = got.At<T>(i);
      CHECK(std::memcmp(&value, &want, sizeof(T)) == 0,
            what_ + ", element " + std::to_string(i));
    }
  }

  void CheckAverage() const {
    const bool is_gradient = Find(Role::kDx) != nullptr;
    std::vector<ExactSum> sums(is_gradient ? inputs() : outputs());
    if (!is_gradient) {
      for (ExactSum& sum : sums) sum.sum = -0.0L;  // an average of −0 is −0
    }
    reference_.ForEachTap([&](const TapVisit& v) {
      const long double term =
          is_gradient ? ExactValue(Role::kDy, v.output) : ExactValue(Role::kX, v.input);
      sums[static_cast<size_t>(is_gradient ? v.input : v.output)].Add(term / v.divisor);
    });
    CheckAll(is_gradient ? Role::kDx : Role::kY, sums);
  }

  // A relative error of a sum of powers is p times smaller in its root. A power may
  // lose a rounding for each factor.
  void CheckLp() const {
    std::vector<RoundedNumber> y(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      RoundedNumber& sum = y[static_cast<size_t>(v.output)];
      const long double x = std::fabs(ExactValue(Role::kX, v.input));
      sum.value += std::pow(x, static_cast<long double>(p_)) / v.divisor;
      sum.roundings += 1;
    });
    for (RoundedNumber& sum : y) {
      sum.value = std::pow(sum.value, 1.0L / p_);
      sum.magnitude = sum.value;
      sum.roundings = (sum.roundings + p_ + 3) / p_ + 2;
    }
    CheckAll(Role::kY, y);
  }

  void CheckLpGradient() const {
    std::vector<RoundedNumber> dx(inputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const long double x = ExactValue(Role::kX, v.input);
      const long double y = ExactValue(Role::kY, v.output);
      if (y == 0 || x == 0) return;
      const long double term =
          ExactValue(Role::kDy, v.output) *
          std::pow(std::fabs(x) / y, static_cast<long double>(p_) - 1) / v.divisor;
      RoundedNumber& sum = dx[static_cast<size_t>(v.input)];
      sum.value += x < 0 ? -term : term;
      sum.magnitude += std::fabs(term);
      sum.roundings += 1;
    });
    for (RoundedNumber& sum : dx) sum.roundings += 2 * std::fabs(p_ - 1) + 6;
    CheckAll(Role::kDx, dx);
  }

  // Σ w · x / Σ w, w = max(x, 0), or 1 where no tap is greater than 0. An infinity
  // takes all the weight.
  void CheckExpectation() const {
    constexpr long double kInfinity = std::numeric_limits<long double>::infinity();
    std::vector<long double> greatest(outputs(), -kInfinity);
    std::vector<bool> has_nan(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const long double x = ExactValue(Role::kX, v.input);
      greatest[o] = std::max(greatest[o], x);
      has_nan[o] = has_nan[o] || std::isnan(x);
    });
    std::vector<RoundedNumber> y(outputs());
    std::vector<long double> weights(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const long double x = ExactValue(Role::kX, v.input);
      const long double weight = greatest[o] == kInfinity ? (x == kInfinity ? 1 : 0)
                                 : greatest[o] <= 0       ? 1
                                                          : std::max(x, 0.0L);
      weights[o] += weight;
      y[o].roundings += 1;
      if (weight == 0) return;
      y[o].value += weight * x;
      y[o].magnitude += std::fabs(weight * x);
    });
    for (size_t o = 0; o < y.size(); ++o) {
      y[o].value = has_nan[o] ? std::nanl("") : y[o].value / weights[o];
      y[o].magnitude /= weights[o];
      y[o].roundings = 2 * y[o].roundings + 4;
    }
    CheckAll(Role::kY, y);
  }

  // The middle tap in order, or half of each of two; of equals the first; or the first
  // NaN.
  void CheckMedian() const {
    std::vector<std::vector<TapVisit>> windows(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      windows[static_cast<size_t>(v.output)].push_back(v);
    });
    std::vector<RoundedNumber> y(outputs());
    std::vector<ExactSum> dx(inputs());
    for (size_t o = 0; o < windows.size(); ++o) {
      const auto value = [&](const TapVisit& v) {
        return ExactValue(Role::kX, v.input);
      };
      std::vector<TapVisit> in_order = windows[o];
      std::stable_sort(in_order.begin(), in_order.end(),
                       [&](const TapVisit& a, const TapVisit& b) {
                         if (std::isnan(value(a)) || std::isnan(value(b))) {
                           return std::isnan(value(a)) && !std::isnan(value(b));
                         }
                         return value(a) < value(b);
                       });
      const size_t count = in_order.size();
      const bool has_nan = std::isnan(value(in_order.front()));
      for (const size_t place : {(count - 1) / 2, count / 2}) {
        const TapVisit& middle = in_order[has_nan ? 0 : place];
        const auto first = std::find_if(
            in_order.begin(), in_order.end(),
            [&](const TapVisit& v) { return has_nan || value(v) == value(middle); });
        y[o].value += value(*first) / 2;
        y[o].magnitude += std::fabs(value(*first)) / 2;
        y[o].roundings += 1;
        if (Find(Role::kDx)) {
          dx[static_cast<size_t>(first->input)].Add(
              ExactValue(Role::kDy, static_cast<int64_t>(o)) / 2);
        }
      }
    }
    Find(Role::kDx) ? CheckAll(Role::kDx, dx) : CheckAll(Role::kY, y);
  }

  // Reductions that learn: whatever of a window's values the op gives.
  void CheckLearned() const {
    using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const Tensor& parameter = *Find(Role::kParameter);
    std::vector<LearnedWindow> windows(outputs());
    std::vector<std::vector<int64_t>> places(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      windows[o].taps.push_back(ExactValue(Role::kX, v.input));
      windows[o].divisor = v.divisor;
      places[o].push_back(v.input);
    });
    std::vector<RoundedNumber> y;
    std::vector<RoundedNumber> slopes;
    std::vector<RoundedNumber> dx(inputs());
    std::vector<ExactSum> sums(inputs());
    for (size_t o = 0; o < windows.size(); ++o) {
      const size_t channel = reference_.ChannelOf(static_cast<int64_t>(o));
      windows[o].parameter =
          parameter.template At<Lane>(parameter.count() == 1 ? 0 : channel);
      const bool has_y = Find(Role::kY) != nullptr && Find(Role::kDy) != nullptr;
      const long double stored =
          has_y ? ExactValue(Role::kY, static_cast<int64_t>(o)) : 0.0L;
      const LearnedValues values =
          name_ == "gem"     ? GemOf(windows[o], Lane(1e-6), stored)
          : name_ == "mixed" ? MixedOf(windows[o])
                             : SoftOf(windows[o], std::numeric_limits<Lane>::min());
      y.push_back(values.y);
      slopes.push_back(values.slope);
      if (!Find(Role::kDx)) continue;
      const long double dy = ExactValue(Role::kDy, static_cast<int64_t>(o));
      for (size_t i = 0; i < places[o].size(); ++i) {
        const RoundedNumber& part = values.gradient[i];
        const auto at = static_cast<size_t>(places[o][i]);
        dx[at].is_open |= part.is_open || !std::isfinite(dy);
        dx[at].value += dy * part.value;
        dx[at].magnitude += std::fabs(dy) * part.magnitude * part.roundings;
        dx[at].absolute +=
            std::fabs(dy) * part.absolute + std::numeric_limits<Lane>::denorm_min();
        sums[at].Add(dy * part.value);
      }
    }
    for (size_t i = 0; i < dx.size(); ++i) {
      dx[i].roundings = 1;
      dx[i].magnitude +=
          static_cast<long double>(sums[i].terms + 2) * sums[i].magnitude;
    }
    if (Find(Role::kParameterGradient)) {
      return CheckAll<RoundedNumber, Lane>(Role::kParameterGradient, slopes);
    }
    Find(Role::kDx) ? CheckAll(Role::kDx, dx) : CheckAll(Role::kY, y);
  }

  // Gaps of floor(size / count) or one more, from 0 to size.
  void CheckEdges() const {
    const Tensor& draw = *Find(Role::kDraw);
    const int64_t size = draw.Integer(0);
    const int64_t count = draw.Integer(1);
    const Tensor& edges = call_.outputs.front();
    for (size_t i = 0; i < edges.count(); ++i) {
      const int64_t at = static_cast<int64_t>(i) % (count + 1);
      if (at == 0) {
        CHECK(edges.Integer(i) == 0, what_);
        continue;
      }
      const int64_t gap = edges.Integer(i) - edges.Integer(i - 1);
      CHECK(gap == size / count || gap == size / count + 1, what_ + ", gap");
      CHECK(at < count || edges.Integer(i) == size, what_ + ", end");
    }
  }

  const DoorCall& call_;
  std::string what_;
  std::string name_;
  Reference reference_;
  double p_ = 0;
};

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_DOOR_REFERENCE_H_
