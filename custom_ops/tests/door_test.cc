// Every op of every reduction through the C entry, with arguments as they should be:
// all types, layouts and geometries against the naive reference, and shapes from
// whatever part of the arguments is known.
#include "tests/door_reference.h"
#include "tests/refused.h"
#include "tests/settings.h"

namespace keras_pooling::tests {
namespace {

// What is known of a shape agrees with all of it.
bool Agrees(const KerasPoolingShape& part, const Shape& whole) {
  if (part.rank != static_cast<int32_t>(whole.size())) return false;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (part.sizes[i] != kUnknown && part.sizes[i] != whole[i]) return false;
  }
  return true;
}

// Each argument's type, rank, sizes and data are unknown in turn, and all at once.
void ShapesFollowFromWhatIsKnown(DoorCall& call, const std::string& what) {
  const std::vector<KerasPoolingArray> all = ViewsOf(call.inputs);
  const auto expect = [&](const std::vector<KerasPoolingArray>& views,
                          const std::string& unknown) {
    std::vector<KerasPoolingShape> shapes;
    const Answer answer = call.Infer(views, &shapes);
    CHECK(answer.ok(), what + ", without " + unknown + ": " + answer.message);
    for (size_t i = 0; answer.ok() && i < shapes.size(); ++i) {
      CHECK(Agrees(shapes[i], call.outputs[i].shape), what + ", without " + unknown);
    }
  };
  std::vector<KerasPoolingArray> nothing = all;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string name = "input " + std::to_string(i);
    std::vector<KerasPoolingArray> views = all;
    nothing[i] = {-1, -1, nullptr, nullptr};
    views[i].type = -1;
    expect(views, name + "'s type");
    views[i].data = nullptr;
    expect(views, name + "'s data");
    Shape shape = call.inputs[i].shape;
    views[i].shape = shape.data();
    for (int64_t& size : shape) {
      const int64_t known = size;
      size = kUnknown;
      expect(views, name + "'s size " + std::to_string(&size - shape.data()));
      size = known;
    }
    views[i] = nothing[i];
    expect(views, name);
  }
  expect(nothing, "anything");
  std::vector<KerasPoolingShape> shapes;
  call.Infer(&shapes);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Shape known(shapes[i].sizes, shapes[i].sizes + shapes[i].rank);
    CHECK(known == call.outputs[i].shape, what + ", a shape from all arguments");
  }
}

// Outputs may be fewer, and their types others, without another result.
void LastOutputMayBeLeftOut(const DoorCall& call, const std::string& what) {
  if (call.outputs.size() < 2) return;
  DoorCall shorter = call;
  shorter.outputs.pop_back();
  std::fill(shorter.outputs[0].bytes.begin(), shorter.outputs[0].bytes.end(), 0x5a);
  const Answer answer = shorter.Run();
  CHECK(answer.ok(), what + ": " + answer.message);
  CHECK(shorter.outputs[0].bytes == call.outputs[0].bytes, what + ", one output");
}

void RunSetting(const Setting& setting, const Op& op, std::mt19937_64& random) {
  const std::string what = Describe(setting, op);
  CallMaker maker(setting, random);
  DoorCall call = maker.Make(op);
  const Answer answer = call.Run();
  CHECK(answer.ok(), what + ": " + answer.message);
  if (!answer.ok()) return;
  ForEachType([&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (Info<T>::kType != setting.type) return;
    DoorReference<T>(setting, maker.edges(), call).Check();
  });
  LastOutputMayBeLeftOut(call, what);
  ShapesFollowFromWhatIsKnown(call, what);
}

void EveryOpMatchesTheReference() {
  std::mt19937_64 random(5);
  ForEachSetting([&](Setting setting, const Op& op, const ReductionInfo& info) {
    int count = 0;
    ForEachType([&](auto tag) {
      setting.type = Info<typename decltype(tag)::Type>::kType;
      if (!IsDefined(op, info, setting.type)) return;
      // All types of taps and of integers turn by turn.
      const bool few = setting.attributes.window != Shape{17, 16};
      setting.taps = few && count % 2 == 0 ? ElementType::kUint8 : ElementType::kInt32;
      setting.integers = count++ % 3 == 0 ? ElementType::kInt64 : ElementType::kInt32;
      RunSetting(setting, op, random);
    });
  });
}

// Powers that are products, roots, and neither.
void LpOfManyPowersMatchesTheReference() {
  std::mt19937_64 random(6);
  for (const double p : {0.5, 1.0, 1.5, 3.0, 7.25}) {
    for (const Op& op : AllOps()) {
      if (op.serves != Serves::kBlending) continue;
      Setting setting = AllSettings()[1];
      setting.attributes.reduction = "lp";
      setting.attributes.p_bits = BitsOf(p);
      for (const ElementType type : {ElementType::kFloat32, ElementType::kFloat64}) {
        setting.type = type;
        RunSetting(setting, op, random);
      }
    }
  }
}

