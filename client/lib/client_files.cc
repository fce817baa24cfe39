// The calls that bring a model's file.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/lib/client.h"
#include "client/lib/disk_file.h"
#include "client/lib/errors.h"
#include "client/lib/file_digest.h"
#include "grpcpp/support/sync_stream.h"

namespace chainrule::client {
namespace {

constexpr int64_t kPieceBytes = 1 << 20;  // of a message
constexpr int64_t kEnvelopeBytes = 64;    // a message without its piece, generously

// What an ExportModel brings, on its way into a file. Failures: DATA_LOSS where it is not
// what its header announces, and the file's own.
class Download {
 public:
  explicit Download(NewFile* file) : file_(*file) {}

  absl::Status Take(const v1::ExportModelResponse& message) {
    if (message.has_header() && has_header_) return Damaged("a second header");
    if (!message.has_header() && !has_header_) return Damaged("no header");
    if (message.has_header()) {
      header_ = message.header();
      has_header_ = true;
      return absl::OkStatus();
    }
    bytes_ += static_cast<int64_t>(message.data().size());
    if (bytes_ > header_.total_bytes()) return Damaged("more bytes than announced");
    digest_.Add(message.data());
    return file_.Write(message.data());
  }

  // After the last.
  absl::StatusOr<v1::ExportModelHeader> Finish() {
    if (bytes_ < header_.total_bytes() || !has_header_) {
      return Damaged(absl::StrCat(bytes_, " bytes of ", header_.total_bytes()));
    }
    if (digest_.Hex() != header_.digest()) return Damaged("bytes of another digest");
    if (absl::Status status = file_.Commit(); !status.ok()) return status;
    return header_;
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(file_.path(), ": not written, the server sent ", what));
  }

  NewFile& file_;
  v1::ExportModelHeader header_;
  bool has_header_ = false;
  int64_t bytes_ = 0;
  FileDigest digest_;
};

// Reads the file through once for what the header says of it.
absl::Status Announce(SourceFile* file, v1::ImportModelHeader* header) {
  std::string block(kPieceBytes, '\0');
  FileDigest digest;
  int64_t bytes = 0;
  while (true) {
    const absl::StatusOr<size_t> read = file->Read(block);
    if (!read.ok()) return read.status();
    if (*read == 0) break;
    digest.Add(absl::string_view(block.data(), *read));
    bytes += static_cast<int64_t>(*read);
  }
  header->set_total_bytes(bytes);
  header->set_digest(digest.Hex());
  return file->Rewind();
}

int64_t PieceBytes(const v1::Limits& limits) {
  if (limits.max_message_bytes() == 0) return kPieceBytes;
  return std::clamp<int64_t>(limits.max_message_bytes() - kEnvelopeBytes, 1, kPieceBytes);
}

// Fails only for the file's own faults: why the server ended the call, Finish tells.
absl::Status SendFile(SourceFile* file, int64_t total_bytes, int64_t piece_bytes,
                      grpc::ClientWriter<v1::ImportModelRequest>* stream) {
  v1::ImportModelRequest message;
  while (total_bytes > 0) {
    std::string& data = *message.mutable_data();
    data.resize(static_cast<size_t>(std::min(total_bytes, piece_bytes)));
    const absl::StatusOr<size_t> read = file->Read(data);
    if (!read.ok()) return read.status();
    if (*read < data.size()) {
      return absl::DataLossError(absl::StrCat(file->path(), ": became shorter while it was read"));
    }
    if (!stream->Write(message)) return absl::OkStatus();
    total_bytes -= static_cast<int64_t>(data.size());
  }
  stream->WritesDone();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ExportModelHeader> Client::Export(const v1::ExportModelRequest& request,
                                                     const std::string& path) {
  const absl::StatusOr<std::unique_ptr<NewFile>> file = NewFile::Create(path);
  if (!file.ok()) return file.status();
  grpc::ClientContext context;
  Prepare(&context);
  const auto stream = models_.ExportModel(&context, request);
  Download download(file->get());
  v1::ExportModelResponse message;
  absl::Status taken;
  while (stream->Read(&message)) {
    if (taken.ok()) taken = download.Take(message);
    if (!taken.ok()) context.TryCancel();
  }
  const grpc::Status status = stream->Finish();
  if (!taken.ok()) return taken;
  if (!status.ok()) return FromGrpc(status, IsConnected());
  return download.Finish();
}

absl::StatusOr<v1::Model> Client::Import(v1::ImportModelHeader header, const std::string& path) {
  absl::StatusOr<SourceFile> file = SourceFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = Announce(&*file, &header); !status.ok()) return status;
  const absl::StatusOr<v1::GetServerInfoResponse> info = GetServerInfo();
  if (!info.ok()) return info.status();
  grpc::ClientContext context;
  Prepare(&context);
  v1::Model model;
  const auto stream = models_.ImportModel(&context, &model);
  const int64_t total_bytes = header.total_bytes();
  v1::ImportModelRequest first;
  *first.mutable_header() = std::move(header);
  absl::Status sent;
  if (stream->Write(first)) {
    sent = SendFile(&*file, total_bytes, PieceBytes(info->limits()), stream.get());
  }
  if (!sent.ok()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  if (!sent.ok()) return sent;
  if (!status.ok()) return FromGrpc(status, IsConnected());
  return model;
}

}  // namespace chainrule::client
