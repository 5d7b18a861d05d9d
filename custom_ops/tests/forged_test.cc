// Tensors that cannot be, through the C entry, for every op of every reduction: each
// is answered by a status and a message that names the argument and the value, and the
// next call works. Each was a crash, or silence, in some framework.
#include <functional>

#include "tests/door_reference.h"
#include "tests/refused.h"
#include "tests/settings.h"

namespace keras_pooling::tests {
namespace {

// A valid call, its results, and what is done to it.
class Victim {
 public:
  Victim(const Setting& setting, const Op& op, std::mt19937_64& random)
      : what_(Describe(setting, op)), call_(CallMaker(setting, random).Make(op)) {
    const Answer answer = call_.Run();
    CHECK(answer.ok(), what_ + ": " + answer.message);
  }

  const Op& op() const { return *call_.op; }
  DoorCall& call() { return call_; }

  // `forge` spoils a copy of the tensors.
  void Refuses(const std::string& why, const std::vector<std::string>& parts,
               const std::function<void(DoorCall*)>& forge) {
    DoorCall forged = call_;
    forge(&forged);
    CheckRefused(forged.Run(), parts, what_ + ", " + why);
    NextCallWorks(why);
  }

  // `forge` spoils what the entry is told of the tensors.
  using Views = std::vector<KerasPoolingArray>;
  void RefusesViews(const std::string& why, const std::vector<std::string>& parts,
                    const std::function<void(Views*, Views*)>& forge) {
    Views in = ViewsOf(call_.inputs);
    Views out = ViewsOf(call_.outputs);
    forge(&in, &out);
    const Handle handle(op().name, call_.attributes);
    CheckRefused(AnswerOf(KerasPoolingRun(handle.get(), in.data(),
                                          static_cast<int32_t>(in.size()), out.data(),
                                          static_cast<int32_t>(out.size()), nullptr)),
                 parts, what_ + ", " + why);
    NextCallWorks(why);
  }

 private:
  void NextCallWorks(const std::string& why) {
    DoorCall again = call_;
    for (Tensor& tensor : again.outputs) {
      std::fill(tensor.bytes.begin(), tensor.bytes.end(), 0x5a);
    }
    const Answer answer = again.Run();
    CHECK(answer.ok(), what_ + ", after " + why + ": " + answer.message);
    for (size_t i = 0; i < again.outputs.size(); ++i) {
      CHECK(again.outputs[i].bytes == call_.outputs[i].bytes, what_ + ", after " + why);
    }
  }

