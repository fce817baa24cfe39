#include "client/data/idx_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chainrule::client {
namespace {

constexpr int64_t kMostItemBytes = int64_t{1} << 30;  // of one item, refused before allocating
constexpr uint8_t kUnsignedByte = 8;
constexpr size_t kMostDimensions = 8;

absl::Status NotIdx(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": not an IDX file of bytes: ", what));
}

// False: the file ends before.
absl::StatusOr<bool> ReadBytes(InputFile* file, std::span<uint8_t> bytes) {
  const absl::StatusOr<size_t> read =
      file->Read({reinterpret_cast<char*>(bytes.data()), bytes.size()});
  if (!read.ok()) return read.status();
  if (*read == bytes.size()) return true;
  char beyond = 0;
  const absl::StatusOr<size_t> end = file->Read({&beyond, 1});  // the fault, if there is one
  if (!end.ok()) return end.status();
  return false;
}

// The number of dimensions that the first four bytes announce; 0 where they are not IDX's.
absl::StatusOr<size_t> ReadMagic(InputFile* file) {
  std::array<uint8_t, 4> magic = {};
  const absl::StatusOr<bool> read = ReadBytes(file, magic);
  if (!read.ok()) return read.status();
  if (!*read || magic[0] != 0 || magic[1] != 0 || magic[2] != kUnsignedByte) return 0;
  return magic[3];
}

absl::StatusOr<std::vector<int64_t>> ReadShape(InputFile* file, size_t dimensions) {
  std::vector<int64_t> shape;
  for (size_t i = 0; i < dimensions; ++i) {
    std::array<uint8_t, 4> bytes = {};
    const absl::StatusOr<bool> read = ReadBytes(file, bytes);
    if (!read.ok()) return read.status();
    if (!*read) return NotIdx(file->path(), "it ends within its header");
    shape.push_back(int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 | int64_t{bytes[2]} << 8 |
                    int64_t{bytes[3]});
  }
  return shape;
}

absl::StatusOr<int64_t> ItemBytes(absl::string_view path, const std::vector<int64_t>& shape) {
  int64_t bytes = 1;
  for (size_t i = 1; i < shape.size(); ++i) {
    if (shape[i] == 0 || shape[i] > kMostItemBytes / bytes) {
      return NotIdx(path, absl::StrCat("its shape is ", absl::StrJoin(shape, "×")));
    }
    bytes *= shape[i];
  }
  return bytes;
}

}  // namespace

IdxReader::IdxReader(InputFile file, std::vector<int64_t> shape, int64_t item_bytes)
    : file_(std::move(file)), shape_(std::move(shape)), item_bytes_(item_bytes) {}

absl::StatusOr<bool> IdxReader::IsIdx(absl::string_view path) {
  absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<size_t> dimensions = ReadMagic(&*file);
  if (!dimensions.ok()) return dimensions.status();
  return *dimensions > 0;
}

absl::StatusOr<IdxReader> IdxReader::Open(absl::string_view path) {
  absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<size_t> dimensions = ReadMagic(&*file);
  if (!dimensions.ok()) return dimensions.status();
  if (*dimensions == 0 || *dimensions > kMostDimensions) {
    return NotIdx(path, "it does not begin with 0 0 8 and a number of dimensions");
  }
  absl::StatusOr<std::vector<int64_t>> shape = ReadShape(&*file, *dimensions);
  if (!shape.ok()) return shape.status();
  const absl::StatusOr<int64_t> item_bytes = ItemBytes(path, *shape);
  if (!item_bytes.ok()) return item_bytes.status();
  IdxReader reader(*std::move(file), *std::move(shape), *item_bytes);
  const absl::Status end = reader.CheckEnd();
  if (!end.ok()) return end;
  return reader;
}

absl::Status IdxReader::Read(std::span<uint8_t> items) {
  const absl::StatusOr<bool> read = ReadBytes(&file_, items);
  if (!read.ok()) return read.status();
  if (!*read) {
    return absl::DataLossError(absl::StrCat(path(), ": shorter than its header says: ", count(),
                                            " items of ", item_bytes_, " bytes"));
  }
  items_read_ += static_cast<int64_t>(items.size()) / item_bytes_;
  return CheckEnd();
}

absl::Status IdxReader::CheckEnd() {
  if (items_read_ < count()) return absl::OkStatus();
  std::array<uint8_t, 1> beyond = {};
  const absl::StatusOr<bool> read = ReadBytes(&file_, beyond);
  if (!read.ok()) return read.status();
  if (!*read) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path(), ": longer than its header says: ", count(),
                                          " items of ", item_bytes_, " bytes"));
}

IdxSource::IdxSource(IdxReader images, std::unique_ptr<IdxReader> label_file, Labels labels)
    : images_(std::move(images)), label_file_(std::move(label_file)), labels_(std::move(labels)) {}

absl::StatusOr<std::unique_ptr<IdxSource>> IdxSource::Open(absl::string_view images_path,
                                                           absl::string_view labels_path,
                                                           Labels labels) {
  absl::StatusOr<IdxReader> images = IdxReader::Open(images_path);
  if (!images.ok()) return images.status();
  std::unique_ptr<IdxReader> label_file;
  if (!labels_path.empty()) {
    absl::StatusOr<IdxReader> opened = IdxReader::Open(labels_path);
    if (!opened.ok()) return opened.status();
    if (opened->shape().size() != 1) return NotIdx(labels_path, "labels have one dimension");
    if (opened->count() != images->count()) {
      return absl::InvalidArgumentError(absl::StrCat(labels_path, ": ", opened->count(),
                                                     " labels for the ", images->count(),
                                                     " images of ", images_path));
    }
    label_file = std::make_unique<IdxReader>(*std::move(opened));
  }
  return std::unique_ptr<IdxSource>(
      new IdxSource(*std::move(images), std::move(label_file), std::move(labels)));
}

absl::Status IdxSource::Next(int64_t max_rows, Rows* rows) {
  rows->Clear();
  rows->width = width();
  rows->count = std::min(max_rows, images_.count() - next_);
  if (rows->count == 0) return absl::OkStatus();
  rows->pixels.resize(static_cast<size_t>(rows->count * rows->width));
  const absl::Status read = images_.Read(rows->pixels);
  if (!read.ok()) return read;
  const absl::Status labelled = label_file_ == nullptr ? absl::OkStatus() : ReadClasses(rows);
  next_ += rows->count;
  return labelled;
}

absl::Status IdxSource::ReadClasses(Rows* rows) {
  std::vector<uint8_t> classes(static_cast<size_t>(rows->count));
  const absl::Status read = label_file_->Read(classes);
  if (!read.ok()) return read;
  const auto beyond = std::find_if(classes.begin(), classes.end(),
                                   [&](uint8_t id) { return id >= labels_.class_count(); });
  if (beyond != classes.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(label_file_->path(), ": item ", next_ + (beyond - classes.begin()), ": class ",
                     int{*beyond}, ", the model has classes 0 to ", labels_.class_count() - 1));
  }
  rows->classes.assign(classes.begin(), classes.end());
  return absl::OkStatus();
}

}  // namespace chainrule::client
