// A log that was damaged: what can be read is read, what is lost is told, with its place
// and, as far as can be known, whose it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/log_format.h"
#include "server/store/log_reader.h"
#include "server/store/train_log.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFolder[] = "log";

std::string PathOf(uint64_t segment) { return absl::StrCat(kFolder, "/", SegmentName(segment)); }
std::string OwnerOf(uint64_t sequence) {
  return std::string(1, static_cast<char>('a' + sequence % 3));
}
std::string PayloadOf(uint64_t sequence) {
  return absl::StrCat("record ", sequence, std::string(20 + sequence % 7, '!'));
}

// Appends records up to `last`, each in a group of its own, and ends.
void Append(FileSystem* files, uint64_t last, int64_t segment_bytes,
            const std::string& folder = kFolder) {
  const auto ignore = [](const LogRecord&) { return absl::OkStatus(); };
  const absl::StatusOr<LogEnd> end = ReadLog(files, folder, LogRepair::kCut, ignore);
  ASSERT_TRUE(end.ok()) << end.status();
  TrainLog::Options options;
  options.folder = folder;
  options.segment_bytes = segment_bytes;
  auto log = TrainLog::Open(options, files, *end);
  ASSERT_TRUE(log.ok()) << log.status();
  for (uint64_t next = end->last_sequence + 1; next <= last; ++next) {
    const RecordKey key = {OwnerOf(next), (next + 2) / 3, static_cast<int64_t>(next)};
    (*log)->Append(key, PayloadOf(next), [](const absl::Status&, uint64_t) {});
    ASSERT_TRUE((*log)->Flush().ok());
  }
}

struct Reading {
  std::map<uint64_t, RecordPlace> places;
  LogEnd end;

  bool Lost(uint64_t sequence) const {
    return std::ranges::any_of(end.damage, [&](const LogDamage& damage) {
      return damage.first <= sequence && sequence <= damage.last;
    });
  }
};

Reading Read(FileSystem* files, const std::string& folder = kFolder,
             LogRepair repair = LogRepair::kNone, LogTail tail = LogTail::kAny) {
  Reading reading;
  const auto visit = [&](const LogRecord& record) {
    EXPECT_TRUE(reading.places.empty() || record.sequence > reading.places.rbegin()->first);
    EXPECT_EQ(record.payload, PayloadOf(record.sequence));
    EXPECT_EQ(record.key.owner, OwnerOf(record.sequence));
    EXPECT_EQ(*ReadPayload(files, folder, record.place), record.payload);
    reading.places[record.sequence] = record.place;
    return absl::OkStatus();
  };
  absl::StatusOr<LogEnd> end = ReadLog(files, folder, repair, visit, tail);
  EXPECT_TRUE(end.ok()) << end.status();
  if (end.ok()) reading.end = *std::move(end);
  return reading;
}

TEST(LogDamageTest, DamagedPayloadIsSkippedAndTellsWhoseItWas) {
  MemoryFileSystem files;
  Append(&files, 8, 1 << 20);
  const RecordPlace place = Read(&files).places.at(4);
  files.Damage(PathOf(1), place.offset + kFrameHeadBytes + 5);
  const Reading reading = Read(&files);
  EXPECT_EQ(reading.places.size(), 7U);
  ASSERT_THAT(reading.end.damage, SizeIs(1));
  const LogDamage& damage = reading.end.damage[0];
  EXPECT_EQ(damage.what, absl::StrCat(PathOf(1), ": a damaged record at byte ", place.offset));
  EXPECT_EQ(damage.first, 4U);
  EXPECT_EQ(damage.last, 4U);
  ASSERT_TRUE(damage.owners_known);
  ASSERT_THAT(damage.owners, SizeIs(1));
  EXPECT_EQ(damage.owners[0].owner, OwnerOf(4));
  EXPECT_EQ(damage.owners[0].step, 4);
}

