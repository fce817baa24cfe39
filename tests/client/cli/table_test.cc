#include "client/cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace chainrule::client {
namespace {

std::string Printed(const Table& table) {
  std::ostringstream out;
  table.Print(out);
  return out.str();
}

TEST(TableTest, WordsStandLeftAndNumbersRight) {
  Table table({"name", "count", "state"});
  table.Add({"a", "5", "ready"});
  table.Add({"longer", "-1234", "no"});
  EXPECT_EQ(Printed(table),
            "name    count  state\n"
            "a           5  ready\n"
            "longer  -1234  no\n");
}

TEST(TableTest, CharactersOfSeveralBytesTakeOnePlace) {
  Table table({});
  table.Add({"é×", "1"});
  table.Add({"abc", "2"});
  EXPECT_EQ(Printed(table), "é×   1\nabc  2\n");
}

TEST(TableTest, ControlCharactersAreEscaped) {
  Table table({"\x1b[1mname", "n"});
  table.Add({"\x1b[31mred\n", "1"});
  EXPECT_EQ(Printed(table), "\\x1b[1mname    n\n\\x1b[31mred\\n  1\n");
}

TEST(TableTest, MeasuresTensors) {
  v1::Tensor tensor;
  tensor.add_shape(1);
  tensor.add_shape(2);
  tensor.add_values(3);
  tensor.add_values(-4);
  EXPECT_EQ(ShapeOf(tensor), "1×2");
  EXPECT_EQ(Norm(tensor), 5);
  EXPECT_EQ(Largest(tensor), 4);
}

}  // namespace
}  // namespace chainrule::client
