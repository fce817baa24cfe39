// libFuzzer's entrances. The seeds go to the first folder of the command line.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#include "tests/fuzz/fuzzer.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name for it.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::string word = (*argv)[i];
    if (word.starts_with("-")) continue;
    int number = 0;
    for (const std::string& seed : chainrule::fuzz::Seeds()) {
      std::ofstream(word + "/seed-" + std::to_string(number++), std::ios::binary) << seed;
    }
    break;
  }
  return 0;
}

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chainrule::fuzz::TestOneInput({reinterpret_cast<const char*>(data), size});
  return 0;
}