// Whatever byte is turned over: each record is read, or told to be lost, with its owner, or
// was the last one, of which nothing says that it was ever there.
TEST(LogDamageTest, NoByteTurnsOverUnseen) {
  MemoryFileSystem files;
  Append(&files, 14, 700);
  const size_t segments = files.List(kFolder)->size();
  ASSERT_GE(segments, 3U);
  for (uint64_t segment = 1; segment <= segments; ++segment) {
    for (int64_t byte = 0; byte < *files.Size(PathOf(segment)); ++byte) {
      files.Damage(PathOf(segment), byte);
      const Reading reading = Read(&files);
      files.Damage(PathOf(segment), byte);  // as it was
      for (uint64_t sequence = 1; sequence < 14; ++sequence) {
        EXPECT_NE(reading.places.contains(sequence), reading.Lost(sequence))
            << "record " << sequence << ", byte " << byte << " of segment " << segment;
      }
      for (const LogDamage& damage : reading.end.damage) {
        EXPECT_THAT(damage.what, HasSubstr(kFolder));
        if (segment == segments && byte < kSegmentHeaderBytes) continue;
        EXPECT_TRUE(damage.owners_known) << damage.what;
        for (uint64_t lost = damage.first; lost <= damage.last; ++lost) {
          EXPECT_FALSE(CheckComplete(reading.end.damage, OwnerOf(damage.last), 0, 0).ok());
        }
      }
    }
  }
}

TEST(LogDamageTest, NobodyWhoLostARecordIsTakenForComplete) {
  MemoryFileSystem files;
  constexpr uint64_t kRecords = 40;
  Append(&files, kRecords, 1500);
  const size_t segments = files.List(kFolder)->size();
  const auto turn_over = [&](uint64_t segment, int64_t begin, int64_t end) {
    for (int64_t byte = begin; byte < end; ++byte) files.Damage(PathOf(segment), byte);
  };
  for (uint64_t segment = 1; segment <= segments; ++segment) {
    const int64_t size = *files.Size(PathOf(segment));
    for (int64_t begin = 0; begin < size; begin += 37) {
      turn_over(segment, begin, std::min(begin + 400, size));
      const Reading reading = Read(&files);
      turn_over(segment, begin, std::min(begin + 400, size));
      std::map<std::string, uint64_t> last_read, last;
      for (uint64_t sequence = 1; sequence <= kRecords; ++sequence) {
        // What nothing behind it tells of was never acknowledged.
        if (sequence > reading.end.last_sequence) break;
        last[OwnerOf(sequence)] = sequence;
        if (reading.places.contains(sequence)) last_read[OwnerOf(sequence)] = sequence;
      }
      for (const auto& [owner, sequence] : last) {
        if (last_read[owner] == sequence) continue;
        EXPECT_FALSE(CheckComplete(reading.end.damage, owner, 0, last_read[owner]).ok())
            << owner << " lost record " << sequence << ", bytes from " << begin << " of segment "
            << segment;
      }
    }
  }
}

TEST(LogDamageTest, InAnotherBootTheTailIsCutWhereNothingTellsThatItWasSynced) {
  MemoryFileSystem files;
  Append(&files, 6, 1 << 20);
  const int64_t last = Read(&files).places.at(6).offset;
  const int64_t size = *files.Size(PathOf(1));
  files.Damage(PathOf(1), last + 3);
  for (const LogRepair repair : {LogRepair::kNone, LogRepair::kCut}) {
    const Reading reading = Read(&files, kFolder, repair);
    EXPECT_THAT(reading.end.damage, IsEmpty());
    EXPECT_EQ(reading.end.last_sequence, 5U);
    EXPECT_EQ(reading.end.torn_tail, absl::StrCat(PathOf(1), ": a torn tail of ", size - last,
                                                  " bytes from byte ", last, " on"));
  }
  EXPECT_EQ(*files.Size(PathOf(1)), last);
  EXPECT_EQ(Read(&files).end.torn_tail, "");
}