  std::string what_;
  DoorCall call_;
};

// --- The arrays as such.

void NumbersOfArraysAreChecked(Victim& victim) {
  const auto count = std::to_string(victim.call().inputs.size());
  const std::string expected = "expected " + count + " inputs. Received ";
  victim.Refuses("no inputs", {expected + "0"}, [](auto* c) { c->inputs.clear(); });
  victim.Refuses("an input too few", {expected}, [](auto* c) { c->inputs.pop_back(); });
  victim.Refuses("an input too many", {expected},
                 [](auto* c) { c->inputs.push_back(c->inputs[0]); });
  victim.Refuses("no outputs", {"outputs. Received 0"},
                 [](auto* c) { c->outputs.clear(); });
  victim.Refuses("an output too many", {"outputs. Received"},
                 [](auto* c) { c->outputs.push_back(c->outputs[0]); });
}

void ArraysThatCannotBeAreRefused(Victim& victim) {
  static int64_t shape[] = {1, 1, 1, 1, 1, 1};
  const size_t inputs = victim.call().inputs.size();
  for (size_t i = 0; i < inputs + victim.call().outputs.size(); ++i) {
    const bool is_input = i < inputs;
    const size_t at = is_input ? i : i - inputs;
    const std::string name = (is_input ? "input " : "output ") + std::to_string(at);
    const auto refuse = [&](const std::string& why,
                            const std::vector<std::string>& parts,
                            const std::function<void(KerasPoolingArray*)>& forge) {
      std::vector<std::string> all = parts;
      all.push_back(name);
      victim.RefusesViews(name + " of " + why, all, [&](auto* in, auto* out) {
        forge(&(is_input ? *in : *out)[at]);
      });
    };
    const Tensor& tensor =
        (is_input ? victim.call().inputs : victim.call().outputs)[at];
    for (const int32_t type : {-1, kElementTypes, 2147483647}) {
      refuse("an unknown type", {"type " + std::to_string(type)},
             [=](auto* array) { array->type = type; });
    }
    for (const int32_t rank : {-1, 6, 2147483647}) {
      refuse("an impossible rank", {"rank " + std::to_string(rank)},
             [=](auto* array) { array->rank = rank, array->shape = shape; });
    }
    refuse("no shape", {"rank"}, [](auto* array) { array->shape = nullptr; });
    if (tensor.count() > 0) {
      refuse("no data", {"no data"}, [](auto* array) { array->data = nullptr; });
    }
    for (const int64_t size : {int64_t{-1}, kLeast, kMost, int64_t{1} << 62}) {
      Shape sizes = tensor.shape;
      for (int64_t& each : sizes) each = size;
      if (sizes.size() < 2 && size > 0)
        continue;  // what is wrong then is told elsewhere
      refuse("impossible sizes", {std::to_string(size)},
             [&](auto* array) { array->shape = sizes.data(); });
    }
  }
}

// The product of sizes that each fit, as elements and as bytes.
void TensorsBeyondAllMemoryAreRefused(Victim& victim) {
  std::vector<KerasPoolingShape> shapes;
  const Shape& shape = victim.call().inputs[0].shape;
  if (shape.size() < 3) return;
  for (const int64_t size : {int64_t{1} << 31, int64_t{1} << 40, kMost}) {
    Victim::Views views = ViewsOf(victim.call().inputs);
    Shape sizes = shape;
    for (int64_t& each : sizes) each = size;
    for (KerasPoolingArray& view : views) view.data = nullptr;
    views[0].shape = sizes.data();
    const Answer answer = victim.call().Infer(views, &shapes);
    CheckRefused(answer, {}, std::string(victim.op().name) + ", forged sizes");
  }
}

// x tells the other shapes, so it is they that are wrong then; edges have tests of
// their own.
void ShapesThatDisagreeAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& tensor = victim.call().inputs[i];
    const std::string name = "input " + std::to_string(i);
    victim.Refuses(name + " of one axis too many", {"Received"},
                   [=](auto* c) { c->inputs[i].shape.push_back(1); });
    if (tensor.role != Role::kParameter) {  // which may be one number
      victim.Refuses(name + " without axes", {"Received"}, [=](auto* c) {
        c->inputs[i] = Tensor::Of(tensor.role, tensor.element(), {});
      });
    }
    if (tensor.role == Role::kX || tensor.role == Role::kDx ||
        tensor.role == Role::kRegions) {
      continue;
    }
    for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      victim.Refuses(name + ", one more along axis " + std::to_string(axis),
                     {"Received"}, [=](auto* c) {
                       Shape shape = tensor.shape;
                       ++shape[axis];
                       c->inputs[i] = Tensor::Of(tensor.role, tensor.element(), shape);
                       for (unsigned char& byte : c->inputs[i].bytes) byte = 0;
                       std::copy(tensor.bytes.begin(), tensor.bytes.end(),
                                 c->inputs[i].bytes.begin());
                     });
    }
  }
  for (size_t i = 0; i < victim.call().outputs.size(); ++i) {
    const Tensor tensor = victim.call().outputs[i];
    for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      for (const int64_t change : {-1, 1}) {
        Shape shape = tensor.shape;
        shape[axis] += change;
        if (shape[axis] < 0) continue;
        victim.Refuses(
            "an output of another size",
            {"output " + std::to_string(i) + " has shape", "Received"}, [&](auto* c) {
              c->outputs[i] = Tensor::Of(tensor.role, tensor.element(), shape);
            });
      }
    }
  }
}

