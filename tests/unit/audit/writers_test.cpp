#include "audit/writers.h"

#include <gtest/gtest.h>

#include "unit/audit/tables.h"

namespace perfbench {
namespace {

constexpr std::string_view kBadGa = "LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,32,1621,780";

TEST(AuditWriters, JsonHasTheKeysOfAFinding) {
  const AuditInput input = megatron(kBadGa);
  const Json json = findings_json(input, audit(input));
  const auto& list = std::get<Json::Array>(json.find("findings")->value);
  ASSERT_EQ(list.size(), 1U);
  std::string keys;
  for (const auto& [key, value] : std::get<Json::Object>(list[0].value)) keys += key + " ";
  EXPECT_EQ(keys, "table row column rule severity printed consistent evidence confidence ");
  EXPECT_EQ(json.find("errors")->integer(), 1);
}

TEST(AuditWriters, AJUnitCaseFailsOnlyForFindingsAboveInfo) {
  const AuditInput bad = megatron(kBadGa);
  EXPECT_NE(findings_junit(bad, audit(bad)).find("tests=\"2\" failures=\"1\""), std::string::npos);
  const AuditInput info = megatron("GPT3-175B,512,2048,2,2048,,4,8,1,6,1,64,824,");
  const std::string xml = findings_junit(info, audit(info));
  EXPECT_NE(xml.find("failures=\"0\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("<system-out>"), std::string::npos) << xml;
}

TEST(AuditWriters, JUnitIsXmlWhateverAFileHolds) {
  const AuditInput input = megatron("a<b&\x01\xff,8,1,64,8192,0,1,1,1,1,1,1,1,1");
  const std::string xml = findings_junit(input, audit(input));
  EXPECT_EQ(xml.find('\x01'), std::string::npos);
  EXPECT_EQ(xml.find('\xff'), std::string::npos);
}

TEST(AuditWriters, TheReportGivesTheFactor) {
  const std::string text = flops_report_terminal(megatron("LLAMA3-70B,64,128,1,8192,0,4,8,1,5,1,64,811,780"));
  EXPECT_NE(text.find("1622 tokens/s would fit, twice the printed"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 1 rows within 0.5 %"), std::string::npos) << text;
}

}  // namespace
}  // namespace perfbench
