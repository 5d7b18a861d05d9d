// Windows against brute force: sizes, spans, readers, and what no spec may ask for.
#include "kernels/spec/geometry.h"
#include "kernels/spec/plan.h"

#include <functional>
#include <limits>

#include "tests/check.h"
#include "tests/reference.h"

namespace keras_pooling::tests {
namespace {

std::string Describe(const PoolSpec& spec, int64_t in) {
  const AxisSpec& s = spec.axes[0];
  const auto text = [](int64_t value) { return std::to_string(value); };
  return "in " + text(in) + (spec.geometry == Geometry::kAdaptive ? " adaptive" : "") +
         " window " + text(s.window) + " stride " + text(s.stride) + " dilation " +
         text(s.dilation) + " padding " + text(static_cast<int>(spec.padding)) + " (" +
         text(s.pad_before) + ", " + text(s.pad_after) + ")" +
         (spec.ceil_mode ? " ceil_mode" : "") +
         (spec.count_include_pad ? " count_include_pad" : "");
}

// The plan of two images with three channels.
std::string MakePlan(const PoolSpec& spec, const std::vector<int64_t>& sizes,
                     Plan* plan) {
  std::vector<Plan> plans;
  const std::string error = MakePlans(spec, 2, 3, sizes, Regions(), &plans);
  if (error.empty()) *plan = plans.front();
  return error;
}

bool Reads(const BruteWindow& window, int64_t position) {
  return std::any_of(window.taps.begin(), window.taps.end(),
                     [=](const WindowTap& tap) { return tap.position == position; });
}

void CheckSpans(const Axis& axis, const BruteAxis& brute, const std::string& what) {
  bool disjoint = axis.dilation() == 1;
  std::vector<int64_t> times_read(static_cast<size_t>(axis.in()), 0);
  for (size_t o = 0; o < brute.windows.size(); ++o) {
    const BruteWindow& window = brute.windows[o];
    const Span& span = axis.span(static_cast<int64_t>(o));
    CHECK(span.count == static_cast<int64_t>(window.taps.size()), what);
    CHECK(span.divisor == window.divisor, what);
    for (size_t t = 0; t < window.taps.size(); ++t) {
      const auto [tap, position] = window.taps[t];
      CHECK(span.first_tap + static_cast<int64_t>(t) == tap, what);
      CHECK(span.first + static_cast<int64_t>(t) * axis.dilation() == position, what);
      CHECK(axis.TapAt(static_cast<int64_t>(o), position) == tap, what);
      if (++times_read[static_cast<size_t>(position)] > 1) disjoint = false;
    }
  }
  CHECK(axis.is_disjoint() == disjoint, what);
  if (!axis.is_disjoint()) return;
  // What the windows own is the whole axis, in order, and includes what they read.
  int64_t end = 0;
  for (int64_t o = 0; o < axis.out(); ++o) {
    const Range owned = axis.Owned(o);
    const Span& span = axis.span(o);
    CHECK(owned.begin == end && owned.begin <= span.first, what);
    CHECK(owned.end >= span.first + span.count, what);
    end = owned.end;
  }
  CHECK(end == axis.in(), what);
}

void CheckReaders(const Axis& axis, const BruteAxis& brute, const std::string& what) {
  for (int64_t i = 0; i < axis.in(); ++i) {
    std::vector<int64_t> want;
    for (int64_t o = 0; o < axis.out(); ++o) {
      if (Reads(brute.windows[static_cast<size_t>(o)], i)) want.push_back(o);
    }
    std::vector<int64_t> got;
    const Readers& readers = axis.readers(i);
    for (int64_t k = 0; k < readers.count; ++k) {
      got.push_back(readers.first + k * axis.reader_step());
    }
    CHECK(got == want, what + ", readers of " + std::to_string(i));
  }
}

// Positions inside are read alike, and none is left out that whole windows alone read.
void CheckInner(const Axis& axis, const std::string& what) {
  const Range inner = axis.inner();
  const int64_t stride = axis.stride();
  CHECK(inner.begin >= 0 && inner.end <= axis.in(), what);
  for (int64_t i = inner.begin; i < inner.end; ++i) {
    const Readers readers = axis.readers(i);
    for (int64_t k = 0; k < readers.count; ++k) {
      const int64_t o = readers.first + k * axis.reader_step();
      CHECK(axis.whole().begin <= o && o < axis.whole().end, what);
      if (i + stride >= inner.end) continue;
      const Readers next = axis.readers(i + stride);
      CHECK(next.first == readers.first + 1 && next.count == readers.count, what);
      CHECK(axis.TapAt(o + 1, i + stride) == axis.TapAt(o, i), what);
      CHECK(axis.span(o + 1).divisor == axis.span(o).divisor, what);
    }
  }
  if (!axis.is_uniform() || axis.whole().size() <= 0) return;
  const int64_t reach = (axis.max_taps() - 1) * axis.dilation();
  const int64_t last = axis.start(axis.whole().end - 1);
  CHECK(inner.begin <= axis.start(axis.whole().begin) + reach, what);
  CHECK(inner.end > last, what);
}

// The windows of an adjoint are the readers of each position, and what was its last tap
// is their first.
void CheckAdjoint(const Plan& plan, const BruteAxis& brute, const std::string& what) {
  const Axis& axis = plan.axes[2];
  const bool is_single = axis.in() == 1 && axis.out() == 1;
  CHECK(HasAdjoint(plan) == (axis.dilation() == 1 && (axis.stride() == 1 || is_single)),
        what);
  if (!HasAdjoint(plan)) return;
  const Plan plan_of_adjoint = AdjointOf(plan);
  const Axis& adjoint = plan_of_adjoint.axes[2];
  CHECK(adjoint.in() == axis.out() && adjoint.out() == axis.in(), what);
  CHECK(adjoint.max_taps() == axis.max_taps(), what);
  for (int64_t i = 0; i < axis.in(); ++i) {
    const Span& span = adjoint.span(i);
    const Readers& readers = axis.readers(i);
    CHECK(span.first == readers.first && span.count == readers.count, what);
    for (int64_t o = span.first; o < span.first + span.count; ++o) {
      CHECK(adjoint.TapAt(i, o) == axis.max_taps() - 1 - axis.TapAt(o, i), what);
    }
  }
  for (int64_t o = 0; o < axis.out(); ++o) {
    CHECK(adjoint.DivisorAt(o) == brute.windows[static_cast<size_t>(o)].divisor, what);
  }
}

// For all ranges of windows, and of positions.
void CheckRanges(const Axis& axis, const BruteAxis& brute, const std::string& what) {
  for (int64_t begin = 0; begin < axis.out(); ++begin) {
    Range want = {axis.in(), 0};
    for (int64_t end = begin + 1; end <= axis.out(); ++end) {
      for (const WindowTap& tap : brute.windows[static_cast<size_t>(end - 1)].taps) {
        want.begin = std::min(want.begin, tap.position);
        want.end = std::max(want.end, tap.position + 1);
      }
      const Range got = axis.InputsOf({begin, end});
      CHECK(got.begin == want.begin && got.end == want.end, what);
    }
  }
  for (int64_t begin = 0; begin < axis.in(); ++begin) {
    Range want = {axis.out(), 0};
    for (int64_t end = begin + 1; end <= axis.in(); ++end) {
      for (int64_t o = 0; o < axis.out(); ++o) {
        if (!Reads(brute.windows[static_cast<size_t>(o)], end - 1)) continue;
        want.begin = std::min(want.begin, o);
        want.end = std::max(want.end, o + 1);
      }
      const Range got = axis.OutputsOf({begin, end});
      const bool none = want.end == 0;
      CHECK(
          none ? got.end == got.begin : got.begin == want.begin && got.end == want.end,
          what);
    }
  }
}

void CheckAxis(const PoolSpec& spec, int64_t in) {
  const std::string what = Describe(spec, in);
  const BruteAxis brute = MakeBruteAxis(spec, 0, in);
  int64_t out = 0;
  const std::string error = OutputSize(spec, 0, in, &out);
  Plan plan;
  const std::string plan_error = MakePlan(spec, {in}, &plan);
  if (brute.windows.empty()) {
    CHECK(error.find("does not fit") != std::string::npos, what + ": " + error);
    CHECK(plan_error == error, what);
    return;
  }
  CHECK(error.empty() && out == static_cast<int64_t>(brute.windows.size()), what);
  if (brute.has_empty_window()) {
    CHECK(plan_error.find("holds no input") != std::string::npos, what);
    return;
  }
  CHECK(plan_error.empty(), what + ": " + plan_error);
  Axis& axis = plan.axes[2];
  CHECK(axis.out() == out, what);
  if (axis.out() != out) return;
  CHECK(axis.in() == in && axis.max_taps() == brute.max_taps, what);
  CHECK(plan.in_positions() == in && plan.out_positions() == out, what);
  CheckSpans(axis, brute, what);
  axis.IndexReaders();
  CheckReaders(axis, brute, what);
  CheckInner(axis, what);
  CheckAdjoint(plan, brute, what);
  CheckRanges(axis, brute, what);
}

void SlidingWindowsMatchBruteForce() {
  PoolSpec spec;
  spec.axes.resize(1);
  AxisSpec& s = spec.axes[0];
  const auto check_flags = [&] {
    for (int flags = 0; flags < 4; ++flags) {
      spec.ceil_mode = flags % 2 != 0;
      spec.count_include_pad = flags / 2 != 0;
      for (int64_t in = 1; in <= 13; ++in) CheckAxis(spec, in);
    }
  };
  for (s.window = 1; s.window <= 5; ++s.window) {
    for (s.stride = 1; s.stride <= 6; s.stride += s.stride / 4 + 1) {
      for (s.dilation = 1; s.dilation <= 6; s.dilation += s.dilation / 4 + 1) {
        s.pad_before = s.pad_after = 0;
        spec.padding = Padding::kSame;
        check_flags();
        spec.padding = Padding::kValid;
        check_flags();
        spec.padding = Padding::kExplicit;
        const int64_t most = std::min<int64_t>((s.window - 1) * s.dilation, 3);
        for (s.pad_before = 0; s.pad_before <= most; ++s.pad_before) {
          for (s.pad_after = 0; s.pad_after <= most; ++s.pad_after) check_flags();
        }
      }
    }
  }
}

void AdaptiveWindowsMatchBruteForce() {
  PoolSpec spec;
  spec.geometry = Geometry::kAdaptive;
  spec.axes.resize(1);
  for (int64_t in = 1; in <= 24; ++in) {
    for (int64_t out = 1; out <= 24; ++out) {
      spec.axes[0].window = out;
      CheckAxis(spec, in);
    }
    spec.axes[0].window = -1;  // keeps the axis
    CheckAxis(spec, in);
    int64_t out = 0;
    CHECK(OutputSize(spec, 0, in, &out).empty() && out == in, Describe(spec, in));
  }
  int64_t out = 0;
  CHECK(!OutputSize(spec, 0, 0, &out).empty(), "an empty axis has no windows");
}

// Cases known from other libraries, with their numbers.
void SizesAreTheKnownOnes() {
  struct Known {
    const char* why;
    AxisSpec axis;
    Padding padding;
    bool ceil_mode;
    int64_t in;
    int64_t out;
  };
  const Known all[] = {
      {"valid drops the rest", {2, 2, 1, 0, 0}, Padding::kValid, false, 5, 2},
      {"same keeps it", {2, 2, 1, 0, 0}, Padding::kSame, false, 5, 3},
      {"ceil_mode keeps it", {2, 2, 1, 0, 0}, Padding::kValid, true, 5, 3},
      {"a last window that begins in the right padding is dropped",
       {2, 2, 1, 1, 1},
       Padding::kExplicit,
       true,
       3,
       2},
      {"a window wider than the input, in part",
       {3, 2, 1, 0, 0},
       Padding::kValid,
       true,
       2,
       1},
      {"a dilated window", {3, 1, 4, 0, 0}, Padding::kValid, false, 9, 1},
      {"an axis of 2^48",
       {1, 1 << 30, 1, 0, 0},
       Padding::kSame,
       false,
       int64_t{1} << 48,
       1 << 18},
  };
  for (const Known& known : all) {
    PoolSpec spec;
    spec.axes = {known.axis};
    spec.padding = known.padding;
    spec.ceil_mode = known.ceil_mode;
    int64_t out = 0;
    const std::string error = OutputSize(spec, 0, known.in, &out);
    CHECK(error.empty() && out == known.out,
          std::string(known.why) + ": " + std::to_string(out) + error);
  }
}

void PlansRefuseWhatCannotBe() {
  PoolSpec spec;
  const auto expect = [&](const std::vector<int64_t>& sizes, const char* part) {
    Plan fresh;
    const std::string error = MakePlan(spec, sizes, &fresh);
    CHECK(error.find(part) != std::string::npos, error + " lacks " + part);
  };
  spec.axes = {{2, 1, 8, 6, 6}};
  spec.padding = Padding::kExplicit;
  expect({2}, "window 0 of spatial axis 0 (size 2) holds no input");
  spec.padding = Padding::kSame;
  const AxisSpec widest = {2147483647, 1, 1, 0, 0};
  spec.axes = {widest, widest, widest};
  expect({2, 2, 2}, "more than 2^63 taps");
  spec.axes = {widest, widest};
  expect({2}, "the input has 1 spatial axes, the window has 2");
  expect({0, 2}, "does not fit spatial axis 0 of size 0");
  spec.axes[0].window = 1;
  expect({int64_t{1} << 60, 2}, "larger than");
  expect({std::numeric_limits<int64_t>::max(), 2}, "larger than");
  spec.axes = {{2147483647, 2147483647, 2147483647, 0, 0}};
  spec.padding = Padding::kValid;
  expect({int64_t{1} << 48}, "does not fit");
}

void SpecsRefuseBadAttributes() {
  SpecAttributes good;
  good.reduction = "max";
  good.padding = "EXPLICIT";
  good.window = {2, 3};
  good.strides = {1, 2};
  good.dilations = {1, 1};
  good.pads = {1, 0, 2, 2};
  PoolSpec spec;
  CHECK(ParseSpec(good, &spec).empty(), ParseSpec(good, &spec));
  CHECK(spec.rank() == 2 && spec.axes[1].stride == 2, "attributes arrive");
  CHECK(spec.axes[0].pad_before == 1 && spec.axes[0].pad_after == 0, "pads arrive");
  CHECK(spec.axes[1].pad_before == 2 && spec.axes[1].pad_after == 2, "pads arrive");

  struct Bad {
    const char* part;  // of the message
    std::function<void(SpecAttributes*)> spoil;
  };
  const int64_t huge = int64_t{1} << 31;
  const Bad all[] = {
      {"unknown reduction \"mean\"", [](auto* a) { a->reduction = "mean"; }},
      {"unknown geometry", [](auto* a) { a->geometry = "spiral"; }},
      {"padding must be", [](auto* a) { a->padding = "same"; }},
      {"window must have 1 to 3", [](auto* a) { a->window = {}; }},
      {"window must have 1 to 3", [](auto* a) { a->window = {1, 1, 1, 1}; }},
      {"window must lie between 1", [](auto* a) { a->window = {0, 1}; }},
      {"window must lie between 1", [](auto* a) { a->window = {2, -1}; }},
      {"window=(2147483648, 2)", [=](auto* a) { a->window = {huge, 2}; }},
      {"strides must have 2", [](auto* a) { a->strides = {1}; }},
      {"strides must lie", [](auto* a) { a->strides = {1, 0}; }},
      {"strides must lie", [=](auto* a) { a->strides = {huge, 1}; }},
      {"dilations must have 2", [](auto* a) { a->dilations = {1, 1, 1}; }},
      {"dilations must lie", [](auto* a) { a->dilations = {-1, 1}; }},
      {"dilations must lie", [=](auto* a) { a->dilations = {1, huge}; }},
      {"pads must have 4", [](auto* a) { a->pads = {1, 1}; }},
      {"pads must lie", [](auto* a) { a->pads = {0, 0, -1, 0}; }},
      {"pads must lie", [=](auto* a) { a->pads = {0, 0, huge, 0}; }},
      {"smaller than the (dilated) window of 2", [](auto* a) { a->pads[1] = 2; }},
      {"output_size must be",
       [](auto* a) { a->geometry = "adaptive", a->window = {0, 1}; }},
      {"output_size must be",
       [](auto* a) { a->geometry = "adaptive", a->window = {1, -2}; }},
      {"output_size must be",
       [=](auto* a) { a->geometry = "adaptive", a->window = {huge, 1}; }},
  };
  for (const Bad& bad : all) {
    SpecAttributes attributes = good;
    bad.spoil(&attributes);
    const std::string error = ParseSpec(attributes, &spec);
    CHECK(error.find(bad.part) != std::string::npos, error + " lacks " + bad.part);
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  SlidingWindowsMatchBruteForce();
  AdaptiveWindowsMatchBruteForce();
  SizesAreTheKnownOnes();
  PlansRefuseWhatCannotBe();
  SpecsRefuseBadAttributes();
  return Summary();
}
