// What models keep as bytes, as a damaged disk may give it back: records of the log,
// windows of request ids, settings, lifecycle answers. The first byte says which. They are
// read, to something that can be written again, or refused with DATA_LOSS.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/check.h"
#include "server/models/description_codec.h"
#include "server/models/outcome_codec.h"
#include "server/models/record.h"
#include "server/models/settings_json.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/server/models/random_records.h"

namespace chainrule::fuzz {
namespace {

using server::TestSettings;
using server::WriteWindow;

constexpr uint32_t kRecords = 12;  // of each kind one at least

const engine::Network& TheNetwork() {
  static const engine::Network network(TestSettings()->network);
  return network;
}

WriteWindow NewWindow() { return {8, absl::InfiniteDuration()}; }

void Expect(const absl::Status& status) {
  CHAINRULE_CHECK(status.ok() || status.code() == absl::StatusCode::kDataLoss);
}

void TestRecord(absl::string_view bytes) {
  const auto header = server::DecodeRecordHeader(bytes);
  const auto record = server::DecodeRecord(TheNetwork(), bytes);
  Expect(header.status());
  Expect(record.status());
  if (!record.ok()) return;
  CHAINRULE_CHECK(header.ok() && header->uid == record->header.uid);
  const std::string again = server::EncodeRecord(TheNetwork(), *record);
  CHAINRULE_CHECK(server::DecodeRecord(TheNetwork(), again).ok());
}

void TestWindow(absl::string_view bytes) {
  WriteWindow window = NewWindow();
  const absl::Status status = server::DecodeWindow(TheNetwork(), bytes, &window);
  Expect(status);
  if (!status.ok()) return;
  WriteWindow again = NewWindow();
  const std::string encoded = server::EncodeWindow(TheNetwork(), window);
  CHAINRULE_CHECK(server::DecodeWindow(TheNetwork(), encoded, &again).ok());
  CHAINRULE_CHECK(again.size() == window.size());
}

void TestSettingsText(absl::string_view bytes) {
  const auto stored = server::DecodeSettings(bytes);
  Expect(stored.status());
  if (!stored.ok()) return;
  const std::string again = server::EncodeSettings(*stored->settings, *stored->normalization);
  CHAINRULE_CHECK(server::DecodeSettings(again).ok());
}

void TestLifecycle(absl::string_view bytes) {
  const auto outcome = server::DecodeLifecycle(bytes);
  Expect(outcome.status());
  if (!outcome.ok()) return;
  CHAINRULE_CHECK(server::DecodeLifecycle(server::EncodeLifecycle(*outcome)).ok());
}

const std::vector<std::function<void(absl::string_view)>>& Tests() {
  static const std::vector<std::function<void(absl::string_view)>> tests = {
      TestRecord, TestWindow, TestSettingsText, TestLifecycle};
  return tests;
}

std::string Seed(int test, const std::string& bytes) {
  return std::string(1, static_cast<char>(test)) + bytes;
}

std::string SoundWindow() {
  WriteWindow window = NewWindow();
  server::RandomRecords random(3);
  for (int i = 0; i < 6; ++i) {
    window.Store("id" + std::to_string(i), {1, 2}, random.Outcome(TheNetwork()),
                 absl::FromUnixSeconds(i));
  }
  return server::EncodeWindow(TheNetwork(), window);
}

server::LifecycleOutcome SoundOutcome() {
  server::LifecycleOutcome outcome;
  outcome.model.id = "iris";
  outcome.model.settings = TestSettings();
  outcome.model.normalization = std::make_shared<engine::Normalization>();
  outcome.model.labels = {{"a", "b"}};
  outcome.model.aliases = {{"prod", 1}};
  outcome.version.number = 1;
  return outcome;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (uint32_t i = 0; i < kRecords; ++i) {
    const server::Record record = server::RandomRecords(i).Any(TheNetwork());
    seeds.push_back(Seed(0, server::EncodeRecord(TheNetwork(), record)));
  }
  seeds.push_back(Seed(1, SoundWindow()));
  seeds.push_back(Seed(2, server::EncodeSettings(*TestSettings(), engine::Normalization())));
  seeds.push_back(Seed(3, server::EncodeLifecycle(SoundOutcome())));
  return seeds;
}

void TestOneInput(absl::string_view bytes) {
  if (bytes.empty()) return;
  const size_t test = static_cast<unsigned char>(bytes[0]) % Tests().size();
  Tests()[test](bytes.substr(1));
}

}  // namespace chainrule::fuzz
