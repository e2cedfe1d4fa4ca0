#include "cli/flags_parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace perfbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The text of the error; "" when the arguments are accepted.
std::string error_of(const std::vector<std::string>& args) {
  try {
    parse_command_line(args);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ParseCommandLine, FillsTheRequestWithOrigins) {
  const CommandLine line = parse_command_line({"--model", "llama3_70b", "-g", "h100", "-tp", "4", "--gbs", "1,024",
                                               "-f", "sft", "-fsdp", "yes", "-rm", "core_attn/mlp", "moe"});
  EXPECT_EQ(line.command, Command::row);
  EXPECT_EQ(line.request.model, "llama3_70b");
  EXPECT_EQ(line.request.tp, 4);
  EXPECT_EQ(line.request.gbs, 1024);
  EXPECT_EQ(line.request.task, Task::sft);
  EXPECT_EQ(line.request.fsdp, true);
  EXPECT_THAT(*line.request.recompute_modules, ElementsAre("core_attn", "mlp", "moe"));
  EXPECT_EQ(line.request.origins.at("tp"), "flag -tp");
  EXPECT_EQ(line.request.origins.at("system"), "flag -g");
}

TEST(ParseCommandLine, TakesTheLastOfRepeatedFlags) {
  const CommandLine line = parse_command_line({"-tp", "4", "--tensor_parallel_size", "8", "-d", "-d"});
  EXPECT_EQ(line.request.tp, 8);
  EXPECT_EQ(line.request.origins.at("tp"), "flag --tensor_parallel_size");
  EXPECT_TRUE(line.options.dryrun);
}

TEST(ParseCommandLine, KeepsClusterFlagsForTheLauncher) {
  const CommandLine line =
      parse_command_line({"-a", "me", "-p", "p5en", "-i", "./x.sqsh", "-hf", "abc", "-cm", "/a:/a,/b:/b", "-ms", "50",
                          "-en", "--additional_slurm_params", "a=1;b"});
  EXPECT_EQ(line.launch.account, "me");
  EXPECT_EQ(line.launch.hf_token->hidden, "abc");
  EXPECT_THAT(*line.launch.custom_mounts, ElementsAre("/a:/a", "/b:/b"));
  EXPECT_EQ(line.launch.max_steps, 50);
  EXPECT_TRUE(line.launch.enable_nsys);
  EXPECT_EQ(line.launch.additional_slurm_params, "a=1;b");
}

TEST(ParseCommandLine, FindsSubcommands) {
  EXPECT_EQ(parse_command_line({"check", "a.csv", "b.csv"}).command, Command::check);
  EXPECT_THAT(parse_command_line({"--json", "check", "a.csv", "b.csv"}).words, ElementsAre("a.csv", "b.csv"));
  EXPECT_EQ(parse_command_line({"show", "program", "-tp", "4"}).command, Command::show_program);
  EXPECT_EQ(parse_command_line({"export", "a.csv", "-o", "b.csv"}).options.output, "b.csv");
  EXPECT_EQ(parse_command_line({"doctor"}).command, Command::doctor);
}

TEST(ParseCommandLine, NamesTheFlagOfAWrongValue) {
  EXPECT_EQ(error_of({"-tp", "four"}), "perfbench: error: -tp: \"four\" is no whole number\n");
  EXPECT_THAT(error_of({"-tp", "8.5"}), HasSubstr("-tp: \"8.5\" is no whole number"));
  EXPECT_EQ(error_of({"-tp", "8.0"}), "");
  EXPECT_THAT(error_of({"-pp", "-4"}), HasSubstr("at least 1"));
  EXPECT_THAT(error_of({"-vp", "0"}), HasSubstr("-vp"));
  EXPECT_THAT(error_of({"-gb", "99999999999999999999"}), HasSubstr("64 bits"));
  EXPECT_THAT(error_of({"-cg", "maybe"}), HasSubstr("neither true nor false"));
  EXPECT_THAT(error_of({"-c", "fp9"}), HasSubstr("did you mean fp8"));
}

TEST(ParseCommandLine, TakesNumbersAndPartsOfALayer) {
  const CommandLine line = parse_command_line(
      {"--moe_capacity", "1.25", "--gate_imbalance", "0.5", "--cuda_graph_modules", "attn", "moe_router"});
  EXPECT_EQ(line.request.moe_capacity, 1.25);
  EXPECT_EQ(line.request.gate_imbalance, 0.5);
  EXPECT_EQ(line.request.origins.at("moe_capacity"), "flag --moe_capacity");
  EXPECT_THAT(*line.request.cuda_graph_modules, ElementsAre("attn", "moe_router"));
  EXPECT_THAT(error_of({"--moe_capacity", "1.0x"}), HasSubstr("\"1.0x\" is no number"));
  EXPECT_THAT(error_of({"--moe_dispatcher", "alltoall"}), HasSubstr("did you mean all_to_all"));
}

TEST(ParseCommandLine, RefusesAnImbalanceOfWhatIsMeasured) {
  EXPECT_THAT(error_of({"--mode", "measure", "--gate_imbalance", "0.5"}),
              HasSubstr("has a meaning for predictions only, not for --mode measure"));
  EXPECT_THAT(error_of({"verify", "folder", "--gate_imbalance", "0.5"}), HasSubstr("has no meaning for verify"));
}

TEST(ParseCommandLine, ReportsAllProblemsAtOnce) {
  const std::string error = error_of({"-tp", "four", "-zz", "-pp", "none", "--json", "--csv"});
  for (const char* part : {"-tp: ", "-zz: ", "-pp: ", "--json, --csv: "}) EXPECT_THAT(error, HasSubstr(part));
}

TEST(ParseCommandLine, RefusesContradictionsAndStrayWords) {
  EXPECT_THAT(error_of({"--task", "lora", "-f", "sft"}), HasSubstr("contradicts"));
  EXPECT_EQ(error_of({"--task", "sft", "-f", "sft"}), "");
  EXPECT_THAT(error_of({"chek", "a.csv"}), HasSubstr("did you mean check?"));
  EXPECT_THAT(error_of({"llama3_70b"}), HasSubstr("--model llama3_70b"));
  EXPECT_THAT(error_of({"doctor", "-tp", "4"}), HasSubstr("-tp: has no meaning for doctor"));
  EXPECT_THAT(error_of({"-o", "x"}), HasSubstr("has no meaning"));
  EXPECT_THAT(error_of({"check"}), HasSubstr("needs a table"));
}

// The value of a misspelt secret flag must not come back as a stray word.
TEST(ParseCommandLine, DoesNotEchoTheValueOfAnUnknownFlag) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--hf_tokn", "MARKER"}, {"--hf_tokn=MARKER"}, {"-hff", "MARKER", "-tp", "x"}}) {
    EXPECT_THAT(error_of(args), HasSubstr("did you mean"));
    EXPECT_THAT(error_of(args), Not(HasSubstr("MARKER")));
  }
}

TEST(ParseCommandLine, HelpWinsOverProblems) {
  EXPECT_TRUE(parse_command_line({"-tp", "four", "--help"}).options.help);
}

}  // namespace
}  // namespace perfbench
