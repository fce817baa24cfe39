#ifndef CHAINRULE_CLIENT_DATA_IDX_READER_H_
#define CHAINRULE_CLIENT_DATA_IDX_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/data/input_file.h"
#include "client/data/labels.h"
#include "client/data/rows.h"

namespace chainrule::client {

// IdxReader: a file of MNIST's IDX format with elements of one byte, plain or gzip: the
// bytes 0 0 8 and the number of dimensions, their lengths as big-endian 32-bit numbers,
// then the elements. The first dimension counts the items.
// Single-threaded. Failures: INVALID_ARGUMENT for another format, DATA_LOSS for a file
// that holds fewer or more elements than its header says; or those of InputFile.
class IdxReader {
 public:
  static absl::StatusOr<IdxReader> Open(absl::string_view path);

  // Whether the file begins as IDX does.
  static absl::StatusOr<bool> IsIdx(absl::string_view path);

  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t count() const { return shape_.front(); }
  int64_t item_bytes() const { return item_bytes_; }
  const std::string& path() const { return file_.path(); }

  // Fills `items`, whole items, with the next ones. Requires that there are as many left.
  // With the last one also checks that the file ends there.
  absl::Status Read(std::span<uint8_t> items);

 private:
  IdxReader(InputFile file, std::vector<int64_t> shape, int64_t item_bytes);
  absl::Status CheckEnd();

  InputFile file_;
  std::vector<int64_t> shape_;
  int64_t item_bytes_;
  int64_t items_read_ = 0;
};

// IdxSource: images, one a row with its pixels as columns, and their labels.
class IdxSource final : public RowSource {
 public:
  // `labels_path` is empty where `labels` are of kind kNone.
  static absl::StatusOr<std::unique_ptr<IdxSource>> Open(absl::string_view images_path,
                                                         absl::string_view labels_path,
                                                         Labels labels);

  int64_t width() const override { return images_.item_bytes(); }
  int64_t bytes_per_row() const override { return width() + kLabelBytes; }
  absl::Status Next(int64_t max_rows, Rows* rows) override;

 private:
  static constexpr int64_t kLabelBytes = 10;  // the longest varint

  IdxSource(IdxReader images, std::unique_ptr<IdxReader> label_file, Labels labels);
  absl::Status ReadClasses(Rows* rows);

  IdxReader images_;
  std::unique_ptr<IdxReader> label_file_;  // null: none
  const Labels labels_;
  int64_t next_ = 0;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_IDX_READER_H_
