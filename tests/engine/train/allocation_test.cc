// Nothing is allocated in a training step: this executable counts what its operator new
// is asked for.
#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/train/trainer.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace {

std::atomic<int64_t> allocations = 0;

void* Allocate(size_t size, size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory =
      std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

// Not inlined: g++ would see free() of what, as far as it knows, came from another operator new.
[[gnu::noinline]] void Release(void* memory) noexcept { std::free(memory); }

}  // namespace

void* operator new(size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new[](size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete[](void* memory) noexcept { Release(memory); }
void operator delete(void* memory, size_t) noexcept { Release(memory); }
void operator delete[](void* memory, size_t) noexcept { Release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Release(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { Release(memory); }

namespace chainrule::engine {
namespace {

// Of the steps of one epoch but the first two, in which the buffers are made, and the
// last, which ends the epoch.
int64_t AllocationsOfSteps(const NetworkSpec& spec, int threads, int64_t batch_size) {
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 20 * batch_size, 1, /*weighted=*/true);
  const Examples examples = rows.View(spec);
  const Executor executor(threads);
  const Cancellation never;
  Trainer trainer(network, examples, nullptr, {.batch_size = batch_size}, InitialState(network, {}),
                  executor, never);
  EXPECT_TRUE(trainer.Step().ok());
  EXPECT_TRUE(trainer.Step().ok());
  const int64_t before = allocations.load();
  for (int i = 2; i < 19; ++i) EXPECT_TRUE(trainer.Step().ok());
  const int64_t after = allocations.load();
  EXPECT_FALSE(trainer.done());
  return after - before;
}

TEST(AllocationTest, TheCounterCounts) {
  const int64_t before = allocations.load();
  const Matrix matrix(2, 2);
  EXPECT_GT(allocations.load(), before);
}

TEST(AllocationTest, NothingIsAllocatedInAStep) {
  for (const OptimizerKind kind : {OptimizerKind::kSgd, OptimizerKind::kAdam}) {
    for (const Loss loss : AllLosses()) {
      NetworkSpec spec = MakeSpec(50, {300, 40, 10}, Activation::kGelu, LastFor(loss), loss);
      spec.optimizer.kind = kind;
      spec.optimizer.clip_norm = 1.0;
      spec.layers[0].dropout = 0.2F;
      spec.layers[0].l2 = 0.1F;
      EXPECT_EQ(AllocationsOfSteps(spec, 1, 32), 0) << NameOf(loss);
    }
  }
}

TEST(AllocationTest, NorInOneThatIsSharedBetweenThreads) {
  // oneTBB keeps its tasks in pools of its own, not in operator new.
  const NetworkSpec spec = MakeSpec(784, {512, 256, 10}, Activation::kSigmoid, Activation::kSoftmax,
                                    Loss::kCategoricalCrossEntropy);
  EXPECT_EQ(AllocationsOfSteps(spec, 2, 128), 0);
}

}  // namespace
}  // namespace chainrule::engine
