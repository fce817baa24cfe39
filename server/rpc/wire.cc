#include "server/rpc/wire.h"

namespace chainrule::server {

Wire::Wire(const WireSource& source, const Begin* begin) : source_(source), begin_(begin) {
  source_.wires->fetch_add(1, std::memory_order_acq_rel);
  context_.AsyncNotifyWhenDone(&done_);
  source_.service->RequestCall(&context_, &stream_, source_.queue, source_.queue, &arrival_);
}

// It is its tags' from here on.
void Wire::Await(const WireSource& source, const Begin* begin) {
  new Wire(source, begin);  // NOLINT(cppcoreguidelines-owning-memory)
}

void Wire::Happened(void* tag, bool ok) {
  const Tag& happened = *static_cast<const Tag*>(tag);
  if (happened.event == Event::kArrival) return happened.wire->Arrive(ok);
  happened.wire->Tell(happened.event, ok);
}

void Wire::Arrive(bool ok) {
  std::unique_ptr<Wire> self(this);
  if (!ok) return;  // the server stops, and no call has come
  Await(source_, begin_);
  (*begin_)(std::move(self));
}

// Who is told sees what was done to the call before it was asked for.
void Wire::Tell(Event event, bool ok) {
  waited_for_.load(std::memory_order_acquire);
  if (event == Event::kRead) user_->OnReadDone(ok);
  if (event == Event::kWrite) user_->OnWriteDone(ok);
  if (event == Event::kDone && context_.IsCancelled()) user_->OnCancel();
  Release();
}

void Wire::Release() {
  if (waited_for_.fetch_sub(1, std::memory_order_acq_rel) == 1) user_->OnDone();
}

void Wire::Read() {
  Hold();
  stream_.Read(&incoming_, &read_);
}

void Wire::Write(const grpc::ByteBuffer& message) {
  Hold();
  stream_.Write(message, &write_);
}

// The finish was counted from the beginning. The count is touched all the same, so that who
// deletes the call sees what this thread did to it.
void Wire::Finish(const grpc::Status& status) {
  waited_for_.fetch_add(0, std::memory_order_acq_rel);
  stream_.Finish(status, &finish_);
}

void Wire::WriteAndFinish(const grpc::ByteBuffer& message, const grpc::Status& status) {
  waited_for_.fetch_add(0, std::memory_order_acq_rel);
  stream_.WriteAndFinish(message, grpc::WriteOptions(), status, &finish_);
}

}  // namespace chainrule::server
