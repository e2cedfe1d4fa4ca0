#include "harness/where.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace perfbench {
namespace {

const std::vector<std::string> kKnown = {"model", "task", "tp", "tp_size", "fsdp", "stack"};

Where parse(const std::string& text) { return parse_where(text, "--where", kKnown); }

const NamedValues kRow = {{"model", "llama3_70b"},
                          {"model", "Llama 3 70B"},
                          {"task", "pretrain"},
                          {"task", "pre_train"},
                          {"tp", "8"},
                          {"fsdp", "1"}};

TEST(Where, NumbersSwitchesAndNamesAgreeByMeaning) {
  for (const char* text : {"model=LLAMA3-70B", "model=llama_3_70b", "task=pre_train", "tp=8.0", "fsdp=true",
                           "model=llama3_70b,task=pretrain, tp = 8", "TP=8"})
    EXPECT_TRUE(matches(parse(text), kRow)) << text;
  for (const char* text : {"model=llama3_8b", "task=sft", "tp=4", "tp=eight", "fsdp=0", "model=llama3_70b,tp=4"})
    EXPECT_FALSE(matches(parse(text), kRow)) << text;
}

TEST(Where, ValuesOfOneNameAreAlternatives) {
  EXPECT_TRUE(matches(parse("tp=4,tp=8"), kRow));
  EXPECT_TRUE(matches(parse("tp=4,tp=8,task=pretrain"), kRow));
  EXPECT_FALSE(matches(parse("tp=4,tp=2"), kRow));
  EXPECT_FALSE(matches(parse("tp=4,tp=8,task=lora"), kRow));
}

TEST(Where, WhatIsLeftOutAgreesWithUnsetOnly) {
  EXPECT_TRUE(matches(parse("stack="), kRow));
  EXPECT_TRUE(matches(parse("stack=-"), kRow));
  EXPECT_FALSE(matches(parse("stack=megatron"), kRow));
  EXPECT_FALSE(matches(parse("tp="), kRow));
}

TEST(Where, EveryProblemAtOnceWithTheNearestNames) {
  try {
    parse("modl=llama3_70b,tp,task=sft");
    FAIL();
  } catch (const InputError& error) {
    ASSERT_EQ(error.problems().size(), 2U);
    EXPECT_EQ(error.problems()[0].where, "--where");
    EXPECT_THAT(error.problems()[0].what, testing::HasSubstr("\"modl\""));
    EXPECT_THAT(error.problems()[0].hint, testing::HasSubstr("model"));
    EXPECT_THAT(error.problems()[1].what, testing::HasSubstr("NAME=VALUE"));
  }
}

}  // namespace
}  // namespace perfbench
