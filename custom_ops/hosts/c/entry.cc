// The C entry: plain arrays in, the door of kernels/ops/op.h, a status out.
#include <new>
#include <string>

#include "hosts/c/keras_pooling.h"
#include "hosts/c/threads.h"
#include "kernels/ops/op.h"
#include "kernels/targets/targets.h"

struct KerasPoolingOp {
  keras_pooling::BoundOp op;
};

namespace keras_pooling {
namespace {

std::string& LastMessage() {
  thread_local std::string message;
  return message;
}

// The text that `make` gives, until the thread's next call, or `otherwise` where memory
// is short.
template <class Make>
const char* Keep(const Make& make, const char* otherwise) {
  thread_local std::string kept;
  try {
    kept = make();
  } catch (const std::bad_alloc&) {
    return otherwise;
  }
  return kept.c_str();
}

KerasPoolingStatus Answer(const Status& status) {
  try {
    if (!status.ok()) LastMessage() = status.message;
  } catch (const std::bad_alloc&) {
    LastMessage().clear();
  }
  return static_cast<KerasPoolingStatus>(status.code);
}

KerasPoolingStatus Invalid(const std::string& finding) {
  return Answer({Code::kInvalidArgument, "keras_pooling: " + finding});
}

// What `fn` answers; whatever it throws is lack of memory.
template <class Fn>
KerasPoolingStatus Protect(const Fn& fn) {
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    return Answer({Code::kOutOfMemory, "out of memory"});  // too short to need any
  } catch (...) {
    return Answer({Code::kInternal, "internal error"});
  }
}

// Writes one attribute where it belongs. `found` says whether the op has it, `error`
// what is wrong with it.
class AttributeSetter {
 public:
  explicit AttributeSetter(const KerasPoolingAttribute& attribute)
      : attribute_(attribute) {}

  void operator()(const char* name, std::string* value) {
    if (!Matches(name)) return;
    if (attribute_.text == nullptr) return Fail("a text");
    *value = attribute_.text;
  }
  void operator()(const char* name, std::vector<int64_t>* value) {
    if (!Matches(name)) return;
    constexpr int64_t kMost = 64;
    if (attribute_.text != nullptr || attribute_.count < 0 ||
        attribute_.count > kMost ||
        (attribute_.count > 0 && attribute_.ints == nullptr)) {
      return Fail("a list of integers");
    }
    value->clear();
    if (attribute_.count > 0) {
      value->assign(attribute_.ints, attribute_.ints + attribute_.count);
    }
  }
  void operator()(const char* name, bool* value) {
    if (Matches(name) && IsInteger()) *value = attribute_.ints[0] != 0;
  }
  void operator()(const char* name, int64_t* value) {
    if (Matches(name) && IsInteger()) *value = attribute_.ints[0];
  }

  std::string error() const {
    return found_ ? error_ : std::string("unknown attribute ") + attribute_.name;
  }

 private:
  bool Matches(const char* name) {
    const bool matches = std::string(name) == attribute_.name;
    found_ |= matches;
    return matches;
  }
  bool IsInteger() {
    if (attribute_.text == nullptr && attribute_.count == 1 &&
        attribute_.ints != nullptr) {
      return true;
    }
    Fail("an integer");
    return false;
  }
  void Fail(const char* kind) {
    error_ = std::string("attribute ") + attribute_.name + " must be " + kind;
  }

  const KerasPoolingAttribute& attribute_;
  bool found_ = false;
  std::string error_;
};

// `kind` is "input" or "output". Returns what is wrong, or "".
std::string ReadArrays(const char* kind, const KerasPoolingArray* arrays, int32_t count,
                       bool is_inferred, std::vector<Array>* to) {
  if (count < 0 || (count > 0 && arrays == nullptr)) {
    return std::string("null ") + kind + "s, or a count of " + std::to_string(count);
  }
  for (int32_t i = 0; i < count; ++i) {
    const KerasPoolingArray& array = arrays[i];
    const std::string name = std::string(kind) + " " + std::to_string(i);
    const bool has_type = array.type >= 0 || !is_inferred;
    if (has_type && (array.type < 0 || array.type >= kElementTypes)) {
      return name + " has the unknown type " + std::to_string(array.type);
    }
    const bool has_shape = array.rank >= 0;
    if (array.rank > KERAS_POOLING_MOST_RANK || (!has_shape && !is_inferred) ||
        (array.rank > 0 && array.shape == nullptr)) {
      return name + " has the rank " + std::to_string(array.rank) +
             ". Allowed are 0 to 5, with a shape";
    }
    Array read = {static_cast<ElementType>(has_type ? array.type : 0),
                  {},
                  array.data,
                  has_shape,
                  has_type};
    if (array.rank > 0) read.shape.assign(array.shape, array.shape + array.rank);
    to->push_back(std::move(read));
  }
  return "";
}

// A host's threads.
class LentThreads : public Parallel {
 public:
  explicit LentThreads(const KerasPoolingParallel& lent) : lent_(lent) {}

  void For(int64_t total, int64_t cost, const Work& work) const override {
    if (total > 0) lent_.run(lent_.pool, total, cost, work.run, work.context);
  }
  int threads() const override { return lent_.threads; }

 private:
  const KerasPoolingParallel& lent_;
};

}  // namespace
}  // namespace keras_pooling

