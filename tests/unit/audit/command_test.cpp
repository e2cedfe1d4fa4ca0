#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

AuditInput with_command(const std::string& command) {
  AuditInput input = megatron(kSoundMegatron);
  input.commands.push_back({"r1", "fp8", command, facts().model("llama3_70b")});
  return input;
}

TEST(Command, ANumberThatTheTableDoesNotPrintIsFoundWithWhatFollows) {
  const Findings findings =
      audit_command(with_command("pretrain_llama3_70b --gpu h100 --num_gpus 64 -gb 128 -mb 2 -tp 4"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].column, "MBS");
  EXPECT_EQ(findings[0].consistent, "2");
  EXPECT_NE(findings[0].evidence.find("GA would be 32, not 64"), std::string::npos) << findings[0].evidence;
}

TEST(Command, AnotherSystemAnotherTaskOrAnotherModelIsFound) {
  AuditInput input = with_command("finetune_llama3_8b --gpu b200 -f lora");
  input.commands.front().model = facts().model("llama3_8b");
  std::string columns;
  for (const Finding& finding : audit_command(input))
    if (finding.severity != Severity::info) columns += finding.column + " ";
  EXPECT_EQ(columns, "Model system task ");
}

TEST(Command, WhatStandsBehindAHashIsNotCompared) {
  const Findings findings = audit_command(with_command("pretrain_llama3_70b --gpu h100 --num_gpus 64 # -gb 64 -mb 2"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
}

TEST(Command, InstancesOfAnotherSystemAreRemarkedOn) {
  const Findings findings = audit_command(with_command("pretrain_llama3_70b --partition p5en --gpu h100 -gb 128"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, Severity::info);
  EXPECT_EQ(findings[0].evidence, "the command (fp8) says --gpu h100, and the instances of --partition p5en have h200");
  EXPECT_TRUE(audit_command(with_command("pretrain_llama3_70b --partition p5 --gpu h100 -gb 128")).empty());
}

TEST(Command, ACommandThatAgreesIsSound) {
  EXPECT_TRUE(audit_command(with_command("pretrain_llama3_70b --gpu h100 -gb 128 -mb 1 -pp 8 -vp 5 -ep 1")).empty());
}

}  // namespace
}  // namespace perfbench
