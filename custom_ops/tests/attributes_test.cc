// Attributes and pointers that cannot be, through the C entry: each is answered by a
// status and a message that names the argument and the value.
#include <cmath>

#include "tests/refused.h"
#include "tests/settings.h"

namespace keras_pooling::tests {
namespace {

// Each integer of each attribute at the ends of int64 and around what is allowed: the
// op is refused with the attribute's name and the value, or it runs or refuses later.
class EndsOfAttributes {
 public:
  EndsOfAttributes(const Setting& setting, const Op& op, std::mt19937_64& random)
      : call_(CallMaker(setting, random).Make(op)), what_(Describe(setting, op)) {
    ForEachAttribute(&call_.attributes, *this);
  }

  void operator()(const char* name, std::vector<int64_t>* values) {
    const std::vector<int64_t> before = *values;
    for (size_t i = 0; i < before.size(); ++i) {
      ForEachEnd(name, &(*values)[i]);
    }
    *values = std::vector<int64_t>(64, 1);
    Try(name, "");
    *values = std::vector<int64_t>(65, 1);
    const bool is_text_free = Try(name, "");
    CHECK(!is_text_free, std::string(name) + " of 65 entries");
    *values = before;
  }
  void operator()(const char* name, int64_t* value) { ForEachEnd(name, value); }
  void operator()(const char* name, std::string* value) {
    const std::string before = *value;
    for (const char* text : {"", "nothing of the kind", "MAX", "\xff\xfe"}) {
      *value = text;
      const bool is_used =
          name != std::string("padding") || call_.attributes.geometry == "sliding";
      const bool is_bound = Try(name, text);
      CHECK(!is_bound || !is_used || call_.op->serves == Serves::kNoWindows,
            what_ + ": " + name + "=" + text);
    }
    *value = before;
  }
  void operator()(const char*, bool*) {}

 private:
  void ForEachEnd(const char* name, int64_t* value) {
    const int64_t before = *value;
    for (const int64_t end :
         {kLeast, kLeast + 1, int64_t{-(int64_t{1} << 31)}, int64_t{-1}, int64_t{0},
          int64_t{1} << 31, (int64_t{1} << 53) + 1, int64_t{1} << 62, kMost}) {
      *value = end;
      Try(name, std::to_string(end));
    }
    *value = before;
  }

  // Whether the op could be bound.
  bool Try(const std::string& name, const std::string& value) {
    const Handle handle(call_.op->name, call_.attributes);
    std::vector<KerasPoolingShape> shapes;
    if (handle.answer().ok()) {
      call_.Infer(&shapes);
      const Answer answer = call_.Run();
      CHECK(answer.status == KERAS_POOLING_OK ||
                answer.status == KERAS_POOLING_INVALID_ARGUMENT,
            what_ + ", " + name + "=" + value + ": " + answer.message);
      CHECK(answer.ok() == answer.message.empty(), what_ + ": no message");
      return true;
    }
    CHECK(handle.answer().status == KERAS_POOLING_INVALID_ARGUMENT, what_);
    const size_t bits = name.rfind("_bits");  // of a number with another text
    const bool is_bits = bits != std::string::npos;
    const bool is_named =
        Has(handle.answer(), is_bits ? name.substr(0, bits) + "=" : name) ||
        (name == "window" && Has(handle.answer(), "output_size"));
    CHECK(is_named, what_ + ", " + name + "=" + value + ": " + handle.answer().message);
    CHECK(is_bits || Has(handle.answer(), value),
          what_ + ", " + name + "=" + value + ": " + handle.answer().message);
    return false;
  }

  DoorCall call_;
  std::string what_;
};

void AttributesAtTheEndsOfTheirTypes() {
  std::mt19937_64 random(10);
  for (const size_t each : {0, 6, 11, 20}) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info)) continue;
        Setting setting = AllSettings()[each];
        setting.attributes.reduction = info.name;
        EndsOfAttributes(setting, op, random);
      }
    }
  }
}

// Draws are numbered by their axis.
void AxesThatAreNoneAreRefused() {
  for (const int64_t axis :
       {int64_t{-1}, int64_t{3}, int64_t{1} << 32, kLeast, kMost}) {
    SpecAttributes attributes;
    attributes.axis = axis;
    CheckRefused(Handle("FractionalRegions", attributes).answer(),
                 {"axis=" + std::to_string(axis)}, "an axis");
  }
}

void NumbersThatAreNotPositiveAreRefused() {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::pair<double, const char*> all[] = {{std::nan(""), "nan"},
                                                {-std::nan(""), "-nan"},
                                                {infinity, "inf"},
                                                {-infinity, "-inf"},
                                                {0.0, "0"},
                                                {-0.0, "-0"},
                                                {-2.5, "-2.5"},
                                                {-1e-320, "-9.99"}};
  for (const bool is_p : {true, false}) {
    for (const auto& [number, text] : all) {
      SpecAttributes attributes;
      attributes.window = {2};
      attributes.reduction = is_p ? "lp" : "gem";
      (is_p ? attributes.p_bits : attributes.epsilon_bits) = BitsOf(number);
      const std::string part = (is_p ? "p=" : "epsilon=") + std::string(text);
      CheckRefused(Handle("BlendingPool", attributes).answer(), {part}, part);
    }
  }
}

