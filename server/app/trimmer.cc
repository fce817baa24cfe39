#include "server/app/trimmer.h"

#include <algorithm>
#include <utility>

namespace chainrule::server {

using engine::MutexLock;

Trimmer::Trimmer(const Options& options, Process process)
    : options_(options), process_(std::move(process)), thread_(&Trimmer::Loop, this) {}

Trimmer::~Trimmer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

bool Trimmer::Wait() {
  MutexLock lock(&mutex_);
  if (!stopping_) changed_.WaitFor(&mutex_, options_.look);
  return !stopping_;
}

void Trimmer::Loop() {
  int64_t least = process_.resident_bytes();  // since the last time
  while (Wait()) {
    process_.age();
    const int64_t now = process_.resident_bytes();
    least = std::min(least, now);
    if (now - least < options_.growth_bytes || !process_.is_at_rest()) continue;
    process_.trim();
    least = process_.resident_bytes();
  }
}

}  // namespace chainrule::server