// Every other type for every tensor that does not allow it.
void TypesThatDoNotFitAreRefused(Victim& victim) {
  const size_t inputs = victim.call().inputs.size();
  for (size_t i = 0; i < inputs + victim.call().outputs.size(); ++i) {
    const auto tensor_of = [=](DoorCall* c) -> Tensor& {
      return i < inputs ? c->inputs[i] : c->outputs[i - inputs];
    };
    const Tensor& tensor = tensor_of(&victim.call());
    for (int type = 0; type < kElementTypes; ++type) {
      const auto element = static_cast<ElementType>(type);
      const bool allows =
          !HoldsValues(tensor.role)
              ? element == ElementType::kInt32 ||
                    (tensor.role == Role::kTaps ? element == ElementType::kUint8
                                                : element == ElementType::kInt64)
              : element == tensor.element();
      // x alone may have any type whose calculations are those of the parameter.
      const bool fits_parameter = victim.op().serves == Serves::kLearning &&
                                  tensor.role == Role::kX && IsFloating(element) &&
                                  MathTypeOf(element) == MathTypeOf(tensor.element());
      if (allows || fits_parameter) continue;
      victim.Refuses(
          std::string("tensor ") + std::to_string(i) + " as " + NameOf(element),
          {NameOf(element)}, [&](auto* c) {
            Tensor& forged = tensor_of(c);
            forged = Tensor::Of(forged.role, element, forged.shape);
          });
    }
  }
}

// --- What tensors of integers hold.

void TapsOutsideTheirWindowAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& taps = victim.call().inputs[i];
    if (taps.role != Role::kTaps) continue;
    for (const size_t at : {size_t{0}, taps.count() / 2, taps.count() - 1}) {
      for (const int64_t tap : {int64_t{255}, int64_t{-1}, int64_t{1} << 30,
                                int64_t{std::numeric_limits<int32_t>::min()},
                                int64_t{std::numeric_limits<int32_t>::max()}}) {
        if (taps.type == KERAS_POOLING_UINT8 && tap != 255) continue;  // cut off
        victim.Refuses("a forged tap " + std::to_string(tap),
                       {"tap", "outside its window"},
                       [=](auto* c) { c->inputs[i].SetInteger(at, tap); });
      }
    }
  }
}

void IndicesOutsideThePlaneAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& indices = victim.call().inputs[i];
    if (indices.role != Role::kIndices) continue;
    const bool is_gradient = victim.op().is_gradient;
    const Tensor& positions =
        is_gradient ? victim.call().inputs[0] : victim.call().outputs[0];
    const Shape& shape = positions.shape;
    const bool channels_first = victim.call().attributes.channels_first;
    const int64_t plane = static_cast<int64_t>(positions.count()) / shape[0] /
                          shape[channels_first ? 1 : shape.size() - 1];
    std::vector<int64_t> values = {plane, plane + 1, -1,
                                   std::numeric_limits<int32_t>::min(),
                                   std::numeric_limits<int32_t>::max()};
    if (indices.type == KERAS_POOLING_INT64) {
      values.insert(values.end(), {kLeast, kMost, int64_t{1} << 32});
    }
    for (const size_t at : {size_t{0}, indices.count() / 2, indices.count() - 1}) {
      for (const int64_t value : values) {
        victim.Refuses(
            "a forged index",
            {"an index lies outside the plane", "hold " + std::to_string(value) + " at",
             " has " + std::to_string(plane) + " elements"},
            [=](auto* c) { c->inputs[i].SetInteger(at, value); });
      }
    }
  }
}

