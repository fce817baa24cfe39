#include "engine/blas/blas_runtime.h"

#include <cblas.h>

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

TEST(BlasRuntimeTest, StartsWithOneThreadACall) {
  openblas_set_num_threads(2);
  EXPECT_TRUE(StartBlas(4).ok());
  EXPECT_EQ(openblas_get_num_threads(), 1);
}

}  // namespace
}  // namespace chainrule::engine
