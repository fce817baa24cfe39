#include "server/app/signals.h"

#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "engine/core/check.h"

namespace chainrule::server {
namespace {

std::atomic<int> signals_seen{0};
sem_t asked_to_stop;

// Calls only what may be called in a signal handler.
void OnSignal(int number) {
  if (signals_seen.fetch_add(1) > 0) _exit(128 + number);
  const int error = errno;
  sem_post(&asked_to_stop);
  errno = error;
}

void OnAlarm(int /*number*/) { _exit(1); }

void Handle(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(number, &action, nullptr);
}

}  // namespace

void CatchSignals() {
  CHAINRULE_CHECK(sem_init(&asked_to_stop, 0, 0) == 0);
  Handle(SIGTERM, OnSignal);
  Handle(SIGINT, OnSignal);
  Handle(SIGPIPE, SIG_IGN);
  Handle(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write
}

void WaitForSignal() {
  while (sem_wait(&asked_to_stop) != 0 && errno == EINTR) {
  }
}

void EndAfter(absl::Duration timeout) {
  Handle(SIGALRM, OnAlarm);
  const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(timeout, absl::Seconds(1)));
  alarm(static_cast<unsigned>(std::clamp<int64_t>(seconds, 1, UINT32_MAX)));
}

}  // namespace chainrule::server
