// Memory: where it is short, in whatever allocation, the C entry says so and the next
// call works; and no call takes more than its tensors are worth.
#include <sys/mman.h>

#include <cstdlib>
#include <new>

#include "kernels/targets/targets.h"
#include "tests/refused.h"
#include "tests/settings.h"

namespace {

// Which allocation fails, from when it is armed: the one with which the count of those
// that are left comes to 0; or from then on, all.
std::atomic<bool> is_armed(false);
std::atomic<bool> stays_short(false);
std::atomic<int64_t> left(0);
std::atomic<int64_t> failed(0);
std::atomic<int64_t> bytes_allocated(0);

bool MayAllocate(size_t bytes) {
  bytes_allocated += static_cast<int64_t>(bytes);
  if (!is_armed) return true;
  const int64_t now = --left;
  if (now > 0 || (now < 0 && !stays_short)) return true;
  ++failed;
  return false;
}

}  // namespace

// Not inlined: the compiler would see only one half of some pairs.
__attribute__((noinline)) void* operator new(size_t bytes) {
  void* const memory = MayAllocate(bytes) ? std::malloc(bytes + 1) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Not inlined, or GCC takes free() for a mistake where it sees the new beside it.
__attribute__((noinline)) void operator delete(void* memory) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

// The linker puts this in place of aligned_alloc() (--wrap), which scratch memory comes
// from.
extern "C" void* __real_aligned_alloc(size_t alignment, size_t bytes);
extern "C" void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return MayAllocate(bytes) ? __real_aligned_alloc(alignment, bytes) : nullptr;
}

namespace keras_pooling::tests {
namespace {

// What `call` answers while its allocation number `number` fails. `parallel` must not
// allocate.
template <class Call>
KerasPoolingStatus WithFailure(int64_t number, bool and_all_after, const Call& call) {
  failed = 0;
  left = number;
  stays_short = and_all_after;
  is_armed = true;
  const KerasPoolingStatus status = call();
  is_armed = false;
  return status;
}

// Fails one allocation after the other, until there is none left to fail. Where own
// threads share the work, some may be missing without harm.
template <class Call>
void EveryAllocationMayFail(const Call& call, bool may_do_without,
                            const std::string& what) {
  for (const bool and_all_after : {false, true}) {
    for (int64_t number = 1;; ++number) {
      const KerasPoolingStatus status = WithFailure(number, and_all_after, call);
      const std::string here = what + ", allocation " + std::to_string(number);
      if (failed == 0) {
        CHECK(status == KERAS_POOLING_OK, here + ": " + KerasPoolingMessage());
        break;
      }
      const bool is_told = status == KERAS_POOLING_OUT_OF_MEMORY;
      CHECK(is_told || (may_do_without && status == KERAS_POOLING_OK),
            here + ": " + std::to_string(status) + KerasPoolingMessage());
      const std::string message = KerasPoolingMessage();
      CHECK(!is_told || message.find("out of memory") != std::string::npos,
            here + ": " + message);
      CHECK(number < 100000, here);
      if (number >= 100000) break;
    }
  }
}

void RunBackwards(void*, int64_t total, int64_t,
                  void (*work)(const void* context, int64_t begin, int64_t end),
                  const void* context) {
  for (int64_t i = total; i > 0; --i) work(context, i - 1, i);
}

void ShortMemoryIsToldFor(const Setting& setting, const Op& op,
                          std::mt19937_64& random) {
  const std::string what = Describe(setting, op);
  DoorCall call = CallMaker(setting, random).Make(op);
  CHECK(call.Run().ok(), what);
  const std::vector<Tensor> wanted = call.outputs;

  const AttributeList list(&call.attributes);
  KerasPoolingOp* bound = nullptr;
  const auto bind = [&] {
    KerasPoolingRelease(bound);
    return KerasPoolingBind(op.name, list.data(), list.size(), &bound);
  };
  EveryAllocationMayFail(bind, false, what + ", bind");
  const std::vector<KerasPoolingArray> in = ViewsOf(call.inputs);
  const std::vector<KerasPoolingArray> out = ViewsOf(call.outputs);
  const auto inputs = static_cast<int32_t>(in.size());
  const auto outputs = static_cast<int32_t>(out.size());
  std::vector<KerasPoolingShape> shapes(out.size());
  const auto infer = [&] {
    return KerasPoolingInfer(bound, in.data(), inputs, shapes.data(), outputs);
  };
  EveryAllocationMayFail(infer, false, what + ", shapes");
  const KerasPoolingParallel lent = {40, nullptr, &RunBackwards};
  for (const KerasPoolingParallel* parallel :
       {static_cast<const KerasPoolingParallel*>(nullptr), &lent}) {
    for (const int threads : {1, 4}) {
      KerasPoolingSetThreads(threads);
      const auto run = [&] {
        return KerasPoolingRun(bound, in.data(), inputs, out.data(), outputs, parallel);
      };
      EveryAllocationMayFail(run, parallel == nullptr && threads > 1, what + ", run");
      for (size_t i = 0; i < wanted.size(); ++i) {
        CHECK(call.outputs[i].bytes == wanted[i].bytes, what + ", the next call");
      }
    }
  }
  KerasPoolingSetThreads(0);
  KerasPoolingRelease(bound);
}

void ShortMemoryIsToldByEveryOp() {
  std::mt19937_64 random(11);
  const std::vector<Setting> all = AllSettings();
  std::vector<Setting> some = {all[1], all[3], all[6], all[11], all[12]};
  // Enough work for own threads.
  some.push_back(Windows("large", {40, 40}, {3, 3}, {1, 1}, 2, 32));
  for (const Setting& setting : some) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info, setting)) continue;
        Setting one = setting;
        one.attributes.reduction = info.name;
        one.attributes.channels_first = setting.channels == 5;
        one.integers =
            setting.channels == 5 ? ElementType::kInt32 : ElementType::kInt64;
        ShortMemoryIsToldFor(one, op, random);
      }
    }
  }
}

