// MessagePool: where a unary RPC's messages live. A call's request and response share an
// arena, whose first block comes from the pool and goes back to it, so that a small call
// allocates nothing for them; what a large call needs more of is given back at its end.
// Thread-safe, without a lock. Outlives the server's calls.
#ifndef CHAINRULE_SERVER_RPC_MESSAGE_POOL_H_
#define CHAINRULE_SERVER_RPC_MESSAGE_POOL_H_

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace chainrule::server {

template <typename Request, typename Response>
class MessagePool final : public grpc::MessageAllocator<Request, Response> {
 public:
  MessagePool() = default;
  MessagePool(const MessagePool&) = delete;
  MessagePool& operator=(const MessagePool&) = delete;
  ~MessagePool() override {
    for (Place& place : places_) delete place.load(std::memory_order_acquire);
  }

  // gRPC calls it for each call, and Release of what it got at the call's end.
  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    Messages* messages = Take();
    if (messages == nullptr) messages = new Messages(this);
    messages->Create();
    return messages;
  }

 private:
  // A row of a thousand floats, its answer, and the arena's own.
  static constexpr size_t kBlockBytes = 8'192;
  // As many as are in flight with busy clients; more are made and deleted.
  static constexpr size_t kPlaces = 64;

  class Messages final : public grpc::MessageHolder<Request, Response> {
   public:
    explicit Messages(MessagePool* pool) : pool_(pool), arena_(FirstBlock(block_.data())) {}

    void Create() {
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override {
      arena_.Reset();
      pool_->Put(this);
    }

   private:
    static google::protobuf::ArenaOptions FirstBlock(char* block) {
      google::protobuf::ArenaOptions options;
      options.initial_block = block;
      options.initial_block_size = kBlockBytes;
      return options;
    }

    MessagePool* const pool_;
    alignas(std::max_align_t) std::array<char, kBlockBytes> block_;
    google::protobuf::Arena arena_;
  };

  using Place = std::atomic<Messages*>;

  // Null: there are none.
  Messages* Take() {
    for (Place& place : places_) {
      if (place.load(std::memory_order_relaxed) == nullptr) continue;
      Messages* const found = place.exchange(nullptr, std::memory_order_acquire);
      if (found != nullptr) return found;
    }
    return nullptr;
  }

  void Put(Messages* messages) {
    for (Place& place : places_) {
      Messages* none = nullptr;
      if (place.load(std::memory_order_relaxed) == nullptr &&
          place.compare_exchange_strong(none, messages, std::memory_order_release)) {
        return;
      }
    }
    delete messages;
  }

  std::array<Place, kPlaces> places_{};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_MESSAGE_POOL_H_
