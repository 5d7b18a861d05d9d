// Norms of lp that overflowed, and the gradients that they are in: one number at a
// time, in double, since it is rare. Knows no instruction set.
#include "kernels/execution/lp_overflow.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "kernels/spec/integers.h"
#include "kernels/walks/windows.h"

namespace keras_pooling {
namespace {

template <class T>
constexpr int kFractionBits = std::is_same_v<T, Float16> ? 10 : 7;
template <class T>
constexpr int kLeastExponent = std::is_same_v<T, Float16> ? -14 : -126;  // if normal

template <class T>
double ValueOf(T half) {
  constexpr int kBits = kFractionBits<T>;
  const int magnitude = half.bits & 0x7fff;
  const double sign = magnitude == half.bits ? 1.0 : -1.0;
  if (magnitude > kHalfInfinity<T>) return std::numeric_limits<double>::quiet_NaN();
  if (magnitude == kHalfInfinity<T>) {
    return sign * std::numeric_limits<double>::infinity();
  }
  const int exponent = std::max(magnitude >> kBits, 1);
  const int units = magnitude - ((exponent - 1) << kBits);
  return sign * std::ldexp(units, exponent - 1 + kLeastExponent<T> - kBits);
}

// To the nearest, of two the even one.
template <class T>
T Rounded(double value) {
  constexpr int kBits = kFractionBits<T>;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const auto half = [sign](int magnitude) {
    return T{static_cast<uint16_t>(sign | magnitude)};
  };
  if (std::isnan(value)) return half(0x7fff);
  int exponent = kLeastExponent<T>;
  if (std::isfinite(value) && value != 0) {
    exponent = std::max(std::ilogb(value), kLeastExponent<T>);
  }
  const double units = std::nearbyint(std::ldexp(std::fabs(value), kBits - exponent));
  // The leading bit of `units`, if it is there, counts the exponent up by one.
  const double magnitude = std::ldexp(exponent - kLeastExponent<T>, kBits) + units;
  return half(static_cast<int>(std::min<double>(magnitude, kHalfInfinity<T>)));
}

// Where the elements of one channel of one image lie.
struct Plane {
  int64_t image;
  int64_t channel;
  const Plan& plan;

  int64_t At(int64_t positions, int64_t position) const {
    return plan.channels_first
               ? (image * plan.all_channels + channel) * positions + position
               : (image * positions + position) * plan.all_channels + channel;
  }
};

template <class T>
class Mending {
 public:
  Mending(const Call& call, const Plane& plane)
      : plane_(plane),
        plan_(plane.plan),
        x_(static_cast<const T*>(call.operands.x)),
        y_(static_cast<const T*>(call.operands.y)),
        dy_(static_cast<const T*>(call.operands.dy)),
        dx_(static_cast<T*>(call.operands.dx)),
        p_(call.operands.parameters.p) {}

  void Mend() {
    if (!HasInfiniteNorm()) return;
    sums_.assign(static_cast<size_t>(plan_.in_positions()), 0.0);
    is_wrong_.assign(sums_.size(), false);
    TapShare tap_share(plan_);
    int64_t out = 0;
    for (int64_t d = 0; d < plan_.axes[0].out(); ++d) {
      for (int64_t h = 0; h < plan_.axes[1].out(); ++h) {
        for (int64_t w = 0; w < plan_.axes[2].out(); ++w) {
          const Spans spans = {plan_.axes[0].span(d), plan_.axes[1].span(h),
                               plan_.axes[2].span(w)};
          AddWindow(out++, spans, tap_share.Of(spans.d, spans.h, spans.w));
        }
      }
    }
    for (int64_t in = 0; in < plan_.in_positions(); ++in) {
      const auto at = static_cast<size_t>(in);
      if (!is_wrong_[at]) continue;
      const double x = Value(x_, plan_.in_positions(), in);
      const double dx = x == 0 ? 0.0 : x < 0 ? -sums_[at] : sums_[at];
      dx_[plane_.At(plan_.in_positions(), in)] = Rounded<T>(dx);
    }
  }

 private:
  struct Spans {
    Span d, h, w;
  };

  double Value(const T* tensor, int64_t positions, int64_t position) const {
    return ValueOf(tensor[plane_.At(positions, position)]);
  }

  bool HasInfiniteNorm() const {
    for (int64_t out = 0; out < plan_.out_positions(); ++out) {
      if (std::isinf(Value(y_, plan_.out_positions(), out))) return true;
    }
    return false;
  }

