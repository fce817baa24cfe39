#include "server/rpc/arena_pool.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>
#include <vector>

#include "chainrule/v1/prediction_service.pb.h"

namespace chainrule::server {
namespace {

TEST(ArenaPoolTest, AMessageIsFreshWhateverTheOneBeforeItHeld) {
  ArenaPool pool;
  {
    ArenaPool::Loan loan(&pool);
    loan.Make<v1::PredictRequest>()->set_model("models/before");
  }
  ArenaPool::Loan loan(&pool);
  EXPECT_EQ(loan.Make<v1::PredictRequest>()->model(), "");
}

TEST(ArenaPoolTest, WhatIsReturnedIsLentAgain) {
  ArenaPool pool;
  const auto place_of_one_loan = [&pool] {
    ArenaPool::Loan loan(&pool);
    return static_cast<const void*>(loan.Make<v1::PredictRequest>());
  };
  const void* const first = place_of_one_loan();
  EXPECT_EQ(place_of_one_loan(), first);
}

TEST(ArenaPoolTest, LendsAsManyAsAreAskedFor) {
  ArenaPool pool;
  std::deque<ArenaPool::Loan> loans;
  std::vector<v1::PredictRequest*> messages;
  for (int i = 0; i < 200; ++i) {
    messages.push_back(loans.emplace_back(&pool).Make<v1::PredictRequest>());
    messages.back()->set_model(std::to_string(i));
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(messages[i]->model(), std::to_string(i));
}

TEST(ArenaPoolTest, ThreadsDoNotShareAnArena) {
  ArenaPool pool;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&pool, name = std::string(100, static_cast<char>('a' + thread))] {
      for (int i = 0; i < 2'000; ++i) {
        ArenaPool::Loan loan(&pool);
        auto* const message = loan.Make<v1::PredictRequest>();
        message->set_model(name);
        for (int j = 0; j < 20; ++j) message->mutable_inputs()->add_values(static_cast<float>(i));
        ASSERT_EQ(message->model(), name);
        ASSERT_EQ(message->inputs().values(19), static_cast<float>(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace chainrule::server
