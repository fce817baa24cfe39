#include "tests/bench/pairs.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

namespace chainrule::bench {

bool Arguments::Wants(const std::string& row) const { return absl::StrContains(row, only); }

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    double seconds = 0;
    if (argument == "--quick") {
      arguments.protocol = {.rounds = 1, .turn = absl::Milliseconds(50)};
    } else if (absl::ConsumePrefix(&argument, "--rounds=") &&
               absl::SimpleAtoi(argument, &arguments.protocol.rounds) &&
               arguments.protocol.rounds > 0) {
    } else if (absl::ConsumePrefix(&argument, "--seconds=") &&
               absl::SimpleAtod(argument, &seconds) && seconds > 0) {
      arguments.protocol.turn = absl::Seconds(seconds);
    } else if (absl::ConsumePrefix(&argument, "--only=")) {
      arguments.only = std::string(argument);
    } else {
      std::fprintf(stderr, "%s: '%s' is none of --quick --rounds=N --seconds=S --only=TEXT\n",
                   argv[0], argv[i]);
      std::exit(2);
    }
  }
  return arguments;
}

double Rate(absl::Duration turn, const std::function<void()>& work) {
  work();
  const absl::Time begin = absl::Now();
  absl::Time now = begin;
  int64_t calls = 0;
  for (int64_t burst = 1; now - begin < turn; burst = std::min<int64_t>(2 * burst, 64)) {
    for (int64_t i = 0; i < burst; ++i) work();
    calls += burst;
    now = absl::Now();
  }
  return static_cast<double>(calls) / absl::ToDoubleSeconds(now - begin);
}

Quartiles QuartilesOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double fraction) {
    const double place = fraction * static_cast<double>(values.size() - 1);
    const size_t below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

std::vector<std::vector<double>> Interleave(const Protocol& protocol,
                                            const std::vector<Contender>& contenders) {
  std::vector<std::vector<double>> rates(contenders.size());
  for (int round = 0; round < protocol.rounds; ++round) {
    for (size_t i = 0; i < contenders.size(); ++i) rates[i].push_back(contenders[i](protocol.turn));
  }
  return rates;
}

std::vector<double> Ratios(const std::vector<double>& numerator,
                           const std::vector<double>& denominator) {
  std::vector<double> ratios;
  for (size_t i = 0; i < numerator.size(); ++i) ratios.push_back(numerator[i] / denominator[i]);
  return ratios;
}

std::vector<double> Best(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> best;
  for (size_t i = 0; i < a.size(); ++i) best.push_back(std::max(a[i], b[i]));
  return best;
}

void PrintRatio(const std::string& name, const Quartiles& ratio, double bar,
                const std::string& remark) {
  const std::string wanted = bar > 0 ? absl::StrCat(bar) : "-";
  std::printf("%-44s %6.3f  [%.3f, %.3f]  wanted %-5s %s\n", name.c_str(), ratio.median,
              ratio.lower, ratio.upper, wanted.c_str(), remark.c_str());
  std::fflush(stdout);
}

}  // namespace chainrule::bench
