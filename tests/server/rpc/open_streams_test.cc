#include "server/rpc/open_streams.h"

#include <gtest/gtest.h>

namespace chainrule::server {
namespace {

class Counter : public EndableStream {
 public:
  void EndForStop() override { ++ends; }
  int ends = 0;
};

TEST(OpenStreamsTest, EndsThoseThatAreOpen) {
  OpenStreams streams;
  Counter open;
  Counter closed;
  streams.Add(&open);
  streams.Add(&closed);
  streams.Remove(&closed);
  streams.EndAll();
  EXPECT_EQ(open.ends, 1);
  EXPECT_EQ(closed.ends, 0);
}

TEST(OpenStreamsTest, EndsWhatComesLaterAtOnce) {
  OpenStreams streams;
  streams.EndAll();
  Counter late;
  streams.Add(&late);
  EXPECT_EQ(late.ends, 1);
}

}  // namespace
}  // namespace chainrule::server
