// Files whose bytes come only once: pipes.
#include "client/data/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "client/data/csv_source.h"
#include "client/data/idx_reader.h"
#include "tests/client/data/gzip.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Pipe: a named one, through which `content` goes once.
class Pipe {
 public:
  explicit Pipe(const std::string& content) : place_("place", "") {
    path_ = place_.path() + ".pipe";
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    writer_ = std::thread([path = path_, content] { std::ofstream(path) << content; });
  }
  ~Pipe() { writer_.join(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  const std::string& path() const { return path_; }

 private:
  TempFile place_;
  std::string path_;
  std::thread writer_;
};

const std::string kCsv = "a,b\n1,2\n3,x\n";

TEST(SpoolTest, APipeIsReadAsOftenAsAFile) {
  for (const bool gzip : {false, true}) {
    const Pipe pipe(gzip ? Gzip(kCsv) : kCsv);
    EXPECT_FALSE(*IdxReader::IsIdx(pipe.path()));
    for (int time = 0; time < 2; ++time) {
      const auto source = CsvSource::Open(pipe.path(), {.features = {"a"}}, Labels::None());
      ASSERT_TRUE(source.ok()) << source.status();
      Rows rows;
      ASSERT_TRUE((*source)->Next(9, &rows).ok());
      EXPECT_THAT(rows.values, ElementsAre(1, 3));
    }
  }
}

TEST(SpoolTest, TwoReadersOfAPipeDoNotDisturbEachOther) {
  const Pipe pipe(kCsv);
  absl::StatusOr<CsvReader> first = CsvReader::Open(pipe.path());
  absl::StatusOr<CsvReader> second = CsvReader::Open(pipe.path());
  ASSERT_TRUE(first.ok() && second.ok());
  CsvRow row;
  EXPECT_TRUE(*second->Next(&row));
  EXPECT_TRUE(*first->Next(&row));
  EXPECT_THAT(row.cells, ElementsAre("1", "2"));
}

TEST(SpoolTest, FaultsNameThePipe) {
  const Pipe pipe(kCsv);
  const auto source = CsvSource::Open(pipe.path(), {}, Labels::None());
  ASSERT_TRUE(source.ok()) << source.status();
  Rows rows;
  EXPECT_THAT(std::string((*source)->Next(9, &rows).message()),
              HasSubstr(pipe.path() + ":3: column 2 (b): 'x' is not a number"));
}

TEST(SpoolTest, ImagesMayComeThroughAPipe) {
  const Pipe pipe(Gzip(std::string("\0\0\x08\x02\0\0\0\x02\0\0\0\x01", 12) + "ab"));
  EXPECT_TRUE(*IdxReader::IsIdx(pipe.path()));
  const auto source = IdxSource::Open(pipe.path(), "", Labels::None());
  ASSERT_TRUE(source.ok()) << source.status();
  Rows rows;
  ASSERT_TRUE((*source)->Next(9, &rows).ok());
  EXPECT_THAT(rows.pixels, ElementsAre('a', 'b'));
}

TEST(SpoolTest, AFileThatChangedIsReadAnew) {
  const TempFile file("t.csv", "a\n1\n");
  EXPECT_EQ(CsvReader::Open(file.path())->header().size(), 1);
  std::ofstream(file.path()) << "a,b\n1,2\n";
  EXPECT_EQ(CsvReader::Open(file.path())->header().size(), 2);
}

TEST(SpoolTest, WhatIsNotThereIsNamed) {
  EXPECT_EQ(OpenAgainAndAgain("no/such").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(OpenAgainAndAgain("no/such").status().message()), HasSubstr("no/such"));
}

}  // namespace
}  // namespace chainrule::client
