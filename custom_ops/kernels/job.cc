#include "kernels/job.h"

#include <algorithm>

namespace keras_pooling {

size_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kInt8:
    case ElementType::kUint8:
      return 1;
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
  }
  return 0;
}

size_t TapSize(TapType type) { return type == TapType::kUint8 ? 1 : 4; }

bool Job::Streams() const {
  constexpr int64_t kMostCached = int64_t{32} << 20;
  const int64_t positions = plan.in_positions() + plan.out_positions();
  return plan.batch * plan.channels * positions *
             static_cast<int64_t>(ElementSize(call.type)) >
         kMostCached;
}

int64_t Job::Cost(int64_t lanes) const {
  double steps = 1.0;
  if (walk == Walk::kScatter || walk == Walk::kScatterColumns) {
    // One addition, lane by lane, for every output.
    steps = 8.0 * static_cast<double>(plan.out_positions()) /
            static_cast<double>(plan.in_positions());
  } else {
    for (int i = 0; i < kMaxRank; ++i) {
      double reads = 0.0;
      for (const Span& span : plan.axes[i].spans)
        reads += static_cast<double>(span.count);
      steps *= reads / static_cast<double>(visited(i));
    }
  }
  return 5 + static_cast<int64_t>((steps + 1.0) * static_cast<double>(lanes) * 0.1);
}

Tiling::Tiling(const Job& job) : job_(&job) {
  for (int i = 0; i < kMaxRank; ++i) {
    sizes_[i] = job.visited(i);
    counts_[i] = 1;
  }
}

Box Tiling::BoxOf(int64_t index) const {
  Box box;
  for (int i = kMaxRank - 1; i >= 0; --i) {
    const int64_t begin = index % counts_[i] * sizes_[i];
    box.axes[i] = {begin, std::min(begin + sizes_[i], job_->visited(i))};
    index /= counts_[i];
  }
  return box;
}

bool Tiling::Split(double windows) {
  for (int i = 0; i < kMaxRank; ++i) {
    const Axis& axis = job_->plan.axes[i];
    const double taps = axis.disjoint ? 0.0 : static_cast<double>(axis.max_taps);
    if (sizes_[i] == 1 || static_cast<double>(sizes_[i]) <= windows * taps) continue;
    sizes_[i] = (sizes_[i] + 1) / 2;
    counts_[i] = (job_->visited(i) + sizes_[i] - 1) / sizes_[i];
    return true;
  }
  return false;
}

int64_t Tiling::ScratchBytes(int64_t lanes) const {
  if (job_->kernel.scratch_bytes == nullptr) return 0;
  int64_t most = 0;
  for (int64_t i = 0; i < boxes(); ++i) {
    most = std::max(most, job_->kernel.scratch_bytes(job_->plan, BoxOf(i), lanes));
  }
  return most;
}

}  // namespace keras_pooling
