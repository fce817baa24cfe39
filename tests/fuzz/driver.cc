// A fuzzer's short form: its seeds, what is left of them after each cut, and mutations.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/fuzz/fuzzer.h"

namespace chainrule::fuzz {
namespace {

constexpr int kMutations = 20'000;  // of each seed
constexpr size_t kMostCuts = 200;

// A byte turned over, a run deleted, repeated or overwritten with what numbers fear.
void Mutate(std::string* bytes, std::mt19937* chance) {
  if (bytes->empty()) return;
  const size_t place = (*chance)() % bytes->size();
  const size_t length = 1 + (*chance)() % 8;
  switch ((*chance)() % 5) {
    case 0:
      (*bytes)[place] = static_cast<char>((*bytes)[place] ^ (1 << ((*chance)() % 8)));
      return;
    case 1:
      (*bytes)[place] = static_cast<char>((*chance)());
      return;
    case 2:
      bytes->erase(place, length);
      return;
    case 3:
      bytes->insert(place, bytes->substr(place, length));
      return;
    default:
      bytes->replace(place, length, std::string(length, (*chance)() % 2 == 0 ? '\xFF' : '\0'));
  }
}

void TryMutations(const std::string& seed) {
  std::mt19937 chance(1);  // NOLINT(cert-msc51-cpp): the same ones each time
  for (int i = 0; i < kMutations; ++i) {
    std::string bytes = seed;
    for (uint32_t changes = 1 + chance() % 4; changes > 0; --changes) Mutate(&bytes, &chance);
    TestOneInput(bytes);
  }
}

void TryCuts(const std::string& seed) {
  const size_t step = 1 + seed.size() / kMostCuts;
  for (size_t length = 0; length < seed.size(); length += step) {
    TestOneInput(absl::string_view(seed).substr(0, length));
  }
}

}  // namespace
}  // namespace chainrule::fuzz

int main() {
  for (const std::string& seed : chainrule::fuzz::Seeds()) {
    chainrule::fuzz::TestOneInput(seed);
    chainrule::fuzz::TryCuts(seed);
    chainrule::fuzz::TryMutations(seed);
  }
  std::printf("%zu seeds\n", chainrule::fuzz::Seeds().size());
  return EXIT_SUCCESS;
}