// Nor does what only tells leave by an exception.
void ShortMemoryIsNoExceptionForTexts() {
  for (int64_t number = 1; number < 20; ++number) {
    WithFailure(number, true, [] {
      KerasPoolingReductions();
      KerasPoolingTargets();
      KerasPoolingTarget();
      KerasPoolingTargetError();
      KerasPoolingForceTarget("none of the kind, and too long to be kept in place");
      KerasPoolingSetThreads(0);
      KerasPoolingThreads();
      return KERAS_POOLING_OK;
    });
  }
  CHECK(std::string(KerasPoolingReductions()).find("max") == 0, "the next call");
}

// --- What calls take.

constexpr int64_t kLittle = int64_t{16} << 20;

template <class Call>
void CheckTakesLittle(const Call& call, const std::string& what) {
  const int64_t before = bytes_allocated;
  const Answer answer = call();
  CHECK(answer.ok(), what + ": " + answer.message);
  const int64_t taken = bytes_allocated - before;
  CHECK(taken < kLittle, what + " took " + std::to_string(taken) + " bytes");
}

// Once gigabytes and seconds: (0, 2^26, 1), and 2^27 adaptive windows of nothing.
void EmptyBatchesTakeNoMemory() {
  std::mt19937_64 random(12);
  const int64_t kLong = int64_t{1} << 26;
  const Setting all[] = {
      Windows("an empty batch of a long axis", {kLong}, {2}, {1}, 0, 1),
      SettingOf("an empty batch of many windows", "adaptive", {7}, {2 * kLong}, 0, 1),
      SettingOf("many windows without channels", "adaptive", {7}, {2 * kLong}, 1, 0),
      SettingOf("an empty batch of planes beyond 2^31", "adaptive", {1 << 20, 1 << 20},
                {1, 1}, 0, 1)};
  for (const Setting& setting : all) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        if (!IsDefined(op, info, setting) || !IsOnPlanes(op)) continue;
        Setting one = setting;
        one.attributes.reduction = info.name;
        DoorCall call;
        CheckTakesLittle(
            [&] {
              call = CallMaker(one, random).Make(op);
              return call.Run();
            },
            Describe(one, op));
      }
    }
  }
}

