// Bytes as a call of the C entry: an op, attributes and arrays that fit one another,
// half of the time spoilt in a place or two. Whatever they are, the answer is a status
// with a message, and shapes that are inferred are those that run.
#include <cstdlib>
#include <limits>

#include "tests/door_call.h"

namespace keras_pooling::tests {
namespace {

// Numbers out of bytes; zeros when there are no more.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}

  uint64_t Next() { return data_ == end_ ? 0 : *data_++; }
  int64_t Below(int64_t end) {
    return static_cast<int64_t>(Next()) % std::max<int64_t>(end, 1);
  }
  bool OneIn(int64_t n) { return Below(n) == n - 1; }

  // Small ones, and those where something overflows.
  int64_t AnyInteger() {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
    const int64_t bit = int64_t{1} << Below(63);
    switch (Below(8)) {
      case 0:
        return bit;
      case 1:
        return bit - 1;
      case 2:
        return -bit;
      case 3:
        return kMost - Below(3);
      case 4:
        return -kMost - Below(2);
      default:
        return Below(24) - 4;
    }
  }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
};

const ReductionInfo& AnyReduction(Bytes* bytes) {
  const auto count = static_cast<int64_t>(AllReductions().size());
  return AllReductions()[static_cast<size_t>(bytes->Below(count))];
}

// Most of the settings are possible ones for the op.
Setting AnySetting(const Op& op, Bytes* bytes) {
  Setting setting;
  SpecAttributes& attributes = setting.attributes;
  const ReductionInfo* info = &AnyReduction(bytes);
  for (const ReductionInfo& each : AllReductions()) {
    if (!IsDefined(op, *info)) info = &each;
  }
  attributes.reduction = info->name;
  const int64_t geometry = bytes->Below(4);
  attributes.geometry = geometry == 0   ? "adaptive"
                        : geometry == 1 ? "regions"
                                        : "sliding";
  attributes.channels_first = bytes->OneIn(2);
  attributes.ceil_mode = bytes->OneIn(3);
  attributes.count_include_pad = bytes->OneIn(3);
  attributes.overlapping = bytes->OneIn(2);
  attributes.pseudo_random = bytes->OneIn(2);
  attributes.axis = bytes->Below(3);
  attributes.divisor_override = bytes->OneIn(4) ? bytes->Below(9) : 0;
  const double powers[] = {2.0, 1.0, 3.0, 0.5, 2.5, 150.0, 1e-3, 1e300};
  attributes.p_bits = BitCast<int64_t>(powers[bytes->Below(8)]);
  const int64_t padding = bytes->Below(3);
  attributes.padding = padding == 0 ? "VALID" : padding == 1 ? "SAME" : "EXPLICIT";
  const int64_t rank = 1 + bytes->Below(3);
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t size = 1 + bytes->Below(rank == 1 ? 70 : rank == 2 ? 14 : 6);
    const int64_t most = bytes->OneIn(8) ? 20 : std::min<int64_t>(size, 5);
    const int64_t window = 1 + bytes->Below(most);
    const int64_t dilation = bytes->OneIn(4) ? 1 + bytes->Below(4) : 1;
    setting.sizes.push_back(size);
    attributes.window.push_back(window);
    attributes.strides.push_back(1 + bytes->Below(4));
    attributes.dilations.push_back(dilation);
    for (int side = 0; side < 2; ++side) {
      attributes.pads.push_back(bytes->Below((window - 1) * dilation + 1));
    }
    if (geometry == 1) setting.regions.push_back(1 + bytes->Below(size));
  }
  setting.batch = bytes->OneIn(8) ? 0 : 1 + bytes->Below(3);
  setting.channels = bytes->OneIn(8) ? 0 : 1 + bytes->Below(bytes->OneIn(4) ? 70 : 6);
  const int64_t rows[] = {1, setting.batch, setting.batch * setting.channels};
  setting.rows = rows[bytes->Below(3)];
  setting.type =
      static_cast<ElementType>(bytes->Below(bytes->OneIn(3) ? kElementTypes : 4));
  if (!IsDefined(op, *info, setting.type)) setting.type = ElementType::kFloat32;
  setting.taps = bytes->OneIn(2) ? ElementType::kInt32 : ElementType::kUint8;
  setting.integers = bytes->OneIn(2) ? ElementType::kInt32 : ElementType::kInt64;
  setting.values = static_cast<Values>(bytes->Below(4));
  return setting;
}

// --- What goes wrong.

class SpoilAttribute {
 public:
  SpoilAttribute(Bytes* bytes, SpecAttributes* attributes)
      : bytes_(bytes), left_(bytes->Below(16)) {
    ForEachAttribute(attributes, *this);
  }
  void operator()(const char*, std::string* value) {
    if (left_-- == 0) *value = bytes_->OneIn(2) ? AnyReduction(bytes_).name : "";
  }
  void operator()(const char*, bool* value) {
    if (left_-- == 0) *value = !*value;
  }
  void operator()(const char*, int64_t* value) {
    if (left_-- == 0) *value = bytes_->AnyInteger();
  }
  void operator()(const char*, std::vector<int64_t>* value) {
    if (left_-- != 0) return;
    if (value->empty() || bytes_->OneIn(4)) {
      value->resize(static_cast<size_t>(bytes_->Below(8)), 1);
    } else {
      (*value)[static_cast<size_t>(
          bytes_->Below(static_cast<int64_t>(value->size())))] = bytes_->AnyInteger();
    }
  }

