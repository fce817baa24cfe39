#include "client/data/idx_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/data/gzip.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An IDX header for bytes with this shape.
std::string Header(const std::vector<uint32_t>& shape) {
  std::string header = {0, 0, 8, static_cast<char>(shape.size())};
  for (const uint32_t length : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      header += static_cast<char>(length >> shift & 0xFF);
    }
  }
  return header;
}

const std::string kImages = Header({3, 1, 2}) + "\x01\x02\x03\x04\x05\xFF";
const std::string kLabels = Header({3}) + std::string("\x02\x00\x01", 3);

absl::StatusOr<Rows> ReadAll(const std::string& images, const std::string& labels) {
  const TempFile image_file("images", images);
  const TempFile label_file("labels", labels);
  const auto source = IdxSource::Open(image_file.path(), label_file.path(), Labels::Classes(3, {}));
  if (!source.ok()) return source.status();
  Rows rows;
  const absl::Status status = (*source)->Next(100, &rows);
  if (!status.ok()) return status;
  return rows;
}

TEST(IdxSourceTest, ReadsImagesAsRowsOfPixels) {
  for (const bool gzip : {false, true}) {
    const absl::StatusOr<Rows> rows = ReadAll(gzip ? Gzip(kImages) : kImages, kLabels);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(rows->count, 3);
    EXPECT_EQ(rows->width, 2);
    EXPECT_THAT(rows->pixels, ElementsAre(1, 2, 3, 4, 5, 255));
    EXPECT_THAT(rows->classes, ElementsAre(2, 0, 1));
  }
}

TEST(IdxSourceTest, GivesBlocksAndThenNone) {
  const TempFile image_file("images", kImages);
  auto source = *IdxSource::Open(image_file.path(), "", Labels::None());
  Rows rows;
  std::vector<int64_t> counts;
  do {
    ASSERT_TRUE(source->Next(2, &rows).ok());
    counts.push_back(rows.count);
  } while (rows.count > 0);
  EXPECT_THAT(counts, ElementsAre(2, 1, 0));
}

struct Fault {
  std::string what;
  std::string images;
  std::string labels;
  std::string says;
};

class IdxFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(IdxFaultTest, NamesTheFileAndWhatIsWrong) {
  const absl::StatusOr<Rows> rows = ReadAll(GetParam().images, GetParam().labels);
  ASSERT_FALSE(rows.ok());
  EXPECT_THAT(std::string(rows.status().message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, IdxFaultTest,
    ::testing::Values(
        Fault{"NoMagic", "a,b\n1,2\n", kLabels,
              "images: not an IDX file of bytes: it does not begin"},
        Fault{"Empty", "", kLabels, "images: not an IDX file of bytes"},
        Fault{"OfFloats", std::string("\0\0\x0D\x01\0\0\0\0", 8), kLabels,
              "images: not an IDX file"},
        Fault{"CutInHeader", kImages.substr(0, 9), kLabels,
              "images: not an IDX file of bytes: it ends"},
        Fault{"CutInItems", kImages.substr(0, kImages.size() - 1), kLabels, "images: shorter than"},
        Fault{"GzipCutShort", Gzip(kImages).substr(0, Gzip(kImages).size() - 1), kLabels,
              "images: gzip is cut short"},
        Fault{"GzipCutInItems", Gzip(kImages).substr(0, Gzip(kImages).size() - 12), kLabels,
              "images: gzip is cut short"},
        Fault{"TooLong", kImages + "x", kLabels, "images: longer than its header says"},
        Fault{"ShapeThatWraps", Header({3, 0x80000000u, 0x80000000u, 4}), kLabels,
              "images: not an IDX file of bytes: its shape is"},
        Fault{"NoPixels", Header({3, 0}), kLabels,
              "images: not an IDX file of bytes: its shape is"},
        Fault{"OtherCount", kImages, Header({2}) + std::string(2, '\0'),
              "labels: 2 labels for the 3"},
        Fault{"LabelsOfTwoDimensions", kImages, Header({3, 1}) + std::string(3, '\0'),
              "labels: not an IDX file of bytes: labels have one dimension"},
        Fault{"LabelsCutShort", kImages, kLabels.substr(0, kLabels.size() - 1),
              "labels: shorter than"},
        Fault{"UnknownClass", kImages, Header({3}) + std::string("\0\x03\0", 3),
              "labels: item 1: class 3, the model has classes 0 to 2"}),
    [](const auto& param) { return param.param.what; });

TEST(IdxReaderTest, TellsIdxFromOtherFiles) {
  const TempFile idx("a", Gzip(kImages));
  const TempFile csv("b", "a,b\n");
  EXPECT_TRUE(*IdxReader::IsIdx(idx.path()));
  EXPECT_FALSE(*IdxReader::IsIdx(csv.path()));
  EXPECT_EQ(IdxReader::IsIdx("no/such").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace chainrule::client
