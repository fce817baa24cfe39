// What a fuzzer is: seeds, which are inputs that are sound, and a test of any bytes, which
// ends the process where something is wrong.  With libFuzzer (`./dev fuzz`) it runs for as
// long as it is asked to; without, driver.cc tries the seeds and a number of mutations of
// each, always the same, so that the tests have a short form.
#ifndef CHAINRULE_TESTS_FUZZ_FUZZER_H_
#define CHAINRULE_TESTS_FUZZ_FUZZER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace chainrule::fuzz {

// Each fuzzer defines these two.
std::vector<std::string> Seeds();
void TestOneInput(absl::string_view bytes);

}  // namespace chainrule::fuzz

#endif  // CHAINRULE_TESTS_FUZZ_FUZZER_H_
