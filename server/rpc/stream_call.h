// StreamCall: one bidirectional stream. This class owns its state machine:
//   - one read and one write are outstanding at most;
//   - reading pauses while kMaxWaiting answers or kMaxWaitingBytes of them wait, so a client
//     that sends and does not read costs bounded memory; and while derived classes hold it;
//   - of droppable answers the oldest go when more than kMaxDroppable wait;
//   - it ends once, after what was sent before, and deletes itself when gRPC is done.
// Derived classes say what messages mean. The stream belongs to them until they call
// End, which they do exactly once; OnMessage and OnHalfClose come one at a time.
// Send and End are thread-safe.
#ifndef CHAINRULE_SERVER_RPC_STREAM_CALL_H_
#define CHAINRULE_SERVER_RPC_STREAM_CALL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "engine/core/mutex.h"
#include "server/rpc/call_scope.h"
#include "server/rpc/environment.h"
#include "server/rpc/typed_wire.h"

namespace chainrule::server {

template <typename Request, typename Response>
class StreamCall : public TypedWire<Request, Response>, public EndableStream {
 public:
  static constexpr size_t kMaxWaiting = 1000;
  static constexpr size_t kMaxWaitingBytes = size_t{2} << 20;
  static constexpr size_t kMaxDroppable = 10'000;

  StreamCall(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics)
      : TypedWire<Request, Response>(std::move(wire)),
        environment_(*environment),
        scope_(environment, metrics, this->context()) {}

  // Begins to read, before a server that stops can end it, or ends it. Once. The call is taken
  // in with its first message: who sends nothing takes nobody's place.
  void Begin() {
    const absl::Status status = scope_.CheckRoom();
    environment_.streams->Add(this);
    if (!status.ok()) return OnRefused(status);
    engine::MutexLock lock(&mutex_);
    ReadMore();
  }

 protected:
  enum class Importance { kMustArrive, kDroppable, kConfirms };

  // A message came; on a gRPC thread, so for checks of constant cost.
  virtual void OnMessage(std::shared_ptr<Request> message) = 0;
  // The client sends no more; or was cut off, which gRPC may say a moment later. A write
  // tells for sure: an answer that is sent now as kConfirms fails then (OnRefused), or
  // leaves (OnConfirmed).
  virtual void OnHalfClose() = 0;
  virtual void OnConfirmed() {}
  // The call was not taken in, or the client is gone: nothing more will come. Call End
  // unless someone else will.
  virtual void OnRefused(const absl::Status& status) = 0;
  // What waited has left, after WhenDrained said that it had not; on a gRPC thread.
  virtual void OnDrained() {}

  void Send(Response response, Importance importance) {
    const size_t bytes = response.ByteSizeLong();
    engine::MutexLock lock(&mutex_);
    if (end_.has_value() || broken_) return;
    waiting_.push_back({std::move(response), importance, bytes,
                        Admission::Answer(environment_.admission, static_cast<int64_t>(bytes))});
    waiting_bytes_ += bytes;
    if (waiting_.size() > kMaxDroppable || waiting_bytes_ > kMaxWaitingBytes) DropOldest();
    WriteMore();
  }

  // No message is read until as many Resumes have come as Holds. The message that is being
  // read, if one is, still comes; in OnMessage none is.
  void HoldReading() {
    engine::MutexLock lock(&mutex_);
    ++holds_;
  }
  void ResumeReading() {
    engine::MutexLock lock(&mutex_);
    --holds_;
    if (reading_paused_ && !reading_ended_) ReadMore();
  }

  // Whether more may be sent now; if not, OnDrained comes once, unless the client is gone.
  bool WhenDrained() {
    engine::MutexLock lock(&mutex_);
    wants_drained_ = IsFull();
    return !wants_drained_;
  }

  // After what was sent. The last thing that its caller does with the stream.
  void End(absl::Status status) {
    std::optional<grpc::Status> result;
    {
      engine::MutexLock lock(&mutex_);
      end_ = std::move(status);
      result = TakeEnd();
    }
    if (result.has_value()) this->Finish(*std::move(result));
  }