  // Calls visit(position) for a window's taps.
  template <class Visit>
  void ForTaps(const Spans& spans, const Visit& visit) const {
    const Axis* axes = plan_.axes;
    for (int64_t d = 0; d < spans.d.count; ++d) {
      for (int64_t h = 0; h < spans.h.count; ++h) {
        const int64_t row = (spans.d.first + d * axes[0].dilation()) * axes[1].in() +
                            spans.h.first + h * axes[1].dilation();
        for (int64_t w = 0; w < spans.w.count; ++w) {
          visit(row * axes[2].in() + spans.w.first + w * axes[2].dilation());
        }
      }
    }
  }

  double Magnitude(int64_t in) const {
    return std::fabs(Value(x_, plan_.in_positions(), in));
  }

  void AddWindow(int64_t out, const Spans& spans, double share) {
    double y = Value(y_, plan_.out_positions(), out);
    const bool is_wrong = std::isinf(y) && HasNorm(spans, share, &y);
    const double dy = Value(dy_, plan_.out_positions(), out) * share;
    ForTaps(spans, [&](int64_t in) {
      const auto at = static_cast<size_t>(in);
      if (y != 0) sums_[at] += dy * std::pow(Magnitude(in) / y, p_ - 1);
      if (is_wrong) is_wrong_[at] = true;
    });
  }

  // The norm of a window whose taps are finite: m · (Σ (|x| / m)^p · share)^(1/p), m
  // the greatest tap, by logarithms, which serve for every p.
  bool HasNorm(const Spans& spans, double share, double* norm) const {
    double greatest = 0;
    double taps = 0;
    ForTaps(spans, [&](int64_t in) {
      greatest = std::max(greatest, Magnitude(in));
      taps += 1;
    });
    if (std::isinf(greatest)) return false;
    // What powers differ from 1 by: nothing cancels where p is small.
    double differences = 0;
    ForTaps(spans, [&](int64_t in) {
      differences += std::expm1(p_ * std::log(Magnitude(in) / greatest));
    });
    const double mean = std::log1p(differences / taps) + std::log(taps * share);
    *norm = std::exp(std::log(greatest) + mean / p_);
    return true;
  }

  const Plane plane_;
  const Plan& plan_;
  const T* x_;
  const T* y_;
  const T* dy_;
  T* dx_;
  double p_;
  std::vector<double> sums_;  // of each input position
  std::vector<bool> is_wrong_;
};

// Whether some norm is infinite: a loop of vectors, shared out in blocks.
template <class T>
bool HasInfinity(const Call& call) {
  constexpr int64_t kBlock = int64_t{1} << 16;
  struct Shared {
    const T* y;
    int64_t count;
    std::atomic<bool>& found;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      uint16_t found = 0;
      const int64_t last = std::min(end * kBlock, shared.count);
      for (int64_t i = begin * kBlock; i < last; ++i) {
        found = static_cast<uint16_t>(found | (shared.y[i].bits == kHalfInfinity<T>));
      }
      if (found != 0) shared.found = true;
    }
  };
  int64_t count = 0;
  for (const Plan& plan : *call.plans) count += plan.planes() * plan.out_positions();
  std::atomic<bool> found(false);
  const Shared shared = {static_cast<const T*>(call.operands.y), count, found};
  call.parallel->For(CeilDiv(count, kBlock), kBlock / 16, {&Shared::Run, &shared});
  return found;
}

}  // namespace

bool MayHaveOverflowed(const Call& call) {
  if (call.reduction != Reduction::kLp || call.task != Task::kBackward) return false;
  if (call.type == ElementType::kFloat16) return HasInfinity<Float16>(call);
  return call.type == ElementType::kBFloat16 && HasInfinity<BFloat16>(call);
}

void MendOverflow(const Call& call, const Plan& plan, const Parallel& parallel) {
  struct Shared {
    const Call& call;
    const Plan& plan;
    static void Run(const void* context, int64_t begin, int64_t end) {
      const auto& shared = *static_cast<const Shared*>(context);
      const ExactFloats exact;
      const int64_t channels = shared.plan.channels.size();
      for (int64_t i = begin; i < end; ++i) {
        const Plane plane = {shared.plan.images.begin + i / channels,
                             shared.plan.channels.begin + i % channels, shared.plan};
        if (shared.call.type == ElementType::kFloat16) {
          Mending<Float16>(shared.call, plane).Mend();
        } else {
          Mending<BFloat16>(shared.call, plane).Mend();
        }
      }
    }
  };
  const Shared shared = {call, plan};
  parallel.For(plan.planes(), plan.in_positions() * 50, {&Shared::Run, &shared});
}

}  // namespace keras_pooling
