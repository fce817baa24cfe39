#include "server/models/facts_book.h"

#include "engine/core/executor.h"
#include "gtest/gtest.h"
#include "server/store/memory_store.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

TEST(FactsBookTest, ChangeThatComesAfterTheRemovalIsRefusedAndNothingComesBack) {
  MemoryStore store;
  const engine::Executor executor(1);
  Keeper keeper(&store, &executor, {});
  StoredModel stored;
  stored.facts.uid = "uid";
  stored.facts.id = "iris";
  StoreChange put;
  put.put_model = stored.facts;
  ASSERT_TRUE(store.Apply(put).ok());
  FactsBook book(&keeper, stored);
  ASSERT_TRUE(book.Change([](StoredModel* model, StoreChange* change) {
                    change->remove_model = model->facts.uid;
                    return absl::OkStatus();
                  })
                  .ok());
  const absl::Status late = book.Change([](StoredModel* model, StoreChange* change) {
    change->put_model = model->facts;
    return absl::OkStatus();
  });
  EXPECT_EQ(Reason(late), "MODEL_DELETED");
  EXPECT_TRUE(store.Models()->empty());
}

}  // namespace
}  // namespace chainrule::server