TEST(LogDamageTest, InTheSameBootAWholeRecordIsNoTornTail) {
  MemoryFileSystem files;
  Append(&files, 6, 1 << 20);
  const int64_t last = Read(&files).places.at(6).offset;
  const int64_t size = *files.Size(PathOf(1));
  files.Damage(PathOf(1), size - 1);
  for (const LogRepair repair : {LogRepair::kNone, LogRepair::kCut, LogRepair::kRewrite}) {
    const Reading reading = Read(&files, kFolder, repair, LogTail::kPrefix);
    ASSERT_THAT(reading.end.damage, SizeIs(1));
    const LogDamage& damage = reading.end.damage[0];
    EXPECT_EQ(damage.what, absl::StrCat(PathOf(1), ": a damaged record at byte ", last));
    EXPECT_FALSE(CheckComplete(reading.end.damage, OwnerOf(6), 0, 3).ok());
    EXPECT_TRUE(CheckComplete(reading.end.damage, OwnerOf(5), 0, 5).ok());
    EXPECT_EQ(reading.end.torn_tail, "");
    EXPECT_EQ(*files.Size(PathOf(1)), size);
  }
}

// The last record included, and whatever bit: one of them is that which says where its head
// ends.
TEST(LogDamageTest, InTheSameBootNoBitOfTheLastSegmentTurnsOverUnseen) {
  MemoryFileSystem files;
  Append(&files, 6, 1 << 20);
  const std::string sound = *files.Read(PathOf(1), 0, 1 << 20);
  for (size_t bit = 8 * kSegmentHeaderBytes; bit < 8 * sound.size(); ++bit) {
    std::string damaged = sound;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_TRUE(WriteFileAtomically(files, PathOf(1), {damaged}).ok());
    const Reading reading = Read(&files, kFolder, LogRepair::kCut, LogTail::kPrefix);
    EXPECT_THAT(reading.end.damage, SizeIs(1)) << "bit " << bit;
    EXPECT_EQ(reading.end.torn_tail, "") << "bit " << bit;
    EXPECT_EQ(*files.Size(PathOf(1)), static_cast<int64_t>(sound.size())) << "bit " << bit;
    for (uint64_t sequence = 1; sequence <= 6; ++sequence) {
      EXPECT_NE(reading.places.contains(sequence), reading.Lost(sequence))
          << "record " << sequence << ", bit " << bit;
    }
  }
}

TEST(LogDamageTest, InTheSameBootAWriteThatEndedAnywhereIsATornTail) {
  MemoryFileSystem files;
  Append(&files, 6, 1 << 20);
  const std::string whole = *files.Read(PathOf(1), 0, 1 << 20);
  const std::map<uint64_t, RecordPlace> places = Read(&files).places;
  const auto end_of_fifth = static_cast<size_t>(places.at(5).offset + kFrameHeadBytes + 1) +
                            PayloadOf(5).size();  // behind it an index, and the last record
  for (size_t size = end_of_fifth + 1; size < whole.size(); ++size) {
    ASSERT_TRUE(WriteFileAtomically(files, PathOf(1), {whole.substr(0, size)}).ok());
    const Reading reading = Read(&files, kFolder, LogRepair::kCut, LogTail::kPrefix);
    EXPECT_THAT(reading.end.damage, IsEmpty()) << size;
    EXPECT_EQ(reading.places.size(), 5U) << size;
    const int64_t left = *files.Size(PathOf(1));
    EXPECT_TRUE(left == static_cast<int64_t>(end_of_fifth) || left == places.at(6).offset) << size;
    EXPECT_EQ(reading.end.torn_tail.empty(), left == static_cast<int64_t>(size)) << size;
  }
}

TEST(LogDamageTest, AfterADamagedLastRecordTheLogGoesOnAndTheDamageIsToldAgain) {
  for (const int64_t place : {3, 60}) {  // in its head, and behind it
    MemoryFileSystem files;
    Append(&files, 6, 1 << 20);
    files.Damage(PathOf(1), Read(&files).places.at(6).offset + place);
    const LogEnd end = Read(&files, kFolder, LogRepair::kRewrite, LogTail::kPrefix).end;
    const uint64_t next = end.last_sequence + 1;
    EXPECT_EQ(
        (*TrainLog::Open({.folder = kFolder}, &files, end))
            ->Append({OwnerOf(next), 3, 0}, PayloadOf(next), [](const absl::Status&, uint64_t) {}),
        next);
    for (const LogTail tail : {LogTail::kPrefix, LogTail::kAny}) {
      const Reading reading = Read(&files, kFolder, LogRepair::kCut, tail);
      EXPECT_TRUE(reading.Lost(6));
      EXPECT_EQ(reading.places.size(), 6U);
      EXPECT_TRUE(reading.places.contains(next));
    }
  }
}

