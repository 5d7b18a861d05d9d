// Every kernel against the naive reference: all element types, layouts, tap types and
// tasks, on every instruction set.
#include "kernels/execution/call.h"

#include "tests/trial.h"

namespace keras_pooling::tests {
namespace {

template <class T>
void RunCase(Case c, std::mt19937_64& random) {
  for (const bool channels_first : {false, true}) {
    c.spec.channels_first = channels_first;
    const Reference reference(c.spec, c.batch, c.channels, c.sizes);
    Trial<T>(c, reference, random).Run();
  }
}

PoolSpec Sliding(std::vector<AxisSpec> axes, Padding padding = Padding::kSame) {
  PoolSpec spec;
  spec.axes = std::move(axes);
  spec.padding = padding;
  return spec;
}

PoolSpec Adaptive(const std::vector<int64_t>& output_size) {
  PoolSpec spec;
  spec.geometry = Geometry::kAdaptive;
  for (int64_t size : output_size) spec.axes.push_back({size, 1, 1, 0, 0});
  return spec;
}

PoolSpec IncludingPadding(std::vector<AxisSpec> axes) {
  PoolSpec spec = Sliding(std::move(axes), Padding::kExplicit);
  spec.count_include_pad = true;
  return spec;
}

void CataloguedCases(std::mt19937_64& random) {
  const AxisSpec two = {2, 2, 1, 0, 0};
  const AxisSpec three = {3, 2, 1, 0, 0};
  const AxisSpec dense = {3, 1, 1, 0, 0};
  const AxisSpec five = {5, 1, 1, 0, 0};
  const std::vector<Case> all = {
      {"the commonest window", Sliding({two, two}), 2, 19, {6, 8}},
      {"overlapping windows", Sliding({three, three}), 2, 35, {7, 9}},
      {"ties", Sliding({dense, dense}), 1, 33, {5, 6}, Values::kTies},
      {"specials", Sliding({dense, dense}), 2, 37, {6, 7}, Values::kSpecial},
      {"disjoint specials", Sliding({two, two}), 2, 37, {6, 6}, Values::kSpecial},
      {"all lowest", Sliding({dense, dense}), 1, 17, {4, 4}, Values::kLowest},
      {"an empty batch", Sliding({two, two}), 0, 3, {4, 4}},
      {"no channels", Sliding({two, two}), 2, 0, {4, 4}},
      {"more than 256 taps",
       Sliding({{17, 3, 1, 0, 0}, {17, 5, 1, 0, 0}}),
       1,
       5,
       {24, 21},
       Values::kTies},
      {"exactly 256 taps",
       Sliding({{16, 4, 1, 0, 0}, {16, 4, 1, 0, 0}}),
       1,
       3,
       {18, 18},
       Values::kTies},
      {"global, more than 256 taps", Adaptive({1, 1}), 2, 21, {18, 19}},
      {"global, one channel", Adaptive({1}), 3, 1, {700}},
      {"upsampling adaptive windows", Adaptive({7, 5}), 1, 9, {3, 4}},
      {"few windows, many lanes: shared out by lanes",
       Adaptive({1, 1}),
       1,
       333,
       {5, 4}},
      {"many lanes, a few taps at a time, ties",
       Sliding({{5, 5, 1, 0, 0}, {7, 7, 1, 0, 0}}),
       2,
       333,
       {8, 9},
       Values::kTies},
      {"many lanes, a few taps at a time, specials",
       Adaptive({1, 1}),
       1,
       2081,
       {4, 5},
       Values::kSpecial},
      {"gaps before, between and behind windows",
       Sliding({{2, 5, 1, 0, 0}, {1, 3, 1, 0, 0}}, Padding::kValid),
       2,
       6,
       {13, 11}},
      {"tiles of rows", Sliding({three, dense}), 1, 18, {90, 70}},
      {"tiles of parts of rows", Sliding({{5, 2, 1, 0, 0}}), 1, 18, {6001}},
      {"tiles that no window reads",
       Sliding({{2, 4000, 2, 0, 0}}, Padding::kValid),
       1,
       3,
       {13000}},
      {"a raster of dilated windows",
       Sliding({{3, 2, 3, 0, 0}, {2, 1, 4, 0, 0}}),
       1,
       7,
       {17, 10}},
      {"three axes", Sliding({two, three, dense}), 1, 10, {4, 5, 6}, Values::kTies},
      {"one axis at a time, tap by tap", Sliding({five, five}), 2, 21, {9, 8}},
      {"one axis at a time, ties",
       Sliding({five, five}),
       1,
       35,
       {6, 11},
       Values::kTies},
      {"one axis at a time, specials",
       Sliding({five, five}),
       1,
       20,
       {8, 9},
       Values::kSpecial},
      {"one axis at a time, by blocks",
       Sliding({{11, 1, 1, 0, 0}, {13, 1, 1, 0, 0}}),
       1,
       18,
       {29, 31},
       Values::kTies},
      {"by blocks along one axis, tap by tap along the other",
       Sliding({{5, 2, 1, 0, 0}, {23, 2, 1, 0, 0}}),
       1,
       17,
       {13, 52}},
      {"overlapping blocks of sums", Sliding({five, five}), 1, 17, {150, 90}},
      {"sums of windows in three axes",
       Sliding({dense, dense, dense}),
       1,
       9,
       {4, 6, 5}},
      {"sums of windows of many sizes", Adaptive({5, 7}), 1, 19, {17, 30}},
      {"sums of windows of one width and many depths",
       Adaptive({6, 1, 3}),
       2,
       4,
       {5, 5, 6},
       Values::kTies},
      {"few lanes of alike positions, two apart",
       Sliding({three, three}),
       2,
       20,
       {7, 31}},
      {"few lanes of alike positions, side by side",
       Sliding({dense, dense}),
       1,
       9,
       {5, 23},
       Values::kTies},
      {"windows side by side, one long row of their few lanes",
       Sliding({dense, dense}),
       2,
       3,
       {6, 45},
       Values::kSpecial},
      {"few lanes of alike positions, whole vectors",
       Sliding({three, three}),
       1,
       32,
       {9, 131},
       Values::kTies},
      {"fewer lanes than a vector, of alike positions three apart",
       Sliding({three, {4, 3, 1, 1, 1}}),
       2,
       3,
       {7, 410},
       Values::kTies},
      {"fewer lanes than a vector, of a few alike positions",
       Sliding({{2, 5, 1, 0, 0}, {7, 4, 1, 3, 2}}),
       1,
       5,
       {11, 10}},
      {"few lanes of alike positions, dilated windows",
       Sliding({dense, {3, 2, 2, 0, 0}}),
       1,
       20,
       {5, 33}},
      {"few lanes of alike positions, divisors that count padding",
       IncludingPadding({{3, 2, 1, 1, 1}, {4, 2, 1, 2, 3}}),
       1,
       9,
       {7, 29}},
      {"many taps of dilated windows",
       Sliding({{5, 1, 2, 0, 0}, {4, 1, 3, 0, 0}}),
       1,
       5,
       {19, 17}},
      {"more taps than inputs",
       Sliding({{70, 1, 1, 0, 0}, {60, 1, 1, 0, 0}}),
       1,
       2,
       {12, 14},
       Values::kTies},
      {"lines by blocks", Sliding({{23, 1, 1, 0, 0}}), 2, 18, {60}, Values::kTies},
      {"lines of more taps than a block used to have",
       Sliding({{200, 1, 1, 0, 0}}, Padding::kValid),
       1,
       5,
       {420},
       Values::kSpecial},
      {"upright lines",
       Sliding({{19, 1, 1, 0, 0}, {1, 2, 1, 0, 0}}),
       1,
       17,
       {33, 7},
       Values::kTies},
      {"rows that no line reads",
       Sliding({{1, 3, 1, 0, 0}, {19, 1, 1, 0, 0}}, Padding::kValid),
       1,
       17,
       {8, 40}},
      {"tap_share of padding",
       IncludingPadding({{7, 1, 1, 4, 5}, {9, 1, 1, 8, 0}}),
       1,
       18,
       {15, 21}},
      {"depths one by one, one axis at a time",
       Sliding({{1, 2, 1, 0, 0}, five, five}),
       1,
       17,
       {5, 7, 9}},
      {"several windows of one tap at one depth",
       Adaptive({5, 2, 3}),
       1,
       9,
       {2, 11, 23}},
      {"rows of sums that are moved", Sliding({{5, 2, 1, 0, 0}, five}), 1, 33, {63, 9}},
      {"rows of sums with gaps between them",
       Sliding({{2, 9, 1, 0, 0}, {9, 1, 1, 0, 0}}, Padding::kValid),
       1,
       33,
       {60, 13}},
      {"too many taps for a table",
       Sliding({{300, 1, 1, 0, 0}, {220, 1, 1, 0, 0}}),
       1,
       2,
       {12, 14},
       Values::kTies},
  };
  for (const Case& c : all) {
    ForEachType([&](auto tag) { RunCase<typename decltype(tag)::Type>(c, random); });
  }
}

// Tails of every length, for every width of vector.
void EveryNumberOfChannels(std::mt19937_64& random) {
  const AxisSpec window = {2, 1, 1, 0, 0};
  for (int64_t channels = 1; channels <= 70; ++channels) {
    const Case c = {"channels", Sliding({window, {2, 2, 1, 0, 0}}),
                    1,          channels,
                    {2, 3},     channels % 2 == 0 ? Values::kTies : Values::kSpecial};
    ForEachType([&](auto tag) { RunCase<typename decltype(tag)::Type>(c, random); });
  }
}

void RandomCases(int count, std::mt19937_64& random) {
  const auto below = [&](int64_t end) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
  };
  while (count > 0) {
    Case c = {"random", PoolSpec(), 1 + below(3), 1 + below(24), {}};
    c.values = static_cast<Values>(below(3));
    const int64_t rank = 1 + below(3);
    c.spec.geometry = below(4) == 0 ? Geometry::kAdaptive : Geometry::kSliding;
    c.spec.padding = static_cast<Padding>(below(3));
    c.spec.ceil_mode = below(2) == 0;
    c.spec.count_include_pad = below(2) == 0;
    c.spec.divisor_override = below(4) == 0 ? 3.0 : 0.0;
    for (int64_t i = 0; i < rank; ++i) {
      AxisSpec s = {1 + below(below(3) == 0 ? 12 : 4), 1 + below(4),
                    1 + below(3) * below(2), 0, 0};
      if (c.spec.padding == Padding::kExplicit) {
        s.pad_before = below((s.window - 1) * s.dilation + 1);
        s.pad_after = below((s.window - 1) * s.dilation + 1);
      }
      c.spec.axes.push_back(s);
      c.sizes.push_back(1 + below(rank == 3 ? 6 : 10));
    }
    if (Reference(c.spec, 1, 1, c.sizes).has_empty_window()) continue;
    --count;
    int64_t type = below(9);  // one each: the catalogue has them all
    ForEachType([&](auto tag) {
      if (type-- == 0) RunCase<typename decltype(tag)::Type>(c, random);
    });
  }
}

// Results too large for the caches are stored by other instructions, where they are
// aligned: that must not change a bit.
template <class T>
void LargeResults(int64_t channels, const AxisSpec& window, bool channels_first,
                  std::mt19937_64& random) {
  PoolSpec spec = Sliding({window, window});
  spec.channels_first = channels_first;
  const int64_t bytes = (int64_t{16} << 20) + (int64_t{1} << 18);
  const auto size =
      static_cast<int64_t>(std::sqrt(bytes / channels / int64_t{sizeof(T)}));
  std::vector<Plan> plans;
  Call call = PlanCall(spec, 1, channels, {size, size}, &plans);
  const Plan& plan = plans.front();
  const auto dy =
      RandomValues<T>(Values::kOrdinary, channels * plan.out_positions(), random);
  const std::vector<uint8_t> taps(dy.size(), 1);
  for (const Reduction reduction : {Reduction::kMax, Reduction::kAvg}) {
    call.task = Task::kBackward;
    call.reduction = reduction;
    call.type = Info<T>::kType;
    call.tap_type = TapType::kUint8;
    call.operands.dy = dy.data();
    call.operands.taps = const_cast<uint8_t*>(taps.data());
    const auto run = [&](bool aligned) {
      return RunEveryWay(call, channels * plan.in_positions(), sizeof(T),
                         "large gradient", aligned);
    };
    CHECK(SameBits(run(true).main, run(false).main, call),
          std::string("streamed ") + Info<T>::kName);
  }
  // Forward, the other way round: the gradients' place is the input.
  if (plan.out_positions() < plan.in_positions()) return;
  const auto x =
      RandomValues<T>(Values::kSpecial, channels * plan.in_positions(), random);
  for (const Reduction reduction : {Reduction::kMax, Reduction::kAvg}) {
    call.task = Task::kForward;
    call.reduction = reduction;
    call.tap_type = TapType::kNone;
    call.operands = {};
    call.operands.x = x.data();
    const auto run = [&](bool aligned) {
      return RunEveryWay(call, channels * plan.out_positions(), sizeof(T),
                         "large result", aligned);
    };
    CHECK(SameBits(run(true).main, run(false).main, call),
          std::string("streamed ") + Info<T>::kName);
  }
}

void IntegersHaveNoAverageAndNoGradient() {
  const Serial serial;
  for (const std::string& target : SupportedTargets()) {
    CHECK(ForceTarget(target).empty(), target);
    ForEachType([&](auto tag) {
      using T = typename decltype(tag)::Type;
      if (Info<T>::kFloating) return;
      std::vector<Plan> plans;
      Call call = PlanCall(Sliding({{2, 2, 1, 0, 0}}), 1, 1, {4}, &plans);
      for (const auto& [task, reduction] :
           {std::pair(Task::kForward, Reduction::kAvg),
            std::pair(Task::kBackward, Reduction::kMax),
            std::pair(Task::kBackward, Reduction::kAvg),
            std::pair(Task::kGatherTaps, Reduction::kMax)}) {
        call.task = task;
        call.reduction = reduction;
        call.type = Info<T>::kType;
        call.tap_type = TapType::kInt32;
        call.parallel = &serial;
        CHECK(keras_pooling::Run(call).find("not defined") != std::string::npos,
              Info<T>::kName);
      }
    });
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  std::mt19937_64 random(1);
  CataloguedCases(random);
  EveryNumberOfChannels(random);
  RandomCases(200, random);
  const keras_pooling::AxisSpec disjoint = {2, 2, 1, 0, 0};
  const keras_pooling::AxisSpec overlapping = {3, 2, 1, 0, 0};
  const keras_pooling::AxisSpec dense = {3, 1, 1, 0, 0};
  const keras_pooling::AxisSpec wide = {5, 1, 1, 0, 0};
  for (const bool channels_first : {false, true}) {
    LargeResults<float>(16, overlapping, channels_first, random);
    LargeResults<float>(32, dense, channels_first, random);
    LargeResults<float>(32, wide, channels_first, random);
    LargeResults<float>(700, wide, channels_first, random);  // planes are not cut
    LargeResults<double>(16, disjoint, channels_first, random);
    LargeResults<float>(17, disjoint, channels_first, random);  // rows begin unaligned
    LargeResults<keras_pooling::BFloat16>(16, disjoint, channels_first, random);
  }
  IntegersHaveNoAverageAndNoGradient();
  return Summary();
}
