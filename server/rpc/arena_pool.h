// ArenaPool: where the messages of unary calls live. A call's request and response share an
// arena, whose first block comes from the pool and goes back to it, so that a small call
// allocates nothing for them; what a large call needs more of is given back at its end.
// Thread-safe, without a lock. Outlives its loans.
#ifndef CHAINRULE_SERVER_RPC_ARENA_POOL_H_
#define CHAINRULE_SERVER_RPC_ARENA_POOL_H_

#include <google/protobuf/arena.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace chainrule::server {

class ArenaPool {
 public:
  ArenaPool() = default;
  ArenaPool(const ArenaPool&) = delete;
  ArenaPool& operator=(const ArenaPool&) = delete;
  ~ArenaPool();

  class Loan;

 private:
  // A row of a thousand floats, its answer, and the arena's own.
  static constexpr size_t kBlockBytes = 8'192;
  // As many as are in flight with busy clients; more are made and deleted.
  static constexpr size_t kPlaces = 64;

  struct Place {
    Place();
    alignas(std::max_align_t) std::array<char, kBlockBytes> block;
    google::protobuf::Arena arena;
  };

  Place* Take();
  void Put(Place* place);

  std::array<std::atomic<Place*>, kPlaces> places_{};
};

// An arena, for as long as it lives.
class ArenaPool::Loan {
 public:
  explicit Loan(ArenaPool* pool) : pool_(pool), place_(pool->Take()) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() { GiveBack(); }

  // Before its end: what was made is gone.
  void GiveBack() {
    if (place_ != nullptr) pool_->Put(std::exchange(place_, nullptr));
  }

  template <typename Message>
  Message* Make() {
    return google::protobuf::Arena::CreateMessage<Message>(&place_->arena);
  }

 private:
  ArenaPool* const pool_;
  Place* place_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_ARENA_POOL_H_