// What is behind a damage tells that it is none of a torn tail, so it is not cut off.
TEST(LogDamageTest, WhatTellsOfADamageStays) {
  MemoryFileSystem files;
  Append(&files, 6, 1 << 20);
  const int64_t fifth = Read(&files).places.at(5).offset;
  const int64_t payload = fifth + kFrameHeadBytes + 1;  // behind an owner of one letter
  files.Damage(PathOf(1), payload);
  files.Damage(PathOf(1), payload + static_cast<int64_t>(PayloadOf(5).size()) + 9);
  for (int i = 0; i < 3; ++i) {
    const Reading reading = Read(&files, kFolder, i == 1 ? LogRepair::kRewrite : LogRepair::kCut);
    EXPECT_TRUE(reading.Lost(5));
    EXPECT_TRUE(reading.places.contains(6));
  }
}

TEST(LogDamageTest, AMissingSegmentIsToldWithItsOwners) {
  MemoryFileSystem files;
  Append(&files, 20, 700);
  ASSERT_TRUE(files.Remove(PathOf(2)).ok());
  const Reading reading = Read(&files);
  ASSERT_THAT(reading.end.damage, SizeIs(1));
  const LogDamage& damage = reading.end.damage[0];
  EXPECT_THAT(damage.what, HasSubstr("records are missing"));
  EXPECT_TRUE(damage.owners_known);
  EXPECT_EQ(reading.places.size(), 20 - (damage.last - damage.first + 1));
}

TEST(LogDamageTest, TheDamageStaysWhereItIsAndTheLogGoesOn) {
  MemoryFileSystem files;
  Append(&files, 20, 700);
  const RecordPlace place = Read(&files).places.at(5);
  files.Damage(PathOf(place.segment), place.offset + 1);
  for (const LogRepair repair : {LogRepair::kCut, LogRepair::kRewrite}) {
    Read(&files, kFolder, repair);
    const Reading again = Read(&files);
    ASSERT_THAT(again.end.damage, SizeIs(1));
    EXPECT_EQ(again.end.damage[0].first, 5U);
    EXPECT_EQ(again.places.size(), again.end.last_sequence - 1);
  }
  Append(&files, 30, 700);
  EXPECT_EQ(Read(&files).places.size(), 29U);
}

TEST(LogDamageTest, WhatIsNeededStaysAndWhatIsBehindItLeavesAStub) {
  MemoryFileSystem files;
  Append(&files, 40, 700);
  const LogEnd end = Read(&files).end;
  ASSERT_GE(end.segments.size(), 6U);
  TrainLog::Options options;
  options.folder = kFolder;
  {
    auto log = *TrainLog::Open(options, &files, end);
    const uint64_t kept = end.segments[1].first_sequence;
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(log->Rotate().ok());
      ASSERT_TRUE(log->RemoveBefore(41, {{kept, kept}}).ok());
      EXPECT_THAT(*files.List(kFolder), SizeIs(3)) << "the kept one, a stub, the current one";
    }
  }
  const Reading reading = Read(&files);
  EXPECT_THAT(reading.end.damage, IsEmpty());
  EXPECT_EQ(reading.places.begin()->first, end.segments[1].first_sequence);
  EXPECT_EQ(reading.places.rbegin()->first, end.segments[2].first_sequence - 1);
  EXPECT_EQ(reading.end.last_sequence, 40U);
  auto log = *TrainLog::Open(options, &files, reading.end);
  ASSERT_TRUE(log->RemoveBefore(41, {}).ok());
  EXPECT_THAT(*files.List(kFolder), SizeIs(1)) << "nothing is needed any more";
}

