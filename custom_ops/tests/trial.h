// One case for one element type: every task it has, compared with the reference. Knows
// no particular case.
#ifndef KERAS_POOLING_TESTS_TRIAL_H_
#define KERAS_POOLING_TESTS_TRIAL_H_

#include <cmath>

#include "kernels/ops/taps.h"
#include "tests/check.h"
#include "tests/elements.h"
#include "tests/plan_call.h"
#include "tests/reference.h"
#include "tests/run_every_way.h"

namespace keras_pooling::tests {

struct Case {
  std::string why;
  PoolSpec spec;
  int64_t batch;
  int64_t channels;
  std::vector<int64_t> sizes;
  Values values = Values::kOrdinary;
};

inline std::string Describe(const Case& c) {
  std::string text = c.why + ": batch " + std::to_string(c.batch) + " channels " +
                     std::to_string(c.channels);
  for (size_t i = 0; i < c.sizes.size(); ++i) {
    const AxisSpec& s = c.spec.axes[i];
    text += " [" + std::to_string(c.sizes[i]);
    for (int64_t part : {s.window, s.stride, s.dilation, s.pad_before, s.pad_after}) {
      text += " " + std::to_string(part);
    }
    text += "]";
  }
  return text + " geometry " + std::to_string(static_cast<int>(c.spec.geometry)) +
         " padding " + std::to_string(static_cast<int>(c.spec.padding)) + " ceil " +
         std::to_string(c.spec.ceil_mode) + " values " +
         std::to_string(static_cast<int>(c.values)) +
         (c.spec.channels_first ? " channels_first" : " channels_last");
}

template <class T>
std::vector<T> As(const std::vector<unsigned char>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <class T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// An operand to read: a copy, no better aligned than its elements, that ends where its
// memory ends, so that a sanitizer sees what reads beyond.
template <class T>
class Input {
 public:
  explicit Input(const std::vector<T>& values) : storage_(values) {
    storage_.insert(storage_.begin(), T());
  }
  T* data() { return storage_.data() + 1; }

 private:
  std::vector<T> storage_;
};

// Whether a sum was rounded no worse than SEMANTICS allow: terms · eps · Σ|term|, of
// subnormal terms up to half a unit each, and once more when stored.
template <class T>
bool IsNear(T got, const ExactSum& want) {
  using Lane = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const long double value = ValueOf(got);
  const long double sum = want.sum;
  if (std::isnan(sum) || std::isinf(sum)) {
    return std::isnan(sum) ? std::isnan(value) : value == sum;
  }
  if (want.magnitude == 0)
    return value == 0 && std::signbit(value) == std::signbit(sum);
  constexpr int kBits = Info<T>::kBits;
  const long double stored = std::ldexp(std::fabs(sum), -kBits) +
                             std::ldexp(1.0L, Info<T>::kLeastExponent - kBits + 1);
  const long double unit = std::numeric_limits<Lane>::denorm_min();
  const long double summed =
      static_cast<long double>(want.terms) *
      (std::numeric_limits<Lane>::epsilon() * want.magnitude + unit / 2);
  return std::fabs(value - sum) <= stored + 1.01L * summed;
}

template <class T>
void CheckNear(const std::vector<unsigned char>& bytes,
               const std::vector<ExactSum>& want, const std::string& what) {
  const std::vector<T> got = As<T>(bytes);
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(IsNear(got[i], want[i]), what + ", element " + std::to_string(i) + " is " +
                                       ShortText(ValueOf(got[i])) + ", not " +
                                       ShortText(want[i].sum));
  }
}

// One case for one element type.
template <class T>
class Trial {
 public:
  Trial(const Case& c, const Reference& reference, std::mt19937_64& random)
      : what_(Describe(c) + " " + Info<T>::kName),
        reference_(reference),
        x_(RandomValues<T>(c.values, reference.inputs(), random)),
        dy_(RandomValues<T>(c.values, reference.outputs(), random)),
        call_(PlanCall(c.spec, c.batch, c.channels, c.sizes, &plans_)) {
    call_.type = Info<T>::kType;
    // What no forward call gives: a backward call must not mind.
    for (int64_t i = 0; i < reference.outputs(); ++i) {
      forged_.push_back(static_cast<int32_t>(
          random() % static_cast<uint64_t>(reference.max_taps() + 2)));
    }
  }

  void Run() {
    Max<uint8_t>(TapType::kNone);
    Max<int32_t>(TapType::kInt32);
    if (reference_.max_taps() <= 256) Max<uint8_t>(TapType::kUint8);
    if constexpr (Info<T>::kFloating) Average();
  }

 private:
  size_t outputs() const { return static_cast<size_t>(reference_.outputs()); }
  size_t inputs() const { return static_cast<size_t>(reference_.inputs()); }

  Outputs Everywhere(Task task, const char* name) {
    call_.task = task;
    return RunEveryWay(
        call_, task == Task::kBackward ? reference_.inputs() : reference_.outputs(),
        sizeof(T), what_ + ", " + name);
  }

