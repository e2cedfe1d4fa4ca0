#include "job/cloud_instances.h"

#include <gtest/gtest.h>

#include "job/catalog.h"
#include "unit/job/spec_files.h"

namespace perfbench {
namespace {

TEST(CloudInstances, HaveSystemsOfTheCatalog) {
  const Catalog catalog(kDataFolder);
  for (const char* family : {"p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200", "p6e-gb300", "g6e"})
    EXPECT_NO_THROW(catalog.system(system_of_instance(family), family)) << family;
}

TEST(CloudInstances, AreKnownByTheWholeName) {
  EXPECT_EQ(system_of_instance("p5en"), "h200");
  for (const char* other : {"p5enx", "p6", "P5EN", "batch", ""}) EXPECT_EQ(system_of_instance(other), "") << other;
}

}  // namespace
}  // namespace perfbench