TEST(LogDamageTest, ASectorThatCannotBeReadIsDamageLikeAnyOther) {
  FaultyFileSystem files;
  const std::string folder = testing::TempDir() + "/log_damage_test_sectors";
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(files.MakeFolder(folder).ok());
  Append(&files, 300, 1 << 20, folder);
  const std::string path = absl::StrCat(folder, "/", SegmentName(1));
  files.LoseSector(path, 9000);
  const Reading reading = Read(&files, folder);
  ASSERT_THAT(reading.end.damage, SizeIs(1));
  EXPECT_TRUE(reading.end.damage[0].owners_known);
  EXPECT_EQ(reading.places.size(),
            300 - (reading.end.damage[0].last - reading.end.damage[0].first + 1));
  EXPECT_EQ(reading.end.last_sequence, 300U);
  std::filesystem::remove_all(folder);
}

// --- Format 1 ---

std::string OldSegment(uint64_t first, uint64_t last) {
  std::string bytes;
  AppendRecord(0, 0, absl::StrCat("chainrule log 1 ", first, " ", first - 1), &bytes);
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    AppendRecord(sequence, sequence - 1, PayloadOf(sequence), &bytes);
  }
  return bytes;
}

TEST(LogDamageTest, OldSegmentsAreReadUpToTheirDamage) {
  MemoryFileSystem files;
  ASSERT_TRUE(files.MakeFolder(kFolder).ok());
  for (uint64_t segment = 1; segment <= 2; ++segment) {
    auto file = *files.Create(PathOf(segment));
    const uint64_t first = segment == 1 ? 1 : 6;
    ASSERT_TRUE(file->Append(OldSegment(first, first + 4)).ok() && file->Sync().ok());
  }
  std::vector<uint64_t> read;
  const auto visit = [&](const LogRecord& record) {
    EXPECT_EQ(record.payload, PayloadOf(record.sequence));
    read.push_back(record.sequence);
    return absl::OkStatus();
  };
  EXPECT_THAT(ReadLog(&files, kFolder, LogRepair::kNone, visit)->damage, IsEmpty());
  EXPECT_EQ(read.size(), 10U);
  read.clear();
  files.Damage(PathOf(1), 150);
  const LogEnd end = *ReadLog(&files, kFolder, LogRepair::kNone, visit);
  ASSERT_THAT(end.damage, SizeIs(1));
  EXPECT_FALSE(end.damage[0].owners_known);
  EXPECT_EQ(end.damage[0].last, 5U);
  EXPECT_THAT(read, ElementsAre(1, 6, 7, 8, 9, 10));
}

// --- Who is complete ---

TEST(CheckCompleteTest, KnownOwnersAreTheOnlyOnesConcerned) {
  const std::vector<LogDamage> damage = {{"here", 5, 7, true, {{"a", 6, 1}}}};
  EXPECT_EQ(CheckComplete(damage, "a", 0, 4).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(CheckComplete(damage, "a", 0, 4).message()), HasSubstr("here"));
  EXPECT_TRUE(CheckComplete(damage, "a", 6, 4).ok()) << "its checkpoint has it";
  EXPECT_TRUE(CheckComplete(damage, "b", 0, 0).ok());
}

TEST(CheckCompleteTest, WithoutOwnersWhoHasNothingBehindTheDamageIsConcerned) {
  const std::vector<LogDamage> damage = {{"here", 5, 7, false, {}}};
  EXPECT_FALSE(CheckComplete(damage, "a", 0, 4).ok());
  EXPECT_FALSE(CheckComplete(damage, "a", 6, 0).ok());
  EXPECT_TRUE(CheckComplete(damage, "a", 7, 0).ok());
  EXPECT_TRUE(CheckComplete(damage, "a", 0, 8).ok()) << "its numbers tell the rest";
}

TEST(CheckCompleteTest, DamageThatLostNothingConcernsNobody) {
  EXPECT_TRUE(CheckComplete({{"here", 5, 4, false, {}}}, "a", 0, 0).ok());
}

}  // namespace
}  // namespace chainrule::server
