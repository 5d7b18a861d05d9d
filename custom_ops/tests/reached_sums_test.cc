// Sums of what windows reach, where every tap of every window counts as one: in the end
// a position's sum is the number of windows that read it.
#include "kernels/walks/reached_sums.h"

#include <random>
#include <string>
#include <vector>

#include "kernels/spec/geometry.h"
#include "tests/check.h"

namespace keras_pooling::tests {
namespace {

int64_t Readers(const Axis& axis, int64_t position) {
  int64_t count = 0;
  for (int64_t o = 0; o < axis.out(); ++o) {
    const Span span = axis.span(o);
    count += position >= span.first && position < span.first + span.count;
  }
  return count;
}

void CountsReaders(const Plan& plan, const Box& box, int64_t lanes,
                   const std::string& what) {
  const int64_t bytes = ReachedSums::Bytes(plan, box, lanes, sizeof(int32_t));
  std::vector<int32_t> memory(static_cast<size_t>(bytes) / sizeof(int32_t), 0x5a5a5a5a);
  ReachedSums sums(plan, box, lanes, sizeof(int32_t), memory.data());
  auto* const counts = static_cast<int32_t*>(sums.sums());
  int64_t stored = 0;
  const auto add = [&](int64_t d, int64_t h) {
    for (int64_t w = sums.outputs(2).begin; w < sums.outputs(2).end; ++w) {
      sums.UseShape(sums.Taps(0, d), sums.Taps(1, h), sums.Taps(2, w));
      const int64_t at = sums.RowAt(d, h) + sums.ColumnAt(w) + lanes - 1;
      for (int64_t tap = 0; tap < sums.taps(); ++tap) {
        if (sums.table()[tap] >= 0) ++counts[at + sums.table()[tap]];
      }
    }
  };
  const auto store = [&](int64_t d, int64_t h) {
    for (int64_t w = box.axes[2].begin; w < box.axes[2].end; ++w, ++stored) {
      const int64_t want = Readers(plan.axes[0], d) * Readers(plan.axes[1], h) *
                           Readers(plan.axes[2], w);
      CHECK(counts[sums.Of(d, h, w) + lanes - 1] == want,
            what + ", position " + std::to_string(d) + " " + std::to_string(h) + " " +
                std::to_string(w));
    }
  };
  sums.Run(add, store);
  CHECK(stored == box.positions(), what + ", rows stored");
  sums.Restart();  // nothing of the first run may be left
  sums.Run(add, store);
  CHECK(stored == 2 * box.positions(), what + ", rows stored again");
}

Range Part(int64_t size, std::mt19937_64& random) {
  const auto begin = static_cast<int64_t>(random() % static_cast<uint64_t>(size));
  const auto count =
      1 + static_cast<int64_t>(random() % static_cast<uint64_t>(size - begin));
  return {begin, begin + count};
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling;         // NOLINT(build/namespaces)
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  std::mt19937_64 random(7);
  const auto any = [&](int64_t least, int64_t most) {
    return least +
           static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
  };
  for (int i = 0; i < 400; ++i) {
    PoolSpec spec;
    spec.padding = i % 2 == 0 ? Padding::kSame : Padding::kValid;
    if (i % 5 == 4) spec.geometry = Geometry::kAdaptive;
    spec.axes.resize(kMaxRank);
    std::vector<int64_t> sizes;
    std::string what = "case " + std::to_string(i);
    const bool is_deep = i % 3 == 0;
    for (size_t axis = 0; axis < kMaxRank; ++axis) {
      const bool is_flat = axis == 0 && !is_deep;
      spec.axes[axis].window = is_flat ? 1 : any(1, 5);
      spec.axes[axis].stride = is_flat ? 1 : any(1, 3);
      sizes.push_back(is_flat ? 1 : any(5, 14));
    }
    std::vector<Plan> plans;
    const std::string error = MakePlans(spec, 1, 1, sizes, Regions(), &plans);
    CHECK(error.empty(), what + ": " + error);
    Plan& plan = plans.front();
    for (Axis& axis : plan.axes) axis.IndexReaders();
    Box box;
    for (int axis = 0; axis < kMaxRank; ++axis) {
      box.axes[axis] = Part(plan.axes[axis].in(), random);
    }
    CountsReaders(plan, box, any(1, 3), what);
  }
  return Summary();
}
