#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/core/check.h"
#include "server/compute/batcher_impl.h"

namespace chainrule::server {
namespace {

// Multiply-adds of a call that the thread which brings it does itself: some 25 µs, no more
// than that thread takes to read and answer it.
constexpr int64_t kSmallWork = 1'000'000;

// Bytes of its answer, the same: a class by name and score takes far longer than its sum.
constexpr int64_t kSmallReply = 16'384;

// Multiply-adds of what waits, at most.
constexpr int64_t kMostWork = 40'000'000;

thread_local Batcher::Here::Impl* of_this_thread = nullptr;

int64_t WorkOf(const PredictCall& call) {
  return call.rows * SnapshotInMemory(call).network().parameter_count();
}

}  // namespace

Batcher::Here::Impl::Impl(Batcher::Impl* batcher)
    : batcher_(*batcher), runner_(batcher->executor()) {
  CHAINRULE_CHECK(of_this_thread == nullptr);
  of_this_thread = this;
}

Batcher::Here::Impl::~Impl() {
  CHAINRULE_CHECK(waiting_.empty());
  of_this_thread = nullptr;
}

Batcher::Here::Impl* Batcher::Here::Impl::OfThisThread() { return of_this_thread; }

bool Batcher::Here::Impl::Takes(const Batcher::Impl& batcher, const PredictCall& call) const {
  return &batcher == &batcher_ && WorkOf(call) <= kSmallWork && call.reply_bytes <= kSmallReply;
}

void Batcher::Here::Impl::Add(PredictCall call) {
  work_ += WorkOf(call);
  waiting_.emplace_back(std::move(call));
}

bool Batcher::Here::Impl::full() const {
  if (waiting_.empty()) return false;
  return work_ >= kMostWork ||
         absl::Now() - waiting_.front().call.arrival >= batcher_.options().max_wait_here;
}

// Who is answered may bring a next call at once.
void Batcher::Here::Impl::Run() {
  Batch calls;
  calls.swap(waiting_);
  work_ = 0;
  const bool stopping = batcher_.IsStopping();
  while (!calls.empty()) {
    Batch batch = TakeBatch(batcher_.options(), &calls);
    if (stopping) {
      Refuse(&batch);
    } else {
      runner_.Run(&batch);
    }
  }
}

Batcher::Here::Here(Batcher* batcher) : impl_(std::make_unique<Impl>(batcher->impl_.get())) {}

Batcher::Here::~Here() = default;

bool Batcher::Here::empty() const { return impl_->empty(); }

bool Batcher::Here::full() const { return impl_->full(); }

void Batcher::Here::Run() { impl_->Run(); }

}  // namespace chainrule::server
