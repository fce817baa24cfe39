// 128-bit digests (XXH3) of what requests say, so that a repeated request_id with other
// content is seen.  Content is compared decoded: numbers count as the float32 they become,
// whether they came in `values` or `raw`, and as whatever dtype.
#ifndef CHAINRULE_SERVER_CONVERT_DIGEST_H_
#define CHAINRULE_SERVER_CONVERT_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/train/examples.h"
#include "google/protobuf/message.h"
#include "server/models/request_window.h"

namespace chainrule::server {

// Digest: a running one.  Single-threaded.
class Digest {
 public:
  Digest();
  ~Digest();

  void AddBytes(const void* data, size_t size);
  void AddInteger(uint64_t value);
  void AddText(absl::string_view text);  // with its length
  void AddDigest(const ContentDigest& part);
  void AddElements(const engine::ElementRows& elements, int64_t rows);  // as float32
  ContentDigest Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every field that is set, by number, but for `request_id` and those named in `except` at
// the top; tensors by shape and elements.  The message's type is part of it.  Linear.
ContentDigest DigestMessage(const google::protobuf::Message& message,
                            const std::set<std::string>& except = {});

// RowsDigest: of labelled rows in order, however they are cut into chunks.  Rows without
// weights weigh 1.  Single-threaded.
class RowsDigest {
 public:
  void Add(const engine::ExampleChunk& chunk);
  ContentDigest Finish() const;

 private:
  void AddOnes(int64_t count);

  uint64_t rows_ = 0;
  std::optional<bool> by_class_;  // of the latest chunk
  Digest inputs_;
  Digest targets_;
  Digest weights_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_DIGEST_H_