  template <class Tap>
  void Max(TapType tap_type) {
    std::vector<T> y(outputs());
    std::vector<Tap> taps(outputs());
    std::vector<bool> seen(outputs());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const T x = x_[static_cast<size_t>(v.input)];
      if (seen[o] && !Beats(x, y[o])) return;
      seen[o] = true;
      y[o] = x;
      taps[o] = static_cast<Tap>(v.tap);
    });
    call_.reduction = Reduction::kMax;
    call_.tap_type = tap_type;
    Input<T> x(x_);
    call_.operands = {};
    call_.operands.x = x.data();
    const Outputs got = Everywhere(Task::kForward, "max");
    CHECK(SameBits(As<T>(got.main), y), what_ + ", max");
    if (tap_type == TapType::kNone) return;
    CHECK(As<Tap>(got.taps) == taps, what_ + ", taps of max");
    Indices(tap_type, taps);
    if constexpr (Info<T>::kFloating) {
      SelectGradients(taps);
      std::vector<Tap> forged(forged_.begin(), forged_.end());
      SelectGradients(forged);
    }
  }

  template <class Tap>
  void SelectGradients(const std::vector<Tap>& tap_values) {
    std::vector<ExactSum> dx(inputs());
    std::vector<T> picked(outputs(), T());
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const auto i = static_cast<size_t>(v.input);
      const bool won = static_cast<int64_t>(tap_values[o]) == v.tap;
      if (won) picked[o] = x_[i];
      dx[i].Add(won ? static_cast<long double>(ValueOf(dy_[o])) : 0.0L);
    });
    Input<Tap> taps(tap_values);
    Input<T> dy(dy_);
    call_.operands = {};
    call_.operands.taps = taps.data();
    call_.operands.dy = dy.data();
    CheckNear<T>(Everywhere(Task::kBackward, "gradient of max").main, dx,
                 what_ + ", gradient of max");
    Input<T> x(x_);
    call_.operands = {};
    call_.operands.taps = taps.data();
    call_.operands.x = x.data();
    CHECK(SameBits(As<T>(Everywhere(Task::kGatherTaps, "pick").main), picked),
          what_ + ", pick");
  }

  template <class Tap>
  void Indices(TapType tap_type, const std::vector<Tap>& taps) {
    std::vector<int64_t> want(outputs());
    std::vector<bool> found(outputs());
    std::vector<int64_t> got(outputs());
    std::vector<int32_t> narrow(outputs());
    const auto check = [&](const std::vector<Tap>& some) {
      std::fill(found.begin(), found.end(), false);
      reference_.ForEachTap([&](const TapVisit& v) {
        const auto o = static_cast<size_t>(v.output);
        if (static_cast<int64_t>(some[o]) != v.tap) return;
        want[o] = v.place;
        found[o] = true;
      });
      const bool all = std::find(found.begin(), found.end(), false) == found.end();
      for (const bool wide : {false, true}) {
        const auto type = wide ? ElementType::kInt64 : ElementType::kInt32;
        void* const indices = wide ? static_cast<void*>(got.data()) : narrow.data();
        const std::string error = TapIndices(plans_, tap_type, some.data(),
                                             {type, {}, indices}, OddRanges(2));
        CHECK(error.empty() == all, what_ + ", indices: \"" + error + "\"");
        const std::string fault =
            CheckTaps(plans_, tap_type, some.data(), OddRanges(2));
        CHECK(fault.empty() == all, what_ + ", check of taps: \"" + fault + "\"");
      }
      CHECK(!all || (got == want && std::equal(narrow.begin(), narrow.end(),
                                               want.begin(), want.end())),
            what_ + ", indices");
    };
    check(taps);
    check(std::vector<Tap>(forged_.begin(), forged_.end()));
    for (const Tap forged :
         {std::numeric_limits<Tap>::lowest(), std::numeric_limits<Tap>::max()}) {
      std::vector<Tap> some = taps;
      if (!some.empty()) some.back() = forged;
      check(some);
    }
  }

  void Average() {
    std::vector<ExactSum> y(outputs());
    std::vector<ExactSum> dx(inputs());
    for (ExactSum& sum : y) sum.sum = -0.0L;  // an average of −0 is −0
    reference_.ForEachTap([&](const TapVisit& v) {
      const auto o = static_cast<size_t>(v.output);
      const auto i = static_cast<size_t>(v.input);
      y[o].Add(static_cast<long double>(ValueOf(x_[i])) / v.divisor);
      dx[i].Add(static_cast<long double>(ValueOf(dy_[o])) / v.divisor);
    });
    call_.reduction = Reduction::kAvg;
    call_.tap_type = TapType::kNone;
    Input<T> x(x_);
    Input<T> dy(dy_);
    call_.operands = {};
    call_.operands.x = x.data();
    CheckNear<T>(Everywhere(Task::kForward, "avg").main, y, what_ + ", avg");
    call_.operands = {};
    call_.operands.dy = dy.data();
    CheckNear<T>(Everywhere(Task::kBackward, "gradient of avg").main, dx,
                 what_ + ", gradient of avg");
  }

  std::string what_;
  const Reference& reference_;
  std::vector<T> x_;
  std::vector<T> dy_;
  std::vector<int32_t> forged_;
  std::vector<Plan> plans_;
  Call call_;
};

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_TRIAL_H_
