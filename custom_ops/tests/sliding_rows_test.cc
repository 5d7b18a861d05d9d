// Rows that come and go, against a plain array of all of them.
#include "kernels/walks/sliding_rows.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/check.h"

namespace keras_pooling::tests {
namespace {

using Cells = std::vector<unsigned char>;

// Writes to rows that are held, slides, and compares.
void Slides(int64_t depths, Range all, int64_t count, std::mt19937_64& random) {
  constexpr int64_t kRow = 3;  // bytes
  Cells memory(static_cast<size_t>(depths * count * kRow), 0xa5);
  SlidingRows rows(depths, all, count, kRow, memory.data());
  Cells want(static_cast<size_t>(depths * all.size() * kRow));
  const auto compare = [&](const std::string& what) {
    const Range held = rows.held();
    for (int64_t d = 0; d < depths; ++d) {
      for (int64_t row = held.begin; row < std::min(held.end, all.end); ++row) {
        for (int64_t i = 0; i < kRow; ++i) {
          const auto at =
              static_cast<size_t>((d * count + row - held.begin) * kRow + i);
          const auto in_all =
              static_cast<size_t>((d * all.size() + row - all.begin) * kRow + i);
          CHECK(memory[at] == want[in_all], what + ", row " + std::to_string(row));
        }
      }
    }
  };
  const auto write = [&] {
    const Range held = rows.held();
    for (int64_t d = 0; d < depths; ++d) {
      for (int64_t row = held.begin; row < std::min(held.end, all.end); ++row) {
        if (random() % 2 == 0) continue;
        const auto value = static_cast<unsigned char>(random());
        memory[static_cast<size_t>((d * count + row - held.begin) * kRow)] = value;
        want[static_cast<size_t>((d * all.size() + row - all.begin) * kRow)] = value;
      }
    }
  };
  CHECK(rows.held().begin == all.begin && rows.held().size() == count, "at first");
  compare("at first");
  while (rows.held().end < all.end) {
    write();
    const int64_t to =
        rows.held().begin + 1 + static_cast<int64_t>(random() % 6);  // or beyond
    rows.SlideTo(to);
    CHECK(rows.held().begin == to && rows.held().size() == count, "where it slid to");
    compare("slid to " + std::to_string(to));
  }
  rows.Restart();
  CHECK(rows.held().begin == all.begin && rows.held().size() == count, "restarted");
  std::fill(want.begin(), want.end(), static_cast<unsigned char>(0));
  compare("restarted");
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  std::mt19937_64 random(1);
  for (int64_t depths = 1; depths <= 3; ++depths) {
    for (int64_t count = 1; count <= 5; ++count) {
      Slides(depths, {-2, 17}, count, random);
      Slides(depths, {0, count}, count, random);  // never slides
    }
  }
  return Summary();
}
