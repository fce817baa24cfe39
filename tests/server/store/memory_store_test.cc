// How a MemoryStore fails when it is told to.
#include "server/store/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/core/error.h"
#include "tests/server/store/stores.h"

namespace chainrule::server {
namespace {

using testing::ElementsAre;

std::unique_ptr<Log> OpenLog(MemoryStore* store, std::vector<std::string>* records = nullptr) {
  const auto visit = [&](const LogRecord& record) {
    if (records != nullptr) records->emplace_back(record.payload);
    return absl::OkStatus();
  };
  return *store->OpenLog(visit, nullptr);
}

bool Failed(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable &&
         engine::GetErrorDetail(status).reason == "STORAGE_FAILED";
}

TEST(MemoryStoreTest, WritesFailUntilRepaired) {
  MemoryStore store;
  store.FailWrites("no space");
  EXPECT_TRUE(Failed(store.Apply({})));
  const engine::Network network = TestNetwork();
  EXPECT_TRUE(Failed(store.WriteWeights("u", "c", network, TestCheckpoint(network)).status()));
  store.Repair();
  EXPECT_TRUE(store.Apply({}).ok());
}

TEST(MemoryStoreTest, AFailedLogStaysClosedAndTheNextOneWorks) {
  for (const bool keep : {false, true}) {
    MemoryStore store;
    std::unique_ptr<Log> log = OpenLog(&store);
    log->Append({}, "kept", [](const absl::Status& status, uint64_t) { EXPECT_TRUE(status.ok()); });
    ASSERT_TRUE(log->Flush().ok());
    store.FailLog("no space", keep);
    log->Append({}, "refused",
                [](const absl::Status& status, uint64_t) { EXPECT_TRUE(Failed(status)); });
    EXPECT_TRUE(Failed(log->Flush()));
    EXPECT_TRUE(
        Failed(store.OpenLog([](const LogRecord&) { return absl::OkStatus(); }, nullptr).status()));
    store.Repair();
    EXPECT_TRUE(Failed(log->Flush()));
    log.reset();
    std::vector<std::string> records;
    log = OpenLog(&store, &records);
    if (keep) {
      EXPECT_THAT(records, ElementsAre("kept", "refused"));
    } else {
      EXPECT_THAT(records, ElementsAre("kept"));
    }
    EXPECT_EQ(log->Append({}, "next", [](const absl::Status&, uint64_t) {}), records.size() + 1);
    EXPECT_TRUE(log->Flush().ok());
  }
}

TEST(MemoryStoreTest, AHeldLogSaysNothingUntilReleased) {
  MemoryStore store;
  std::unique_ptr<Log> log = OpenLog(&store);
  store.HoldLog();
  bool held = true;
  log->Append({}, "one", [&](const absl::Status& status, uint64_t) {
    EXPECT_FALSE(held);
    EXPECT_TRUE(status.ok());
  });
  held = false;
  store.ReleaseLog();
  EXPECT_TRUE(log->Flush().ok());
}

TEST(MemoryStoreTest, OpeningTheLogAnewClosesTheFirst) {
  MemoryStore store;
  std::unique_ptr<Log> first = OpenLog(&store);
  store.HoldLog();
  first->Append({}, "lost",
                [](const absl::Status& status, uint64_t) { EXPECT_TRUE(Failed(status)); });
  std::vector<std::string> records;
  std::unique_ptr<Log> second = OpenLog(&store, &records);
  store.ReleaseLog();
  EXPECT_TRUE(Failed(first->Flush()));
  EXPECT_TRUE(records.empty());
  EXPECT_TRUE(second->Flush().ok());
}

TEST(MemoryStoreTest, RelaxedRecordsAreLostToAPowerLossUntilFlushed) {
  MemoryStore store({.sync = false});
  std::unique_ptr<Log> log = OpenLog(&store);
  log->Append({}, "synced", [](const absl::Status&, uint64_t synced) { EXPECT_EQ(synced, 0U); });
  ASSERT_TRUE(log->Flush().ok());
  store.HoldLog();
  log->Append({}, "lost", [](const absl::Status&, uint64_t) {});
  store.LoseUnsynced();
  log.reset();
  store.ReleaseLog();
  std::vector<std::string> records;
  log = OpenLog(&store, &records);
  EXPECT_THAT(records, ElementsAre("synced"));
}

TEST(MemoryStoreTest, DamagedWeightsAreNotRead) {
  MemoryStore store;
  const engine::Network network = TestNetwork();
  const WeightsFile file = *store.WriteWeights("u", "c", network, TestCheckpoint(network));
  EXPECT_THAT(store.weights(), ElementsAre(file.name));
  store.DamageWeights(file.name);
  EXPECT_EQ(store.ReadWeights(file, network).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace chainrule::server
