#include "server/store/file_spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"

namespace chainrule::server {
namespace {

// So that small messages are not a write each.
constexpr size_t kBufferBytes = size_t{1} << 20;
// Of a part's beginning: what every element may want.
constexpr int64_t kAlignment = 8;

absl::Status Failed(absl::string_view what, int error) {
  return StorageFailed(absl::StrCat("the spool of this call: ", what, ": ",
                                    std::generic_category().message(error),
                                    "; nothing was learned"));
}

// Not every file system has files without a name from the start.
int OpenNameless(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  std::string name = folder + "/spool-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<engine::RowSpool>> FileSpool::Create(const std::string& folder) {
  const int descriptor = OpenNameless(folder);
  if (descriptor < 0) return Failed(absl::StrCat("open in ", folder), errno);
  return std::unique_ptr<engine::RowSpool>(new FileSpool(descriptor));
}

FileSpool::~FileSpool() { close(descriptor_); }

absl::Status FileSpool::Append(const engine::ExampleChunk& chunk) {
  Spooled spooled;
  spooled.place = {
      .inputs = Put(chunk.inputs, chunk.rows),
      .targets = Put(chunk.targets, chunk.rows),
      .class_ids = Put(chunk.class_ids.data(), static_cast<int64_t>(chunk.class_ids.size_bytes())),
      .weights = Put(chunk.sample_weights, chunk.rows)};
  spooled.chunk = chunk;
  spooled.chunk.owner.reset();
  chunks_.push_back(std::move(spooled));
  return status_;
}

int64_t FileSpool::Put(const engine::ElementRows& elements, int64_t rows) {
  return Put(elements.data, rows * elements.columns * engine::ElementBytes(elements.type));
}

int64_t FileSpool::Put(const void* data, int64_t bytes) {
  if (data == nullptr) return -1;
  if (buffer_.size() >= kBufferBytes && status_.ok()) status_ = Flush();
  const int64_t end = written_ + static_cast<int64_t>(buffer_.size());
  buffer_.append(static_cast<size_t>((kAlignment - end % kAlignment) % kAlignment), '\0');
  const int64_t place = written_ + static_cast<int64_t>(buffer_.size());
  if (static_cast<size_t>(bytes) < kBufferBytes) {
    buffer_.append(static_cast<const char*>(data), static_cast<size_t>(bytes));
    return place;
  }
  if (status_.ok()) status_ = Flush();
  if (status_.ok()) status_ = Write(static_cast<const char*>(data), static_cast<size_t>(bytes));
  return place;
}

absl::Status FileSpool::Flush() {
  const std::string bytes = std::exchange(buffer_, std::string());
  return Write(bytes.data(), bytes.size());
}

absl::Status FileSpool::Write(const char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t count = write(descriptor_, data, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("write", errno);
    data += count;
    bytes -= static_cast<size_t>(count);
    written_ += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const char>> FileSpool::Map() const {
  const auto bytes = static_cast<size_t>(written_);
  if (bytes == 0) return std::shared_ptr<const char>();
  void* const map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (map == MAP_FAILED) return Failed("map", errno);
  // Training takes rows in any order. What the page cache still has of the writes is used; of
  // what it has not, only what is wanted is read.
  madvise(map, bytes, MADV_RANDOM);
  return std::shared_ptr<const char>(static_cast<const char*>(map), [bytes](const char* data) {
    munmap(const_cast<char*>(data), bytes);
  });
}

absl::StatusOr<std::vector<engine::ExampleChunk>> FileSpool::Read() {
  if (status_.ok()) status_ = Flush();
  if (!status_.ok()) return status_;
  const absl::StatusOr<std::shared_ptr<const char>> map = Map();
  if (!map.ok()) return map.status();
  std::vector<engine::ExampleChunk> chunks;
  chunks.reserve(chunks_.size());
  const auto at = [&map](int64_t place) { return place < 0 ? nullptr : map->get() + place; };
  for (const Spooled& spooled : chunks_) {
    engine::ExampleChunk chunk = spooled.chunk;
    chunk.inputs.data = at(spooled.place.inputs);
    chunk.targets.data = at(spooled.place.targets);
    chunk.sample_weights.data = at(spooled.place.weights);
    chunk.class_ids = {reinterpret_cast<const int32_t*>(at(spooled.place.class_ids)),
                       chunk.class_ids.size()};
    chunk.owner = *map;
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

}  // namespace chainrule::server
