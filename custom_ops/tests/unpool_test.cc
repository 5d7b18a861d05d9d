// Unpooling by indices that no pool gave: any number of them anywhere, in any order,
// against a loop that cannot be wrong.
#include <algorithm>

#include "tests/refused.h"

namespace keras_pooling::tests {
namespace {

struct Sizes {
  const char* why;
  int64_t batch;
  int64_t channels;
  int64_t windows;
  int64_t plane;
};

constexpr Sizes kAll[] = {
    {"one of everything", 1, 1, 1, 1},
    {"many for few places", 3, 5, 200, 7},
    {"few for many places", 2, 19, 3, 5000},
    {"one image of many channels, shared out among threads", 1, 100, 70, 300},
    {"one image of a few channels", 1, 3, 4000, 9000},
    {"more images than there are marks", 600, 2, 9, 5},
    {"a plane that no cache holds", 1, 40, 3000, 40000},
    {"places without values", 2, 3, 0, 50},
    {"an empty batch", 0, 3, 20, 50},
    {"no channels", 2, 0, 20, 50},
};

const Op& OpNamed(const std::string& name) {
  const auto& ops = AllOps();
  return *std::find_if(ops.begin(), ops.end(),
                       [&](const Op& op) { return op.name == name; });
}

// Calls there and back, of which the output is still to be computed.
struct Calls {
  DoorCall forward;
  DoorCall backward;
};

template <class T>
Calls CallsOf(const Sizes& s, bool channels_first, ElementType integers,
              std::mt19937_64& random) {
  const auto shape = [&](int64_t size) {
    return channels_first ? Shape{s.batch, s.channels, size}
                          : Shape{s.batch, size, s.channels};
  };
  const ElementType type = Info<T>::kType;
  const auto values = [&](Role role, int64_t size) {
    Tensor tensor = Tensor::Of(role, type, shape(size));
    for (unsigned char& byte : tensor.bytes) {
      byte = static_cast<unsigned char>(random());
    }
    return tensor;
  };
  Tensor indices = Tensor::Of(Role::kIndices, integers, shape(s.windows));
  for (size_t i = 0; i < indices.count(); ++i) {
    indices.SetInteger(i,
                       static_cast<int64_t>(random() % static_cast<uint64_t>(s.plane)));
  }
  SpecAttributes attributes;
  attributes.window = {1};
  attributes.channels_first = channels_first;
  const Tensor size = Tensor::OfIntegers(Role::kSize, integers, {1}, {s.plane});
  return {{&OpNamed("MaxUnpool"),
           attributes,
           {values(Role::kY, s.windows), indices, size},
           {Tensor::Of(Role::kX, type, shape(s.plane))}},
          {&OpNamed("MaxUnpoolGrad"),
           attributes,
           {values(Role::kDx, s.plane), indices},
           {Tensor::Of(Role::kDy, type, shape(s.windows))}}};
}

// Where element `i` of one lane lies.
size_t At(const Sizes& s, bool channels_first, int64_t size, int64_t n, int64_t c,
          int64_t i) {
  return static_cast<size_t>(channels_first ? (n * s.channels + c) * size + i
                                            : (n * size + i) * s.channels + c);
}

template <class T>
void Want(const Sizes& s, bool channels_first, Calls* calls) {
  const Tensor& indices = calls->forward.inputs[1];
  Tensor& x = calls->forward.outputs[0];
  Tensor& dy = calls->backward.outputs[0];
  std::fill(x.bytes.begin(), x.bytes.end(), 0);
  std::fill(dy.bytes.begin(), dy.bytes.end(), 0);
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t c = 0; c < s.channels; ++c) {
      std::vector<int64_t> last(static_cast<size_t>(s.plane), -1);
      for (int64_t w = 0; w < s.windows; ++w) {
        const size_t from = At(s, channels_first, s.windows, n, c, w);
        const int64_t index = indices.Integer(from);
        last[static_cast<size_t>(index)] = w;
        x.Set(At(s, channels_first, s.plane, n, c, index),
              calls->forward.inputs[0].At<T>(from));
      }
      for (int64_t p = 0; p < s.plane; ++p) {
        const int64_t w = last[static_cast<size_t>(p)];
        if (w < 0) continue;
        dy.Set(
            At(s, channels_first, s.windows, n, c, w),
            calls->backward.inputs[0].At<T>(At(s, channels_first, s.plane, n, c, p)));
      }
    }
  }
}

