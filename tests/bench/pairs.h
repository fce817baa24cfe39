// Interleaved measurement: contenders take turns, round after round, so that what the
// machine does meanwhile falls on all of them, and what is reported is the median and
// the quartiles of the rounds' ratios.
// Single-threaded.
#ifndef CHAINRULE_TESTS_BENCH_PAIRS_H_
#define CHAINRULE_TESTS_BENCH_PAIRS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace chainrule::bench {

struct Protocol {
  int rounds = 9;
  absl::Duration turn = absl::Seconds(3);  // of one contender in one round
};

// Reads --rounds=N, --seconds=S and --only=TEXT; --quick is one short round, to see that
// everything runs. Exits with 2 on anything else.
struct Arguments {
  Protocol protocol;
  std::string only;  // rows whose name contains this
  bool Wants(const std::string& row) const;
};
Arguments ParseArguments(int argc, char** argv);

// Calls `work` over and over for about `turn`, after one call to warm up; returns the
// calls a second.
double Rate(absl::Duration turn, const std::function<void()>& work);

struct Quartiles {
  double lower = 0;
  double median = 0;
  double upper = 0;
};
Quartiles QuartilesOf(std::vector<double> values);

// A contender's turn returns its rate (of anything, the same for all).
using Contender = std::function<double(absl::Duration turn)>;
// rates[i][round] of contender i.
std::vector<std::vector<double>> Interleave(const Protocol& protocol,
                                            const std::vector<Contender>& contenders);

// Ratios round by round: numerator[i] / denominator[i].
std::vector<double> Ratios(const std::vector<double>& numerator,
                           const std::vector<double>& denominator);
// The better of two contenders in each round.
std::vector<double> Best(const std::vector<double>& a, const std::vector<double>& b);

// One line: name, median ratio, quartiles, the bar it should reach, a remark.
void PrintRatio(const std::string& name, const Quartiles& ratio, double bar,
                const std::string& remark);

}  // namespace chainrule::bench

#endif  // CHAINRULE_TESTS_BENCH_PAIRS_H_
