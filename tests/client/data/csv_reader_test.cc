#include "client/data/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/data/gzip.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Table = std::vector<std::vector<std::string>>;

// All rows of `content`, the header first; or what is wrong with it.
absl::StatusOr<Table> ReadAll(const std::string& content) {
  const TempFile file("t.csv", content);
  absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
  if (!reader.ok()) return reader.status();
  Table table = {reader->header()};
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> read = reader->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return table;
    table.push_back(row.cells);
  }
}

struct Spelling {
  std::string what;
  std::string content;
};

class SameTableTest : public ::testing::TestWithParam<Spelling> {};

TEST_P(SameTableTest, ReadsTheSameCells) {
  const absl::StatusOr<Table> table = ReadAll(GetParam().content);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table,
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "x"), ElementsAre("2", "y")));
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, SameTableTest,
    ::testing::Values(Spelling{"Lf", "a,b\n1,x\n2,y\n"}, Spelling{"NoLastLineEnd", "a,b\n1,x\n2,y"},
                      Spelling{"Crlf", "a,b\r\n1,x\r\n2,y\r\n"}, Spelling{"Cr", "a,b\r1,x\r2,y"},
                      Spelling{"ByteOrderMark",
                               "\xEF\xBB\xBF"
                               "a,b\n1,x\n2,y\n"},
                      Spelling{"Quotes", "\"a\",\"b\"\n\"1\",\"x\"\n2,\"y\""},
                      Spelling{"BlankLines", "\n\na,b\n\n1,x\n  \n2,y\n\n\r\n"},
                      Spelling{"BlanksAroundCells", "a , b\n 1,x\t\n2, y\n"},
                      Spelling{"Gzip", Gzip("a,b\n1,x\n2,y\n")},
                      Spelling{"GzipOfSeveralMembers",
                               Gzip("a,b\n1,") + Gzip("") + Gzip("x\n2,y") + Gzip("\n")}),
    [](const auto& param) { return param.param.what; });

TEST(CsvReaderTest, KeepsWhatQuotesHold) {
  const absl::StatusOr<Table> table =
      ReadAll("a,b\n\"one, two\",\"say \"\"no\"\"\"\n\"first\r\nsecond\",\" blanks \"\n,\"\"\n");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table, ElementsAre(ElementsAre("a", "b"), ElementsAre("one, two", "say \"no\""),
                                  ElementsAre("first\r\nsecond", " blanks "), ElementsAre("", "")));
}

TEST(CsvReaderTest, RowsKnowTheLineThatTheyBeginOn) {
  const TempFile file("t.csv", "a,b\r\n\r\n1,\"x\r\ny\"\r\n2,z\n3,w\r4,v");
  absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
  ASSERT_TRUE(reader.ok());
  std::vector<int64_t> lines;
  CsvRow row;
  while (*reader->Next(&row)) lines.push_back(row.line);
  EXPECT_THAT(lines, ElementsAre(3, 5, 6, 7));
}

// Sizes around the reader's buffer of 64 KiB, so that rows, CRLF and quotes come apart
// at its end in every way.
TEST(CsvReaderTest, ReadsTheSameWhereverItsBufferEnds) {
  const std::string tail = "1,\"x\"\"\r\n\"\r\n2,y\r\n";
  for (size_t shift = 0; shift < tail.size() + 4; ++shift) {
    const std::string header = absl::StrCat("a,", std::string((64 << 10) - 4 - shift, 'b'), "\r\n");
    const absl::StatusOr<Table> table = ReadAll(header + tail);
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->size(), 3);
    EXPECT_THAT((*table)[1], ElementsAre("1", "x\"\r\n"));
    EXPECT_THAT((*table)[2], ElementsAre("2", "y"));
  }
}

struct Fault {
  std::string what;
  std::string content;
  std::string says;
};

class CsvFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(CsvFaultTest, NamesFileLineAndColumn) {
  const absl::StatusOr<Table> table = ReadAll(GetParam().content);
  ASSERT_FALSE(table.ok());
  EXPECT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(table.status().message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CsvFaultTest,
    ::testing::Values(
        Fault{"Empty", "", "t.csv:1: the file is empty"},
        Fault{"OnlyBlankLines", "\n \n", "t.csv:1: the file is empty"},
        Fault{"TooFewColumns", "a,b\n1,x\n2\n",
              "t.csv:3: column 2 (b): missing: the row has 1 columns, the header 2"},
        Fault{"TooManyColumns", "a,b\n1,x,y,z\n",
              "t.csv:2: column 3: 'y' is surplus: the row has 4 columns, the header 2"},
        Fault{"CommaAtTheEnd", "a,b\n1,x,\n", "t.csv:2: column 3: '' is surplus"},
        Fault{"NameTwice", "a,b,a\n", "t.csv:1: column 3 of the header has the name of one before"},
        Fault{"NoName", "a,,b\n", "t.csv:1: column 2 of the header has no name"},
        Fault{"HeaderNotUtf8", "a,\xE9t\xE9\n", "t.csv:1: column 2 of the header is not UTF-8"},
        Fault{"QuoteInBareCell", "a,b\n1,x\"y\n", "t.csv:2: column 2: a quote in a cell"},
        Fault{"TextAfterQuote", "a,b\n\"1\"2,x\n", "t.csv:2: column 1: a quote in a cell"},
        Fault{"OpenQuote", "a,b\n1,x\n2,\"y\n3,z\n",
              "t.csv:3: column 2: the quote is never closed"},
        Fault{"EndlessRow", "a,b\n\"" + std::string(17 << 20, 'x'), "t.csv:2: the row is longer"}),
    [](const auto& param) { return param.param.what; });

TEST(CsvReaderTest, CellFaultsNameTheColumn) {
  const TempFile file("t.csv", "a,b\n1,x\n");
  absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
  CsvRow row;
  ASSERT_TRUE(*reader->Next(&row));
  EXPECT_THAT(std::string(reader->CellFault(row, 1, "no good").message()),
              HasSubstr("t.csv:2: column 2 (b): no good"));
}

TEST(CsvReaderTest, MissingColumnsAreNamedBesideThoseThereAre) {
  const TempFile file("t.csv", "a,b\n1,x\n");
  const absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
  EXPECT_EQ(*reader->ColumnOf("b", "label"), 1);
  EXPECT_THAT(std::string(reader->ColumnOf("c", "label").status().message()),
              HasSubstr("t.csv:1: there is no label column 'c'; there are a, b"));
}

TEST(CsvReaderTest, FaultsHaveNoControlCharactersOfTheHeader) {
  const TempFile file("t.csv", "\x1b[31m,\"b\nc\"\n1\n");
  absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
  EXPECT_THAT(std::string(reader->ColumnOf("d", "label").status().message()),
              HasSubstr("there are \\x1b[31m, b\\nc"));
  CsvRow row;
  EXPECT_THAT(std::string(reader->Next(&row).status().message()),
              HasSubstr("t.csv:3: column 2 (b\\nc): missing"));
}

TEST(CsvReaderTest, MissingFilesAndFoldersAreNamed) {
  const absl::Status missing = CsvReader::Open("no/such.csv").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("no/such.csv"));
  EXPECT_FALSE(CsvReader::Open("/").ok());
}

// A row a line, of numbers that gzip does not make much smaller.
std::string ManyRows() {
  std::string rows = "a,b\n";
  for (int i = 0; i < 50'000; ++i) absl::StrAppend(&rows, i * 7919 % 104'729, ",", i, "\n");
  return rows;
}

TEST(CsvReaderTest, FaultsOfGzipNameTheLineBehindTheLastRow) {
  const std::string whole = Gzip(ManyRows());
  std::string damaged = whole;
  damaged[whole.size() - 6] ^= 1;  // in the checksum at the end
  for (const std::string& content :
       {whole.substr(0, whole.size() / 2), damaged, whole.substr(0, whole.size() - 1)}) {
    const TempFile file("t.csv.gz", content);
    absl::StatusOr<CsvReader> reader = CsvReader::Open(file.path());
    ASSERT_TRUE(reader.ok()) << reader.status();
    CsvRow row;
    absl::StatusOr<bool> read = true;
    while (read.ok() && *read) read = reader->Next(&row);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_GT(row.line, 10'000);
    EXPECT_THAT(std::string(read.status().message()),
                ::testing::EndsWith(absl::StrCat(", in line ", row.line + 1)));
  }
}

TEST(CsvReaderTest, NothingButGzipMayFollowGzip) {
  const std::string gzip = Gzip("a,b\n1,x\n");
  for (const char* beyond : {"x", "2,y\n", "\x1F", "\x1F!"}) {
    const absl::Status status = ReadAll(absl::StrCat(gzip, beyond)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("t.csv: what follows the end of the gzip is no gzip, in line 3"));
  }
}

// Together longer than the buffer of 256 KiB, so that it ends within a member.
TEST(CsvReaderTest, ReadsGzipMembersWhereverTheBufferEnds) {
  const std::string member = Gzip("1,x\n");
  for (size_t shift = 0; shift < member.size(); ++shift) {
    std::string content = Gzip(absl::StrCat("a,", std::string(shift, 'b'), "b\n"));
    size_t rows = 0;
    for (; content.size() < 300 << 10; ++rows) content += member;
    const absl::StatusOr<Table> table = ReadAll(content);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->size(), rows + 1);
  }
}

TEST(CsvReaderTest, GzipThatIsCutShortOrDamagedIsNoEndOfFile) {
  const std::string whole = Gzip(ManyRows());
  EXPECT_EQ(ReadAll(whole)->size(), 50'001);
  for (const size_t size : {whole.size() / 2, whole.size() - 1}) {
    EXPECT_EQ(ReadAll(whole.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] ^= 1;  // in the checksum at the end
  EXPECT_EQ(ReadAll(damaged).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace chainrule::client
