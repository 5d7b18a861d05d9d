#include "kernels/spec/pool_spec.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/spec/geometry.h"
#include "kernels/spec/text.h"

namespace keras_pooling {

const std::vector<ReductionInfo>& AllReductions() {
  constexpr bool kAll = true, kFloats = false;
  enum Needs { kNothing, kSeed, kParameter };
  constexpr bool kCompiled = true, kComposed = false;
  constexpr int64_t kMany = std::numeric_limits<int64_t>::max();
  static const auto* const infos = new std::vector<ReductionInfo>{
#define KP_REDUCTION(Name, name, kind, types, needs, saves, gradient, taps) \
  {name,                                                                    \
   ReductionKind::kind,                                                     \
   types,                                                                   \
   needs == kSeed,                                                          \
   needs == kParameter,                                                     \
   Saves::saves,                                                            \
   gradient,                                                                \
   taps},
#include "kernels/spec/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
  };
  return *infos;
}

const ReductionInfo& InfoOf(Reduction reduction) {
  return AllReductions()[static_cast<size_t>(reduction)];
}

std::string ParseLayout(const SpecAttributes& attributes, PoolSpec* spec) {
  const size_t rank = attributes.window.size();
  if (rank < 1 || rank > kMaxRank) {
    return "window must have 1 to 3 entries, one per spatial axis. Received window=" +
           ListText(attributes.window);
  }
  spec->axes.assign(rank, AxisSpec());
  spec->channels_first = attributes.channels_first;
  return "";
}

std::string ParseSpec(const SpecAttributes& attributes, PoolSpec* spec) {
  const std::vector<ReductionInfo>& reductions = AllReductions();
  size_t reduction = 0;
  while (reduction < reductions.size() &&
         attributes.reduction != reductions[reduction].name) {
    ++reduction;
  }
  if (reduction == reductions.size()) {
    return "unknown reduction \"" + attributes.reduction + "\"";
  }
  spec->reduction = static_cast<Reduction>(reduction);

  const std::string error = ParseLayout(attributes, spec);
  if (!error.empty()) return error;
  spec->ceil_mode = attributes.ceil_mode;
  spec->count_include_pad = attributes.count_include_pad;
  spec->overlapping = attributes.overlapping;
  spec->pseudo_random = attributes.pseudo_random;
  spec->axis = attributes.axis;

  constexpr int64_t kMostDivisor = int64_t{1} << 53;  // a double holds every one
  if (attributes.divisor_override < 0 || attributes.divisor_override > kMostDivisor) {
    return "divisor_override must lie between 1 and 2^53, or be 0 for none. Received "
           "divisor_override=" +
           std::to_string(attributes.divisor_override);
  }
  spec->divisor_override = static_cast<double>(attributes.divisor_override);

  const struct {
    const char* name;
    int64_t bits;
    double* to;
  } numbers[] = {{"p", attributes.p_bits, &spec->p},
                 {"epsilon", attributes.epsilon_bits, &spec->epsilon}};
  for (const auto& number : numbers) {
    std::memcpy(number.to, &number.bits, sizeof(number.bits));
    if (*number.to > 0.0 && !std::isinf(*number.to)) continue;
    return std::string(number.name) + " must be a positive number. Received " +
           number.name + "=" + NumberText(*number.to);
  }
  if (!FindGeometry(attributes.geometry, &spec->geometry)) {
    return "unknown geometry \"" + attributes.geometry + "\"";
  }
  return RuleOf(spec->geometry).parse(attributes, spec);
}

}  // namespace keras_pooling
