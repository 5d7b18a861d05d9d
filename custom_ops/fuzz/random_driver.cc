// Drives a fuzz target by random bytes where there is no libFuzzer: COUNT calls from
// number FIRST on. A call's number is its seed, and is told where the call ends the
// process.
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)(void));

namespace {

volatile long long number = 0;

void TellNumber() {
  char text[80];
  const int length =
      std::snprintf(text, sizeof(text),
                    "The call's number is %lld: COUNT=1 FIRST=%lld\n", number, number);
  if (write(STDERR_FILENO, text, static_cast<size_t>(length)) < 0) return;
}

void OnSignal(int signal_number) {
  TellNumber();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

}  // namespace

int main(int argc, char** argv) {
  const long long count = argc > 1 ? std::atoll(argv[1]) : 20000;
  const long long first = argc > 2 ? std::atoll(argv[2]) : 1;
  if (&__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(&TellNumber);
  } else {
    for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) signal(each, &OnSignal);
  }
  signal(SIGABRT, &OnSignal);
  std::vector<uint8_t> bytes;
  for (number = first; number < first + count; number = number + 1) {
    std::mt19937_64 random(static_cast<uint64_t>(number));
    bytes.resize(64 + random() % 128);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    if ((number - first + 1) % 100000 == 0) {
      std::printf("%lld calls\n", number - first + 1);
      std::fflush(stdout);
    }
  }
  std::printf("%lld calls without a finding\n", count);
  return 0;
}
