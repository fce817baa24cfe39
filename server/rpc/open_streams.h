// OpenStreams: the streams that are open, so that a server that stops can tell them.
// Thread-safe.
#ifndef CHAINRULE_SERVER_RPC_OPEN_STREAMS_H_
#define CHAINRULE_SERVER_RPC_OPEN_STREAMS_H_

#include <unordered_set>

#include "engine/core/mutex.h"

namespace chainrule::server {

// A stream that can be asked to end.
class EndableStream {
 public:
  virtual ~EndableStream() = default;
  // The server stops: end soon. Called at most once, never after Remove returned.
  virtual void EndForStop() = 0;
};

class OpenStreams {
 public:
  // From here to Remove, which comes before the stream is destroyed. When the server
  // stops already, the stream is told at once, on this thread.
  void Add(EndableStream* stream);
  void Remove(EndableStream* stream);
  // Tells all that are open, and all that come later.
  void EndAll();

 private:
  engine::Mutex mutex_;
  std::unordered_set<EndableStream*> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_OPEN_STREAMS_H_