using WorkFn = void (*)(const void* context, int64_t begin, int64_t end);

void OneByOneFromTheEnd(void*, int64_t total, int64_t, WorkFn work,
                        const void* context) {
  for (int64_t i = total; i > 0; --i) work(context, i - 1, i);
}

void AllAtOnce(void*, int64_t total, int64_t, WorkFn work, const void* context) {
  work(context, 0, total);
}

const KerasPoolingParallel kLent[] = {{1, nullptr, &AllAtOnce},
                                      {3, nullptr, &OneByOneFromTheEnd},
                                      {64, nullptr, &OneByOneFromTheEnd}};

template <class T>
void AnyIndicesGiveWhatALoopGives() {
  std::mt19937_64 random(18);
  for (const Sizes& s : kAll) {
    for (const bool channels_first : {false, true}) {
      for (const ElementType integers : {ElementType::kInt32, ElementType::kInt64}) {
        Calls calls = CallsOf<T>(s, channels_first, integers, random);
        Want<T>(s, channels_first, &calls);
        for (DoorCall* call : {&calls.forward, &calls.backward}) {
          if (call == &calls.backward && !Info<T>::kFloating) continue;
          const std::string what = std::string(s.why) + ": " + call->op->name + " " +
                                   Info<T>::kName +
                                   (channels_first ? ", channels_first" : "");
          const std::vector<unsigned char> want = call->outputs[0].bytes;
          for (const KerasPoolingParallel& lent : kLent) {
            std::fill(call->outputs[0].bytes.begin(), call->outputs[0].bytes.end(),
                      0x5a);
            const Answer answer = call->Run(&lent);
            CHECK(answer.ok(), what + answer.message);
            CHECK(call->outputs[0].bytes == want,
                  what + ", threads " + std::to_string(lent.threads));
          }
        }
      }
    }
  }
}

// Whoever finds which one first.
void TheFirstIndexOutsideIsNamed() {
  std::mt19937_64 random(19);
  for (const Sizes& s : {kAll[1], kAll[3], kAll[5]}) {
    for (const bool channels_first : {false, true}) {
      Calls calls = CallsOf<float>(s, channels_first, ElementType::kInt32, random);
      const size_t first = At(s, channels_first, s.windows, 0, 1, 2);
      for (DoorCall* call : {&calls.forward, &calls.backward}) {
        Tensor& indices = call->inputs[1];
        for (size_t i = first + 1; i < indices.count(); i += 17) {
          indices.SetInteger(i, -1);
        }
        indices.SetInteger(first, 123456);
        for (const KerasPoolingParallel& lent : kLent) {
          CheckRefused(
              call->Run(&lent),
              {"indices hold 123456 at (2,) of image 0, channel 1, the plane (" +
                   std::to_string(s.plane) + ",)",
               std::to_string(s.plane) + " elements"},
              s.why);
        }
      }
    }
  }
}

void AnyIndexIsOutsideAnEmptyPlane() {
  std::mt19937_64 random(20);
  Calls calls = CallsOf<float>({"", 1, 1, 2, 1}, false, ElementType::kInt64, random);
  calls.forward.inputs[2].SetInteger(0, 0);
  calls.forward.outputs[0] = Tensor::Of(Role::kX, ElementType::kFloat32, {1, 0, 1});
  CheckRefused(calls.forward.Run(), {"hold 0 at (0,)", "has 0 elements"}, "empty");
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  ForEachType(
      [](auto tag) { AnyIndicesGiveWhatALoopGives<typename decltype(tag)::Type>(); });
  TheFirstIndexOutsideIsNamed();
  AnyIndexIsOutsideAnEmptyPlane();
  return Summary();
}
