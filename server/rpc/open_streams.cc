#include "server/rpc/open_streams.h"

namespace chainrule::server {

void OpenStreams::Add(EndableStream* stream) {
  engine::MutexLock lock(&mutex_);
  streams_.insert(stream);
  if (stopping_) stream->EndForStop();
}

void OpenStreams::Remove(EndableStream* stream) {
  engine::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void OpenStreams::EndAll() {
  engine::MutexLock lock(&mutex_);
  stopping_ = true;
  for (EndableStream* stream : streams_) stream->EndForStop();
}

}  // namespace chainrule::server
