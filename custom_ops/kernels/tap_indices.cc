// From winning taps to indices into the image. Knows no instruction set.
#include <atomic>
#include <limits>

#include "kernels/kernel.h"

namespace keras_pooling {
namespace {

struct IndexJob {
  const std::vector<Plan>& plans;
  int64_t batch;
  int64_t channels;
  std::atomic<bool>* is_outside;

  const Plan& PlanOf(int64_t image, int64_t channel) const {
    const auto count = static_cast<int64_t>(plans.size());
    const int64_t index = count == 1       ? 0
                          : count == batch ? image
                                           : image * channels + channel;
    return plans[static_cast<size_t>(index)];
  }
};

// The position of a tap along one axis; false if the window has no such tap.
bool PositionOf(const Axis& axis, int64_t out, int64_t tap, int64_t* position) {
  const Span& span = axis.spans[static_cast<size_t>(out)];
  const int64_t offset = tap - span.first_tap;
  *position = span.first + offset * axis.dilation;
  return offset >= 0 && offset < span.count;
}

template <class Tap, class Index>
struct TypedIndexJob : IndexJob {
  const Tap* taps;
  Index* indices;

  static void Run(const void* context, int64_t begin, int64_t end) {
    const auto& job = *static_cast<const TypedIndexJob*>(context);
    const bool channels_first = job.plans.front().channels_first;
    const int64_t positions = job.plans.front().out_positions();
    const int64_t inner = channels_first ? 1 : job.channels;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / (positions * job.channels);
      const int64_t channel =
          channels_first ? i / positions % job.channels : i % job.channels;
      const Axis* const axes = job.PlanOf(image, channel).axes;
      int64_t place = i / inner;
      const int64_t w = place % axes[2].out();
      place /= axes[2].out();
      const int64_t h = place % axes[1].out();
      const int64_t d = place / axes[1].out() % axes[0].out();
      const auto tap = static_cast<int64_t>(job.taps[i]);
      int64_t at[kMaxRank];
      const bool inside =
          tap >= 0 && PositionOf(axes[2], w, tap % axes[2].max_taps, &at[2]) &&
          PositionOf(axes[1], h, tap / axes[2].max_taps % axes[1].max_taps, &at[1]) &&
          PositionOf(axes[0], d, tap / axes[2].max_taps / axes[1].max_taps, &at[0]);
      if (!inside) {
        job.is_outside->store(true);
        return;
      }
      job.indices[i] =
          static_cast<Index>((at[0] * axes[1].in + at[1]) * axes[2].in + at[2]);
    }
  }
};

template <class Tap, class Index>
void Convert(const IndexJob& shared, const void* taps, void* indices,
             const Parallel& parallel) {
  const TypedIndexJob<Tap, Index> job = {shared, static_cast<const Tap*>(taps),
                                         static_cast<Index*>(indices)};
  parallel.For(shared.batch * shared.channels * shared.plans.front().out_positions(),
               20, {&job.Run, &job});
}

}  // namespace

std::string TapIndices(const std::vector<Plan>& plans, int64_t batch, int64_t channels,
                       TapType tap_type, const void* taps, bool wide, void* indices,
                       const Parallel& parallel) {
  const int64_t plane = plans.front().in_positions();
  if (!wide && plane - 1 > std::numeric_limits<int32_t>::max()) {
    return "indices of a plane of " + std::to_string(plane) + " elements need int64";
  }
  std::atomic<bool> is_outside(false);
  const IndexJob job = {plans, batch, channels, &is_outside};
  if (tap_type == TapType::kUint8) {
    wide ? Convert<uint8_t, int64_t>(job, taps, indices, parallel)
         : Convert<uint8_t, int32_t>(job, taps, indices, parallel);
  } else {
    wide ? Convert<int32_t, int64_t>(job, taps, indices, parallel)
         : Convert<int32_t, int32_t>(job, taps, indices, parallel);
  }
  return is_outside ? "a tap lies outside its window" : "";
}

}  // namespace keras_pooling