// Zeros that take no memory before they are written.
class Zeros {
 public:
  explicit Zeros(int64_t bytes)
      : bytes_(static_cast<size_t>(bytes)),
        data_(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    CHECK(data_ != MAP_FAILED, "mmap");
  }
  ~Zeros() { munmap(data_, bytes_); }
  Zeros(const Zeros&) = delete;
  Zeros& operator=(const Zeros&) = delete;
  void* data() const { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

Answer RunViews(const char* name, const SpecAttributes& attributes,
                const std::vector<KerasPoolingArray>& in,
                const std::vector<KerasPoolingArray>& out) {
  const Handle handle(name, attributes);
  if (!handle.answer().ok()) return handle.answer();
  return AnswerOf(KerasPoolingRun(handle.get(), in.data(),
                                  static_cast<int32_t>(in.size()), out.data(),
                                  static_cast<int32_t>(out.size()), nullptr));
}

// Once 11 seconds of planning: windows that repeat are not spelled out.
void LongAxesArePlannedWithoutMemory() {
  const int64_t in = int64_t{1} << 26;
  const int64_t x_shape[] = {1, in, 1};
  const int64_t y_shape[] = {1, in / 2, 1};
  const Zeros x(in);
  const Zeros y(in / 2);
  const Zeros taps(in / 2);
  SpecAttributes attributes;
  attributes.window = {2};
  CheckTakesLittle(
      [&] {
        return RunViews("SelectingPool", attributes,
                        {{KERAS_POOLING_INT8, 3, x_shape, x.data()}},
                        {{KERAS_POOLING_INT8, 3, y_shape, y.data()},
                         {KERAS_POOLING_UINT8, 3, y_shape, taps.data()}});
      },
      "a long axis");
  const Zeros dy(in);
  const Zeros dx(2 * in);
  const int64_t size_shape[] = {1};
  int64_t size[] = {in};
  CheckTakesLittle(
      [&] {
        return RunViews("SelectingPoolGrad", attributes,
                        {{KERAS_POOLING_FLOAT16, 3, y_shape, dy.data()},
                         {KERAS_POOLING_UINT8, 3, y_shape, taps.data()},
                         {KERAS_POOLING_INT64, 1, size_shape, size}},
                        {{KERAS_POOLING_FLOAT16, 3, x_shape, dx.data()}});
      },
      "the gradient of a long axis");
}

// More taps than int32 counts: no matter where none is kept.
void GlobalMaxOfMoreThan2To31TapsRuns() {
  const int64_t in = (int64_t{1} << 31) + 4096;
  const int64_t x_shape[] = {1, in / 4096, 4096, 1};
  const int64_t y_shape[] = {1, 1, 1, 1};
  const Zeros x(in);
  static_cast<int8_t*>(x.data())[in - 1] = 7;
  int8_t y = 0;
  int32_t tap = 0;
  SpecAttributes attributes;
  attributes.geometry = "adaptive";
  attributes.window = {1, 1};
  const KerasPoolingArray input = {KERAS_POOLING_INT8, 4, x_shape, x.data()};
  const KerasPoolingArray outputs[] = {{KERAS_POOLING_INT8, 4, y_shape, &y},
                                       {KERAS_POOLING_INT32, 4, y_shape, &tap}};
  CheckTakesLittle(
      [&] { return RunViews("SelectingPool", attributes, {input}, {outputs[0]}); },
      "a global maximum");
  CHECK(y == 7, "the last of all taps is the greatest");
  CheckRefused(RunViews("SelectingPool", attributes, {input}, {outputs[0], outputs[1]}),
               {std::to_string(in), "more than taps can number"}, "taps of it");
}

// Once 32 GB: memory is for what windows hold, not for how wide they would be.
void WindowsFarWiderThanTheInputTakeNoMemory() {
  std::mt19937_64 random(13);
  const int64_t kWide = int64_t{1} << 29;
  for (const Shape& strides : {Shape{1, 2}, Shape{1, 1}}) {
    for (const ReductionInfo& info : AllReductions()) {
      for (const Op& op : AllOps()) {
        for (const bool channels_first : {false, true}) {
          Setting setting =
              Windows("a window of 2^29 taps", {13, 3}, {1, kWide}, strides, 3, 4);
          if (!IsDefined(op, info, setting) || !IsOnPlanes(op)) continue;
          setting.attributes.reduction = info.name;
          setting.attributes.channels_first = channels_first;
          CheckTakesLittle([&] { return CallMaker(setting, random).Make(op).Run(); },
                           Describe(setting, op));
        }
      }
    }
  }
}

// Planes whose one window is too large for scratch memory are walked where they lie, on
// the instruction sets of long vectors first. That changes no bit.
void LargePlanesHaveTheSameBitsWhereTheyLie() {
  std::mt19937_64 random(13);
  Setting setting =
      SettingOf("a large plane", "adaptive", {(1 << 22) + 4096}, {1}, 1, 2);
  setting.attributes.channels_first = true;
  for (const ReductionInfo& info : AllReductions()) {
    for (const Op& op : AllOps()) {
      if (!IsDefined(op, info, setting) || !IsOnPlanes(op)) continue;
      setting.attributes.reduction = info.name;
      DoorCall call = CallMaker(setting, random).Make(op);
      std::vector<Tensor> first;
      for (const std::string& target : SupportedTargets()) {
        CHECK(ForceTarget(target).empty(), target);
        const Answer answer = call.Run();
        CHECK(answer.ok(), Describe(setting, op) + ": " + answer.message);
        if (first.empty()) first = call.outputs;
        for (size_t i = 0; i < first.size(); ++i) {
          CHECK(call.outputs[i].bytes == first[i].bytes,
                Describe(setting, op) + ", " + target);
        }
      }
    }
  }
}

}  // namespace
}  // namespace keras_pooling::tests

int main() {
  using namespace keras_pooling::tests;  // NOLINT(build/namespaces)
  ShortMemoryIsNoExceptionForTexts();
  ShortMemoryIsToldByEveryOp();
  EmptyBatchesTakeNoMemory();
  LongAxesArePlannedWithoutMemory();
  GlobalMaxOfMoreThan2To31TapsRuns();
  WindowsFarWiderThanTheInputTakeNoMemory();
  LargePlanesHaveTheSameBitsWhereTheyLie();
  return Summary();
}