using namespace keras_pooling;  // NOLINT(build/namespaces)

extern "C" {

int32_t KerasPoolingAbi(void) { return KERAS_POOLING_ABI; }

const char* KerasPoolingMessage(void) { return LastMessage().c_str(); }

KerasPoolingStatus KerasPoolingBind(const char* name,
                                    const KerasPoolingAttribute* attributes,
                                    int32_t attribute_count, KerasPoolingOp** op) {
  return Protect([&] {
    if (op == nullptr) return Invalid("no place for the op");
    *op = nullptr;
    if (name == nullptr) return Invalid("an op needs a name");
    if (attribute_count < 0 || (attribute_count > 0 && attributes == nullptr)) {
      return Invalid("null attributes");
    }
    SpecAttributes read;
    for (int32_t i = 0; i < attribute_count; ++i) {
      if (attributes[i].name == nullptr) return Invalid("an attribute needs a name");
      AttributeSetter setter(attributes[i]);
      ForEachAttribute(&read, setter);
      if (!setter.error().empty()) return Invalid(setter.error());
    }
    BoundOp bound;
    const Status status = BindOp(name, read, &bound);
    if (status.ok()) *op = new KerasPoolingOp{bound};
    return Answer(status);
  });
}

void KerasPoolingRelease(KerasPoolingOp* op) { delete op; }

KerasPoolingStatus KerasPoolingInfer(const KerasPoolingOp* op,
                                     const KerasPoolingArray* inputs,
                                     int32_t input_count, KerasPoolingShape* outputs,
                                     int32_t output_count) {
  return Protect([&] {
    if (op == nullptr) return Invalid("null op");
    std::vector<Array> arrays;
    const std::string error = ReadArrays("input", inputs, input_count, true, &arrays);
    if (!error.empty()) return Invalid(error);
    if (output_count < 0 || (output_count > 0 && outputs == nullptr) ||
        static_cast<size_t>(output_count) > op->op.op->outputs.size()) {
      return Invalid(std::string(op->op.op->name) + " has " +
                     std::to_string(op->op.op->outputs.size()) +
                     " outputs. Received room for " + std::to_string(output_count));
    }
    OpShapes shapes;
    const Status status = InferShapes(op->op, arrays, &shapes);
    for (size_t i = 0; status.ok() && i < static_cast<size_t>(output_count); ++i) {
      const Shape& shape = shapes.outputs[i];
      outputs[i].rank = static_cast<int32_t>(shape.size());
      for (size_t d = 0; d < shape.size(); ++d) outputs[i].sizes[d] = shape[d];
    }
    return Answer(status);
  });
}

KerasPoolingStatus KerasPoolingRun(const KerasPoolingOp* op,
                                   const KerasPoolingArray* inputs, int32_t input_count,
                                   const KerasPoolingArray* outputs,
                                   int32_t output_count,
                                   const KerasPoolingParallel* parallel) {
  return Protect([&] {
    if (op == nullptr) return Invalid("null op");
    std::vector<Array> in;
    std::vector<Array> out;
    std::string error = ReadArrays("input", inputs, input_count, false, &in);
    if (error.empty()) error = ReadArrays("output", outputs, output_count, false, &out);
    if (!error.empty()) return Invalid(error);
    if (parallel == nullptr) return Answer(RunOp(op->op, in, out, OwnThreads()));
    if (parallel->run == nullptr || parallel->threads < 1) {
      return Invalid("parallel needs a function and at least one thread. Received " +
                     std::to_string(parallel->threads) + " threads" +
                     (parallel->run == nullptr ? ", no function" : ""));
    }
    return Answer(RunOp(op->op, in, out, LentThreads(*parallel)));
  });
}

void KerasPoolingSetThreads(int32_t threads) { SetOwnThreads(threads); }
int32_t KerasPoolingThreads(void) { return OwnThreads().threads(); }

const char* KerasPoolingOps(void) {
  const auto lines = [] {
    std::string text;
    for (const Op& op : AllOps()) {
      text += (text.empty() ? "" : "\n") + std::string(op.name);
    }
    return text;
  };
  return Keep(lines, "");
}

const char* KerasPoolingReductions(void) {
  const auto lines = [] {
    std::string text;
    for (const ReductionInfo& info : AllReductions()) {
      text += std::string(text.empty() ? "" : "\n") + info.name +
              (info.kind == ReductionKind::kSelects ? " selects" : " blends");
      for (const bool flag : {info.has_integers, info.draws, info.learns,
                              info.saves_x(), info.saves_y(), info.has_gradient}) {
        text += flag ? " 1" : " 0";
      }
    }
    return text;
  };
  return Keep(lines, "");
}

const char* KerasPoolingTarget(void) {
  const auto name = [] {
    const Target* target = ActiveTarget();
    return target == nullptr ? "" : target->name;
  };
  return Keep(name, "");
}

const char* KerasPoolingTargets(void) {
  const auto names = [] {
    std::string text;
    for (const std::string& name : SupportedTargets()) {
      text += (text.empty() ? "" : ",") + name;
    }
    return text;
  };
  return Keep(names, "");
}

const char* KerasPoolingTargetError(void) { return Keep(TargetError, "out of memory"); }

const char* KerasPoolingForceTarget(const char* name) {
  return Keep([&] { return ForceTarget(name == nullptr ? "" : name); },
              "out of memory");
}

}  // extern "C"