  CallScope& scope() { return scope_; }

 private:
  struct Waiting {
    Response response;
    Importance importance = Importance::kMustArrive;
    size_t bytes = 0;
    Admission::Answer held = {};  // until it has left
  };

  bool IsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.size() >= kMaxWaiting || waiting_bytes_ >= kMaxWaitingBytes;
  }

  void ReadMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    reading_paused_ = holds_ > 0 || IsFull();
    if (reading_paused_ || end_.has_value()) return;
    this->StartRead();
  }

  void WriteMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || waiting_.empty()) return;
    outgoing_ = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= outgoing_.bytes;
    writing_ = true;
    this->StartWrite(outgoing_.response);
  }

  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
      if (entry->importance != Importance::kDroppable) continue;
      waiting_bytes_ -= entry->bytes;
      waiting_.erase(entry);
      return;
    }
  }

  // What to finish with, if now is the time. The caller does so after it has released the
  // lock, and touches nothing then: gRPC may delete the stream while Finish returns.
  std::optional<grpc::Status> TakeEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_ || !end_.has_value() || writing_ || !waiting_.empty()) return std::nullopt;
    finished_ = true;
    return scope_.End(*end_);
  }

  void OnReadDone(bool ok) final {
    if (!ok) return NoMoreMessages();
    this->TakeRequest(environment_.readers,
                      [this](const absl::Status& status, std::shared_ptr<Request> message) {
                        if (!status.ok()) return OnRefused(status);
                        if (const absl::Status full = AdmitOnce(); !full.ok()) {
                          return OnRefused(full);
                        }
                        OnMessage(std::move(message));
                        engine::MutexLock lock(&mutex_);
                        ReadMore();
                      });
  }

  // Not of a stream that is ended meanwhile.
  absl::Status AdmitOnce() {
    engine::MutexLock lock(&mutex_);
    if (end_.has_value() || std::exchange(admitted_, true)) return absl::OkStatus();
    return scope_.Admit(0);
  }

  void NoMoreMessages() {
    const absl::Status wanted = scope_.cancellation()->Check();
    if (!wanted.ok()) return OnRefused(wanted);
    if (EndReading()) return OnRefused(ClientIsGone());
    OnHalfClose();
  }

  // From now on a write that fails is the only sign of a client that is gone. Returns
  // whether there was one.
  bool EndReading() {
    engine::MutexLock lock(&mutex_);
    reading_ended_ = true;
    return broken_;
  }

  static absl::Status ClientIsGone() { return absl::CancelledError("the client is gone"); }

  void OnWriteDone(bool ok) final {
    bool gone = false;
    bool confirmed = false;
    bool drained = false;
    std::optional<grpc::Status> result;
    {
      engine::MutexLock lock(&mutex_);
      writing_ = false;
      confirmed = ok && outgoing_.importance == Importance::kConfirms;
      outgoing_ = Waiting();
      if (!ok) {
        broken_ = true;
        waiting_.clear();
        waiting_bytes_ = 0;
        gone = reading_paused_ || reading_ended_;  // no read is outstanding that could tell
      }
      WriteMore();
      if (reading_paused_ && ok) ReadMore();
      drained = ok && wants_drained_ && !IsFull();
      if (drained) wants_drained_ = false;
      result = TakeEnd();
    }
    if (result.has_value()) return this->Finish(*std::move(result));
    if (gone) OnRefused(ClientIsGone());
    if (confirmed) OnConfirmed();
    if (drained) OnDrained();
  }

  void OnCancel() final { scope_.Cancel(); }

  void OnDone() final {
    environment_.streams->Remove(this);
    delete this;
  }

  const Environment& environment_;
  CallScope scope_;

  engine::Mutex mutex_;
  bool admitted_ ABSL_GUARDED_BY(mutex_) = false;
  Waiting outgoing_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
  bool wants_drained_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_STREAM_CALL_H_