// A tap that its window lacks, since it lies in the padding or beyond the end of a
// window smaller than others; and one that the window has, with its place in `taps`.
using PlacedTap = std::pair<int64_t, int64_t>;
void TapsOfOtherWindowsAreRefused(const Setting& setting, const Op& op,
                                  std::mt19937_64& random) {
  CallMaker maker(setting, random);
  const Reference reference = ReferenceOf(setting, maker.edges());
  const int64_t most = reference.max_taps();
  if (most > 256 && setting.taps == ElementType::kUint8) return;
  DoorCall call = maker.Make(op);
  size_t input = 0;
  while (call.inputs[input].role != Role::kTaps) ++input;

  std::vector<bool> has(static_cast<size_t>(reference.outputs() * most));
  reference.ForEachTap([&](const TapVisit& v) {
    has[static_cast<size_t>(v.output * most + v.tap)] = true;
  });
  std::vector<PlacedTap> of_kind[2];
  for (size_t i = 0; i < has.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    of_kind[has[i]].emplace_back(at / most, at % most);
  }
  for (const bool belongs : {false, true}) {
    std::vector<PlacedTap>& taps = of_kind[belongs];
    std::shuffle(taps.begin(), taps.end(), random);
    if (taps.size() > 12) taps.resize(12);
    for (const auto& [at, tap] : taps) {
      DoorCall forged = call;
      forged.inputs[input].SetInteger(static_cast<size_t>(at), tap);
      const std::string what =
          "taps hold " + std::to_string(tap) + " at flat index " + std::to_string(at);
      const Answer answer = forged.Run();
      if (belongs) {
        CHECK(answer.ok(), Describe(setting, op) + ": " + answer.message);
      } else {
        CheckRefused(answer, {what}, Describe(setting, op) + ", " + what);
      }
    }
  }
}

bool ReadsTaps(const Op& op) {
  return std::any_of(
      op.inputs.begin(), op.inputs.end(),
      [](const keras_pooling::Input& input) { return input.role == Role::kTaps; });
}

// In every geometry and layout. Where windows are many, loops take several together.
void EveryTapIsHeldAgainstItsOwnWindow() {
  std::mt19937_64 random(10);
  std::vector<Setting> settings = AllSettings();
  settings.insert(
      settings.end(),
      {Windows("many windows", {37, 41}, {3, 3}, {2, 2}, 2, 35),
       Windows("many windows of many taps", {20, 37}, {19, 17}, {1, 1}, 1, 3),
       Windows("many windows in a row", {300}, {5}, {1}, 2, 2),
       Windows("many deep windows", {9, 10, 11}, {3, 4, 3}, {1, 2, 2}, 1, 20),
       Windows("planes longer than a block", {45, 67}, {3, 3}, {2, 2}, 2, 35),
       Windows("slices longer than a block", {7, 45, 67}, {3, 3, 3}, {2, 2, 2}, 1, 35),
       Windows("rows longer than a block", {34000}, {5}, {2}, 1, 2),
       Regions("many regions", {37, 40}, {25, 23}, 1, 2, 35),
       Regions("many regions of each channel", {30, 20}, {17, 18}, 10, 2, 5)});
  for (Setting& setting : settings) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!ReadsTaps(op) || info.kind != ReductionKind::kSelects) continue;
        for (const ElementType taps : {ElementType::kUint8, ElementType::kInt32}) {
          for (const bool channels_first : {false, true}) {
            setting.attributes.reduction = info.name;
            setting.attributes.channels_first = channels_first;
            setting.taps = taps;
            TapsOfOtherWindowsAreRefused(setting, op, random);
          }
        }
      }
    }
  }
}

void FalseSizesAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& tensor = victim.call().inputs[i];
    if (tensor.role != Role::kSize) continue;
    for (size_t axis = 0; axis < tensor.count(); ++axis) {
      std::vector<int64_t> values = {-1, 0, std::numeric_limits<int32_t>::min(),
                                     std::numeric_limits<int32_t>::max()};
      if (tensor.type == KERAS_POOLING_INT64) {
        values.insert(values.end(),
                      {kLeast, kMost, int64_t{1} << 48, int64_t{1} << 62});
      }
      for (const int64_t value : values) {
        // Adaptive windows fit any size, if the image is that large: without x it is.
        const Tensor& main = victim.call().inputs[0];
        if (value > 0 && victim.call().attributes.geometry == "adaptive" &&
            main.count() * 8 < (size_t{1} << 20)) {
          continue;
        }
        victim.Refuses("a forged size", {std::to_string(value)},
                       [=](auto* c) { c->inputs[i].SetInteger(axis, value); });
      }
    }
  }
}

void FalseEdgesAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& edges = victim.call().inputs[i];
    if (edges.role != Role::kRegions) continue;
    const size_t length = static_cast<size_t>(edges.shape[1]);
    const size_t last = edges.count() - 1;  // of the last row
    const int64_t in = edges.Integer(last);
    const auto set = [&](const char* why, size_t at, int64_t value, const char* part) {
      victim.Refuses(why, {"regions", part, std::to_string(value)},
                     [=](auto* c) { c->inputs[i].SetInteger(at, value); });
    };
    const int64_t most =
        edges.type == KERAS_POOLING_INT64 ? kMost : std::numeric_limits<int32_t>::max();
    for (const int64_t value : {int64_t{1}, int64_t{-1}, most, -most}) {
      set("a first edge that is not 0", last + 1 - length, value, "begin at 0");
    }
    for (const int64_t value : {int64_t{0}, in - 1, in + 1, most, -most}) {
      set("a last edge that is not the end", last, value, "end at the axis's size");
    }
    for (const int64_t value : {int64_t{0}, int64_t{-1}, in, in + 1, most, -most}) {
      if (length > 2) set("edges that do not ascend", last - 1, value, "ascending");
    }
    for (const int64_t rows : {edges.shape[0] + 1, edges.shape[0] * 7 + 1}) {
      victim.Refuses("too many rows", {"regions", "Received"}, [=](auto* c) {
        Tensor more = Tensor::Of(Role::kRegions, edges.element(),
                                 {rows, static_cast<int64_t>(length)});
        for (size_t e = 0; e < more.count(); ++e) {
          more.SetInteger(e, edges.Integer(e % length));
        }
        for (Tensor& tensor : c->inputs) {
          if (tensor.role == Role::kRegions && tensor.shape == edges.shape)
            tensor = more;
        }
      });
    }
    // No rows; rows of one edge; rows of none.
    for (const Shape& shape : {Shape{0, -1}, Shape{1, 1}, Shape{1, 0}}) {
      victim.Refuses("no edges", {"regions", "Received"}, [=](auto* c) {
        for (Tensor& tensor : c->inputs) {
          if (tensor.role != Role::kRegions) continue;
          const int64_t length = shape[1] < 0 ? tensor.shape[1] : shape[1];
          tensor = Tensor::OfIntegers(Role::kRegions, edges.element(),
                                      {shape[0], length}, {});
        }
      });
    }
  }
}

void FalseDrawsAreRefused(Victim& victim) {
  for (size_t i = 0; i < victim.call().inputs.size(); ++i) {
    const Tensor& draw = victim.call().inputs[i];
    if (draw.role != Role::kDraw) continue;
    for (size_t word = 0; word < 3; ++word) {
      std::vector<int64_t> values = {-1, std::numeric_limits<int32_t>::min()};
      if (word != 2) values.push_back(0);
      if (word == 1) values.push_back(draw.Integer(0) + 1);
      if (draw.type == KERAS_POOLING_INT64) {
        values.insert(values.end(), {kLeast, kMost, int64_t{1} << 31});
      }
      for (const int64_t value : values) {
        victim.Refuses("a forged draw", {std::to_string(value)},
                       [=](auto* c) { c->inputs[i].SetInteger(word, value); });
      }
    }
  }
}

void EveryOpRefusesForgedTensors() {
  std::mt19937_64 random(9);
  for (const size_t each : {0, 1, 6, 11, 12}) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info)) continue;
        Setting setting = AllSettings()[each];
        setting.attributes.reduction = info.name;
        setting.attributes.channels_first = each == 1;
        setting.integers = each % 2 == 0 ? ElementType::kInt64 : ElementType::kInt32;
        setting.taps = each % 2 == 0 ? ElementType::kInt32 : ElementType::kUint8;
        Victim victim(setting, op, random);
        NumbersOfArraysAreChecked(victim);
        ArraysThatCannotBeAreRefused(victim);
        TensorsBeyondAllMemoryAreRefused(victim);
        ShapesThatDisagreeAreRefused(victim);
        TypesThatDoNotFitAreRefused(victim);
        TapsOutsideTheirWindowAreRefused(victim);
        IndicesOutsideThePlaneAreRefused(victim);
        FalseSizesAreRefused(victim);
        FalseEdgesAreRefused(victim);
        FalseDrawsAreRefused(victim);
      }
    }
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  EveryOpRefusesForgedTensors();
  EveryTapIsHeldAgainstItsOwnWindow();
  return Summary();
}
