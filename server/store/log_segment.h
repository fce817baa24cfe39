// LogSegmentFile: a segment of the log that is read, a piece at a time.
// Single-threaded.
#ifndef CHAINRULE_SERVER_STORE_LOG_SEGMENT_H_
#define CHAINRULE_SERVER_STORE_LOG_SEGMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/file_system.h"
#include "server/store/log_format.h"

namespace chainrule::server {

class LogSegmentFile {
 public:
  // What the file system said. The file system outlives this.
  static absl::StatusOr<LogSegmentFile> Open(FileSystem* files, std::string path);

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }

  // As DecodeSegmentHeader, and what the file system said. What is found is used below.
  absl::Status ReadHeader();
  // Requires ReadHeader to have been OK.
  const SegmentHeader& header() const { return header_; }

  // What is at a place: a frame whose head is sound, and its payload, borrowed until the
  // next call. Empty: no sound head, or not the whole frame.
  struct Frame {
    FrameHead head;
    absl::string_view payload;
    bool payload_sound = false;
  };
  absl::StatusOr<std::optional<Frame>> FrameAt(int64_t offset);
  // The first place from `offset` on with a sound head of a record above `sequence`, or of
  // an index; the file's end if there is none. Of format 1 there never is one: what a
  // record brought could look like another.
  absl::StatusOr<int64_t> FindFrame(int64_t offset, uint64_t sequence);
  // Whether what is left from `offset` on can be a frame that was not written to its end.
  absl::StatusOr<bool> CanBeCutShort(int64_t offset);
  // Whether something behind `offset` tells that the record after `sequence` was synced.
  absl::StatusOr<bool> TellsOfSync(int64_t offset, uint64_t sequence);

 private:
  LogSegmentFile(FileSystem* files, std::string path, int64_t size)
      : files_(files), path_(std::move(path)), size_(size) {}
  absl::StatusOr<absl::string_view> At(int64_t offset, int64_t length);
  absl::Status Fill(int64_t offset, int64_t length);
  absl::StatusOr<std::string> ReadSoundParts(int64_t offset, int64_t length);
  absl::StatusOr<std::optional<Frame>> RecordAt(int64_t offset);
  absl::StatusOr<bool> OldTellsOfSync(int64_t offset, uint64_t sequence);

  FileSystem* files_;
  std::string path_;
  int64_t size_ = 0;
  SegmentHeader header_;
  std::string piece_;
  int64_t piece_begin_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_SEGMENT_H_
