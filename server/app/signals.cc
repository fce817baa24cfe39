#include "server/app/signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "absl/time/clock.h"

namespace chainrule::server {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void BlockSignals() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void WaitForSignal() {
  const sigset_t signals = Signals();
  int number = 0;
  sigwait(&signals, &number);
}

void EndAtNextSignal(absl::Duration timeout) {
  std::thread([end = absl::Now() + timeout] {
    const sigset_t signals = Signals();
    int number = -1;
    do {
      const absl::Duration left = std::max(end - absl::Now(), absl::ZeroDuration());
      const timespec wait = absl::ToTimespec(left);
      number = sigtimedwait(&signals, nullptr, &wait);
    } while (number < 0 && errno == EINTR);
    _exit(number > 0 ? 128 + number : 1);
  }).detach();
}

}  // namespace chainrule::server