void OpsRefuseReductionsOfAnotherKind() {
  SpecAttributes attributes;
  attributes.window = {2};
  for (const Op& op : AllOps()) {
    for (const ReductionInfo& info : AllReductions()) {
      attributes.reduction = info.name;
      const Answer answer = Handle(op.name, attributes).answer();
      if (IsDefined(op, info)) {
        CHECK(answer.ok(), std::string(op.name) + " " + answer.message);
      } else {
        CheckRefused(answer, {op.name, "reduction", info.name}, op.name);
      }
    }
  }
}

void NamesOfOpsAreChecked() {
  for (const char* name : {"", ">", "Selecting", "SelectingPool ", "selectingpool",
                           "A>B>SelectingPool", "SelectingPool>"}) {
    CheckRefused(Handle(name, {}).answer(), {"unknown op"}, name);
  }
  SpecAttributes attributes;
  attributes.window = {2};
  CHECK(Handle("KerasPooling>SelectingPool", attributes).answer().ok(), "a namespace");
}

void AttributesThatCannotBeAreRefused() {
  const int64_t two[] = {2, 2};
  KerasPoolingOp* op = nullptr;
  const struct {
    KerasPoolingAttribute attribute;
    const char* part;
  } all[] = {
      {{nullptr, nullptr, two, 2}, "needs a name"},
      {{"", nullptr, two, 2}, "unknown attribute"},
      {{"windows", nullptr, two, 2}, "unknown attribute windows"},
      {{"window", "2, 2", nullptr, 0}, "window must be a list of integers"},
      {{"window", nullptr, nullptr, 2}, "window must be a list of integers"},
      {{"window", nullptr, two, -1}, "window must be a list of integers"},
      {{"window", nullptr, two, kMost}, "window must be a list of integers"},
      {{"window", nullptr, two, 65}, "window must be a list of integers"},
      {{"reduction", nullptr, two, 1}, "reduction must be a text"},
      {{"reduction", nullptr, nullptr, 0}, "reduction must be a text"},
      {{"ceil_mode", "true", nullptr, 0}, "ceil_mode must be an integer"},
      {{"ceil_mode", nullptr, two, 2}, "ceil_mode must be an integer"},
      {{"ceil_mode", nullptr, nullptr, 1}, "ceil_mode must be an integer"},
      {{"p_bits", nullptr, two, 0}, "p_bits must be an integer"},
  };
  for (const auto& [attribute, part] : all) {
    CheckRefused(AnswerOf(KerasPoolingBind("SelectingPool", &attribute, 1, &op)),
                 {part}, part);
    CHECK(op == nullptr, "an op that was refused");
  }
}

void NullPointersAreRefused() {
  const int64_t two[] = {2};
  const KerasPoolingAttribute window = {"window", nullptr, two, 1};
  KerasPoolingOp* op = nullptr;
  const auto refuse = [](KerasPoolingStatus status, const char* part) {
    CheckRefused(AnswerOf(status), {part}, part);
  };
  refuse(KerasPoolingBind("SelectingPool", &window, 1, nullptr), "no place");
  refuse(KerasPoolingBind(nullptr, &window, 1, &op), "needs a name");
  refuse(KerasPoolingBind("SelectingPool", nullptr, 1, &op), "null attributes");
  refuse(KerasPoolingBind("SelectingPool", &window, -1, &op), "null attributes");
  refuse(KerasPoolingInfer(nullptr, nullptr, 0, nullptr, 0), "null op");
  refuse(KerasPoolingRun(nullptr, nullptr, 0, nullptr, 0, nullptr), "null op");
  KerasPoolingRelease(nullptr);
  CHECK(KerasPoolingBind("SelectingPool", &window, 1, &op) == KERAS_POOLING_OK,
        "window");
  const int64_t shape[] = {1, 4, 1};
  float x[4] = {1, 2, 3, 4};
  const KerasPoolingArray in = {KERAS_POOLING_FLOAT32, 3, shape, x};
  KerasPoolingShape shapes[3];
  refuse(KerasPoolingInfer(op, nullptr, 1, shapes, 2), "null inputs");
  refuse(KerasPoolingInfer(op, &in, -1, shapes, 2), "-1");
  refuse(KerasPoolingInfer(op, &in, 1, nullptr, 2), "2 outputs");
  refuse(KerasPoolingInfer(op, &in, 1, shapes, 3), "room for 3");
  refuse(KerasPoolingInfer(op, &in, 1, shapes, -1), "room for -1");
  CHECK(KerasPoolingInfer(op, &in, 1, nullptr, 0) == KERAS_POOLING_OK, "checks alone");
  refuse(KerasPoolingRun(op, nullptr, 1, &in, 1, nullptr), "null inputs");
  refuse(KerasPoolingRun(op, &in, 1, nullptr, 1, nullptr), "null outputs");
  refuse(KerasPoolingRun(op, &in, -2, &in, 1, nullptr), "-2");
  KerasPoolingRelease(op);
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  AttributesAtTheEndsOfTheirTypes();
  AxesThatAreNoneAreRefused();
  NumbersThatAreNotPositiveAreRefused();
  OpsRefuseReductionsOfAnotherKind();
  NamesOfOpsAreChecked();
  AttributesThatCannotBeAreRefused();
  NullPointersAreRefused();
  return Summary();
}
