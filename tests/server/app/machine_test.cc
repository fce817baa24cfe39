#include "server/app/machine.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace chainrule::server {
namespace {

int64_t WithLimit(const std::string& file, const std::string& content) {
  const std::filesystem::path folder = testing::TempDir() + "/groups" + file;
  std::filesystem::create_directories((folder / file).parent_path());
  std::ofstream(folder / file) << content << '\n';
  return MachineMemoryBytes(folder);
}

TEST(MachineTest, MemoryIsTheMachinesUnlessAControlGroupAllowsLess) {
  const int64_t machine = MachineMemoryBytes("/nowhere");
  EXPECT_GT(machine, int64_t{1} << 26);
  EXPECT_EQ(WithLimit("memory.max", "max"), machine);
  EXPECT_EQ(WithLimit("memory.max", "9223372036854771712"), machine);
  EXPECT_EQ(WithLimit("memory.max", "50000000"), 50'000'000);
  EXPECT_EQ(WithLimit("memory/memory.limit_in_bytes", "60000000"), 60'000'000);
}

}  // namespace
}  // namespace chainrule::server