 private:
  Bytes* bytes_;
  int64_t left_;
};

// Memory as the shape says, if there can be so much: what has none has no data then.
void FitMemory(Tensor* tensor) {
  constexpr int64_t kMost = 1 << 20;
  const bool has_type = tensor->type >= 0 && tensor->type < kElementTypes;
  int64_t bytes = has_type ? ElementSize(tensor->element()) : 1;
  for (const int64_t size : tensor->shape) {
    const bool fits = size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes);
    if (!fits || bytes > kMost) bytes = size == 0 ? 0 : kMost + 1;
  }
  tensor->bytes.resize(bytes > kMost ? 0 : static_cast<size_t>(bytes), 1);
}

void SpoilTensor(Bytes* bytes, Tensor* tensor) {
  const auto rank = static_cast<int64_t>(tensor->shape.size());
  switch (bytes->Below(4)) {
    case 0:
      tensor->type = static_cast<int32_t>(bytes->Below(kElementTypes + 2)) - 1;
      return FitMemory(tensor);
    case 1:
      if (rank == 0) return;
      tensor->shape[static_cast<size_t>(bytes->Below(rank))] = bytes->AnyInteger();
      return FitMemory(tensor);
    case 2:
      tensor->shape.resize(static_cast<size_t>(bytes->Below(7)), 1);
      return FitMemory(tensor);
    default:
      if (tensor->bytes.size() < 8) return;
      const int64_t value = bytes->AnyInteger();
      const size_t size = tensor->type == KERAS_POOLING_INT64 ? 8 : 4;
      const auto places = static_cast<int64_t>(tensor->bytes.size() / size);
      std::memcpy(&tensor->bytes[static_cast<size_t>(bytes->Below(places)) * size],
                  &value, size);
  }
}

void Spoil(Bytes* bytes, DoorCall* call) {
  std::vector<Tensor>& tensors = bytes->OneIn(4) ? call->outputs : call->inputs;
  if (tensors.empty() || bytes->OneIn(4)) {
    SpoilAttribute(bytes, &call->attributes);
    return;
  }
  Tensor& tensor =
      tensors[static_cast<size_t>(bytes->Below(static_cast<int64_t>(tensors.size())))];
  switch (bytes->Below(16)) {
    case 0:
      tensors.pop_back();
      break;
    case 1: {
      const Tensor copy = tensor;
      tensors.push_back(copy);
      break;
    }
    case 2:
      tensor.bytes.clear();
      break;
    default:
      SpoilTensor(bytes, &tensor);
  }
}

// --- The call.

using WorkFn = void (*)(const void* context, int64_t begin, int64_t end);

void OneByOneFromTheEnd(void*, int64_t total, int64_t, WorkFn work,
                        const void* context) {
  for (int64_t i = total; i > 0; --i) work(context, i - 1, i);
}

void Demand(bool holds, const char* what, const DoorCall& call, const Answer& answer) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s %s: %d %s\n", what, call.op->name,
               call.attributes.reduction.c_str(), answer.status,
               answer.message.c_str());
  std::abort();
}

void Knock(Bytes* bytes) {
  const auto ops = static_cast<int64_t>(AllOps().size());
  const Op& op = AllOps()[static_cast<size_t>(bytes->Below(ops))];
  std::mt19937_64 random(bytes->Next());
  const Setting setting = AnySetting(op, bytes);
  DoorCall call = CallMaker(setting, random, true).Make(op);
  const bool is_spoilt = bytes->OneIn(2);
  for (int64_t i = is_spoilt ? 1 + bytes->Below(3) : 0; i > 0; --i) Spoil(bytes, &call);

  const KerasPoolingParallel lent = {static_cast<int32_t>(bytes->Below(5)), nullptr,
                                     bytes->OneIn(32) ? nullptr : &OneByOneFromTheEnd};
  const int64_t mode = bytes->Below(4);
  KerasPoolingSetThreads(mode == 0 ? 2 : 1);
  const Answer answer = call.Run(mode > 1 ? &lent : nullptr);
  Demand(answer.status == KERAS_POOLING_OK ||
             answer.status == KERAS_POOLING_INVALID_ARGUMENT,
         "status", call, answer);
  Demand(answer.ok() == answer.message.empty(), "message", call, answer);

  // All that is known, and then with something unknown.
  std::vector<KerasPoolingShape> shapes;
  const Answer inferred = call.Infer(&shapes);
  Demand(!answer.ok() || inferred.ok(), "inferred", call, inferred);
  for (size_t i = 0; answer.ok() && i < call.outputs.size(); ++i) {
    const Shape shape(shapes[i].sizes, shapes[i].sizes + shapes[i].rank);
    Demand(shape == call.outputs[i].shape, "shape", call, inferred);
  }
  std::vector<KerasPoolingArray> views = ViewsOf(call.inputs);
  for (KerasPoolingArray& view : views) {
    if (bytes->OneIn(3)) view.data = nullptr;
    if (bytes->OneIn(4)) view.type = -1;
    if (bytes->OneIn(4)) view.rank = -1;
  }
  const Answer in_part = call.Infer(views, &shapes);
  Demand(!answer.ok() || in_part.ok(), "inferred in part", call, in_part);
}

}  // namespace
}  // namespace keras_pooling::tests

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  keras_pooling::tests::Bytes bytes(data, size);
  keras_pooling::tests::Knock(&bytes);
  return 0;
}
