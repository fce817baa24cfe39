#include "server/store/weights_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/io/file_digest.h"
#include "engine/io/model_file.h"
#include "server/store/errors.h"

namespace chainrule::server {
namespace {

constexpr char kWindow[] = "requests";
constexpr int64_t kPieceBytes = int64_t{1} << 20;

// A file read from its beginning, piece by piece, digested on the way.
class PiecewiseFile {
 public:
  PiecewiseFile(FileSystem* files, std::string path, int64_t bytes)
      : files_(files), path_(std::move(path)), bytes_(bytes) {}

  absl::Status Read(std::span<char> out) {
    while (!out.empty()) {
      if (piece_.size() == used_) {
        if (absl::Status status = NextPiece(); !status.ok()) return status;
      }
      const size_t count = std::min(out.size(), piece_.size() - used_);
      std::copy_n(piece_.begin() + static_cast<std::ptrdiff_t>(used_), count, out.begin());
      used_ += count;
      out = out.subspan(count);
    }
    return absl::OkStatus();
  }

  absl::Status SkipToEnd() {
    while (offset_ < bytes_) {
      if (absl::Status status = NextPiece(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::string digest() const { return digest_.Hex(); }

 private:
  absl::Status NextPiece() {
    absl::StatusOr<std::string> piece =
        files_->Read(path_, offset_, std::min(kPieceBytes, bytes_ - offset_));
    if (!piece.ok()) return StorageFailed(piece.status().message());
    if (piece->empty()) return StorageDamaged(path_, absl::StrCat("ends at byte ", offset_));
    piece_ = *std::move(piece);
    used_ = 0;
    offset_ += static_cast<int64_t>(piece_.size());
    digest_.Add(piece_);
    return absl::OkStatus();
  }

  FileSystem* const files_;
  const std::string path_;
  const int64_t bytes_;
  int64_t offset_ = 0;
  std::string piece_;
  size_t used_ = 0;
  engine::FileDigest digest_;
};

absl::Status CheckSize(FileSystem* files, const std::string& path, const WeightsFile& file) {
  const absl::StatusOr<int64_t> size = files->Size(path);
  if (absl::IsNotFound(size.status())) return StorageDamaged(path, "is gone");
  if (!size.ok()) return StorageFailed(size.status().message());
  if (*size == file.bytes) return absl::OkStatus();
  return StorageDamaged(path, absl::StrCat("has ", *size, " bytes, ", file.bytes, " were written"));
}

absl::Status CheckDigest(const std::string& path, const std::string& digest,
                         const WeightsFile& file) {
  if (digest == file.digest) return absl::OkStatus();
  return StorageDamaged(path, absl::StrCat("digest ", digest, ", written was ", file.digest));
}

absl::StatusOr<engine::ModelFile> ReadFile(PiecewiseFile* bytes, int64_t size,
                                           const engine::Network& network) {
  const engine::ByteSource source = [bytes](std::span<char> out) { return bytes->Read(out); };
  const absl::StatusOr<engine::SafetensorsHeader> header =
      engine::ReadModelFileHeader(size, source);
  if (!header.ok()) return header.status();
  return engine::ReadModelFile(*header, network, {}, source);
}

}  // namespace

absl::StatusOr<WeightsFile> WriteCheckpoint(FileSystem* files, const std::string& folder,
                                            const std::string& name, const engine::Network& network,
                                            const Checkpoint& checkpoint) {
  engine::ModelFileExtras extras;
  extras.metadata = checkpoint.metadata;
  extras.tensors[kWindow] = checkpoint.window;
  const engine::ModelFileParts file =
      engine::WriteModelFile(network, checkpoint.state, /*with_optimizer=*/true, extras);
  std::vector<absl::string_view> parts = {file.header};
  parts.insert(parts.end(), file.data.begin(), file.data.end());
  engine::FileDigest digest;
  for (absl::string_view part : parts) digest.Add(part);
  const absl::Status written = WriteFileAtomically(*files, absl::StrCat(folder, "/", name), parts);
  if (!written.ok()) return written;
  return WeightsFile{name, digest.Hex(), file.bytes};
}

absl::StatusOr<Checkpoint> ReadCheckpoint(FileSystem* files, const std::string& folder,
                                          const WeightsFile& file, const engine::Network& network) {
  const std::string path = absl::StrCat(folder, "/", file.name);
  if (absl::Status status = CheckSize(files, path, file); !status.ok()) return status;
  PiecewiseFile bytes(files, path, file.bytes);
  absl::StatusOr<engine::ModelFile> read = ReadFile(&bytes, file.bytes, network);
  if (!read.ok() && !absl::IsInvalidArgument(read.status())) return read.status();
  if (absl::Status status = bytes.SkipToEnd(); !status.ok()) return status;
  if (absl::Status status = CheckDigest(path, bytes.digest(), file); !status.ok()) return status;
  if (!read.ok()) return StorageDamaged(path, read.status().message());
  return Checkpoint{std::move(read->state), std::move(read->tensors[kWindow]),
                    std::move(read->metadata)};
}

absl::Status CheckWeights(FileSystem* files, const std::string& folder, const WeightsFile& file) {
  const std::string path = absl::StrCat(folder, "/", file.name);
  if (absl::Status status = CheckSize(files, path, file); !status.ok()) return status;
  PiecewiseFile bytes(files, path, file.bytes);
  if (absl::Status status = bytes.SkipToEnd(); !status.ok()) return status;
  return CheckDigest(path, bytes.digest(), file);
}

}  // namespace chainrule::server