void IntegersAreRefusedWhereNothingIsDefined() {
  std::mt19937_64 random(7);
  for (const ReductionInfo& info : AllReductions()) {
    for (const Op& op : AllOps()) {
      if (!IsDefined(op, info)) continue;
      Setting setting = AllSettings().front();
      setting.attributes.reduction = info.name;
      for (int type = 0; type < kElementTypes; ++type) {
        const auto element = static_cast<ElementType>(type);
        if (IsDefined(op, info, element)) continue;
        DoorCall call = CallMaker(setting, random).Make(op);
        for (auto* tensors : {&call.inputs, &call.outputs}) {
          for (Tensor& tensor : *tensors) {
            if (!HoldsValues(tensor.role)) continue;
            tensor = Tensor::Of(tensor.role, element, tensor.shape);
          }
        }
        const bool is_reducing = op.serves != Serves::kNoWindows;
        const char* const who = is_reducing ? info.name : op.name;
        std::vector<KerasPoolingShape> shapes;
        for (const Answer& answer : {call.Run(), call.Infer(&shapes)}) {
          CHECK(answer.status == KERAS_POOLING_INVALID_ARGUMENT, Describe(setting, op));
          for (const char* part : {who, NameOf(element), "float32"}) {
            CHECK(answer.message.find(part) != std::string::npos, answer.message);
          }
        }
      }
    }
  }
}

// A host in another language reads this list.
void ReductionsAreListed() {
  std::string list = std::string(KerasPoolingReductions()) + "\n";
  for (const ReductionInfo& info : AllReductions()) {
    const std::string line = list.substr(0, list.find('\n') + 1);
    const bool selects = info.kind == ReductionKind::kSelects;
    std::string want = std::string(info.name) + (selects ? " selects" : " blends");
    for (const bool flag : {info.has_integers, info.draws, info.learns, info.saves_x(),
                            info.saves_y(), info.has_gradient}) {
      want += flag ? " 1" : " 0";
    }
    CHECK(line == want + "\n", line + " is not " + want);
    list.erase(0, line.size());
  }
  CHECK(list.empty(), list);
  CHECK(KerasPoolingAbi() == KERAS_POOLING_ABI, "ABI");
}

// As many taps as a reduction holds are pooled, and one more is refused.
void WindowsOfMoreTapsThanAReductionHoldsAreRefused() {
  std::mt19937_64 random(17);
  for (const ReductionInfo& info : AllReductions()) {
    if (info.most_taps == kMost) continue;
    for (const Op& op : AllOps()) {
      if (!IsDefined(op, info) || op.serves != Serves::kBlending) continue;
      for (const int64_t taps : {info.most_taps, info.most_taps + 1}) {
        Setting setting = Windows("a large window", {taps}, {taps}, {1}, 1, 3);
        setting.attributes.padding = "VALID";
        setting.attributes.reduction = info.name;
        const Answer answer = CallMaker(setting, random, true).Make(op).Run();
        if (taps == info.most_taps) {
          CHECK(answer.ok(), answer.message);
        } else {
          CheckRefused(answer, {info.name, "more than 64 taps", "one of 65"}, op.name);
        }
      }
    }
  }
}

// One seed gives one draw, another seed another.
void DrawsDependOnTheSeed() {
  std::mt19937_64 random(8);
  Setting setting = Windows("draws", {40}, {4}, {}, 2, 16);
  setting.attributes.reduction = "stochastic";
  DoorCall call = CallMaker(setting, random).Make(AllOps().front());
  CHECK(call.Run().ok() && call.inputs[1].role == Role::kSeed, "draws");
  DoorCall again = call;
  for (const ElementType type : {ElementType::kInt32, ElementType::kInt64}) {
    again.inputs[1] = Tensor::OfIntegers(Role::kSeed, type, {2}, {77, -5});
    CHECK(again.Run().ok() && again.outputs[1].bytes == call.outputs[1].bytes,
          std::string("the same seed as ") + NameOf(type));
    for (const size_t word : {size_t{0}, size_t{1}}) {
      DoorCall other = again;
      other.inputs[1].SetInteger(word, 6);
      CHECK(other.Run().ok() && other.outputs[1].bytes != call.outputs[1].bytes,
            "another seed");
    }
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  EveryOpMatchesTheReference();
  LpOfManyPowersMatchesTheReference();
  IntegersAreRefusedWhereNothingIsDefined();
  ReductionsAreListed();
  WindowsOfMoreTapsThanAReductionHoldsAreRefused();
  DrawsDependOnTheSeed();
  return Summary();
}
