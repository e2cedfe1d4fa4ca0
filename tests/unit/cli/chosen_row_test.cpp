// Which row of the project's own config tables a command line starts from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/text.h"
#include "cli/asked.h"
#include "cli/flags_parse.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  return kCatalog;
}

// "fp8cs megatron_2504 x64, tp 2 pp 4 cp 2 vp 5 mbs 1 fsdp" of the row that is chosen.
std::string chosen(const std::string& flags) {
  const CommandLine line = parse_command_line(split(flags, ' '));
  const Request asked = asked_request(line);
  const ConfigTable table = read_config_table(catalog().config_table(asked.system.value()));
  const RowChoice choice = choose_row(asked, table, catalog(), compat_of(line.options));
  if (!choice.row) return "no row";
  const Request& row = choice.row->request;
  return fmt::format("{} {} x{}, tp {} pp {} cp {} vp {} mbs {}{}", name(asked_precision(row).value()),
                     row.stack.value(), row.num_gpus.value(), row.tp.value_or(1), row.pp.value_or(1),
                     row.cp.value_or(1), row.vp.value_or(1), row.mbs.value_or(1),
                     row.fsdp.value_or(false) ? " fsdp" : "");
}

struct Choice {
  const char* flags;
  const char* row;
};

void PrintTo(const Choice& choice, std::ostream* stream) { *stream << choice.flags; }

constexpr const char* k70bOnB200 = "fp8cs megatron_2504 x64, tp 2 pp 4 cp 2 vp 5 mbs 1";
constexpr const char* k70bDelayed = "fp8ds megatron_2504 x64, tp 2 pp 4 cp 2 vp 5 mbs 1";
constexpr const char* k70bFsdp = "fp8ds megatron_2504 x64, tp 1 pp 1 cp 1 vp 1 mbs 1 fsdp";
constexpr const char* k70bOnH100 = "fp8cs megatron_2504 x64, tp 4 pp 8 cp 1 vp 5 mbs 1";
constexpr const char* k8bOnB200 = "fp8cs megatron_2504 x8, tp 1 pp 1 cp 1 vp 1 mbs 2";
constexpr const char* k8bOnH100 = "fp8cs megatron_2504 x8, tp 1 pp 1 cp 2 vp 1 mbs 1";
constexpr const char* kLora8b = "fp8cs megatron_2504 x8, tp 1 pp 1 cp 1 vp 1 mbs 1";
constexpr const char* kLora8bOneGpu = "bf16 automodel x1, tp 1 pp 1 cp 1 vp 1 mbs 2";
constexpr const char* kLora70b = "fp8cs megatron_2504 x8, tp 2 pp 4 cp 1 vp 20 mbs 1";
constexpr const char* kLora70bTwoNodes = "bf16 automodel x16, tp 2 pp 4 cp 1 vp 10 mbs 1";
constexpr const char* kLora32bTwoNodes = "bf16 automodel x16, tp 1 pp 4 cp 1 vp 8 mbs 1";
constexpr const char* kWan = "bf16 megatron_2504 x128, tp 2 pp 1 cp 4 vp 1 mbs 1";

class ChosenRow : public testing::TestWithParam<Choice> {};

TEST_P(ChosenRow, IsTheOneOfTheTable) { EXPECT_EQ(chosen(GetParam().flags), GetParam().row); }

// What README.md, docs and the suite for GPUs ask for.
INSTANTIATE_TEST_SUITE_P(
    Documented, ChosenRow,
    testing::Values(
        Choice{"--model llama3_70b --gpu h100 -tp 4 -pp 8", k70bOnH100},
        Choice{"--model llama3_8b --gpu b200", k8bOnB200}, Choice{"--model llama3_8b --gpu h100", k8bOnH100},
        Choice{"--model llama3_70b --gpu h100 -tp 8 -pp 4 -vp 1 --num_gpus 128 -gb 256", k70bOnH100},
        Choice{"--model llama3_8b --gpu h100 --task lora --lora_targets q_proj,v_proj", kLora8b},
        Choice{"--mode measure --device cuda --gpu h100 --model llama3_8b --task lora --num_gpus 1 -mb 2 -gb 32 "
               "--seq_len 4096",
               kLora8bOneGpu},
        Choice{"--mode slice --stage all --gpu h100 --model llama3_70b -tp 4 -pp 8 -vp 5 -ng 64", k70bOnH100},
        Choice{"--mode slice --model llama3_70b --gpu h100 -tp 4 -pp 8 -c fp8", k70bOnH100},
        Choice{"--gpu h100 --model llama3_8b --task lora --stack perfbench --num_gpus 1 -tp 1 -pp 1 -c bf16 -mb 2 "
               "--packed false",
               kLora8bOneGpu},
        Choice{
            "--gpu h100 --model llama3_70b --task pretrain --stack perfbench -c fp8cs -ng 64 -tp 4 -pp 8 -vp 5 -mb 1 "
            "-gb 128 --seq_len 8192",
            k70bOnH100},
        Choice{"--compat nemo python -m scripts.performance.llm.pretrain_llama3_8b --gpu b200 -c fp8",
               "fp8ds megatron_2504 x8, tp 1 pp 1 cp 1 vp 1 mbs 2"}));

// A flag that tunes, and one that lays out, leaves precision and stack as they are.
INSTANTIATE_TEST_SUITE_P(
    PrecisionBeforeLayout, ChosenRow,
    testing::Values(
        Choice{"--model llama3_70b --gpu b200", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -sharp 1", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -ubr 1", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -fsdp 1 -tp 1 -pp 1 -cp 1 -vp 1", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -rl 10", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -cg 0", k70bOnB200},
        Choice{"--model llama3_70b --gpu b200 -fr ds", k70bFsdp},
        Choice{"--model llama3_70b --gpu b200 -fr ds -fsdp 0", k70bDelayed},
        Choice{"--model llama3_70b --gpu b200 -fr ds -tp 2", k70bDelayed},
        Choice{"--model llama3_70b --gpu b200 -fr ds -tp 2 -fsdp 1 -pp 1", k70bFsdp},
        Choice{"--model llama3_8b --gpu h100 --task lora -mb 2", kLora8b},
        Choice{"--model llama31_405b --gpu h100 -gb 64", "fp8cs megatron_2504 x1024, tp 8 pp 8 cp 2 vp 8 mbs 1"},
        Choice{"--model llama31_405b --gpu h100 -ng 128", "bf16 megatron_2504 x128, tp 8 pp 8 cp 2 vp 8 mbs 1"},
        Choice{"--model wan2p1_14b --gpu h100", kWan}, Choice{"--model wan2p1_14b --gpu h100 -rl 40", kWan},
        Choice{"--model wan2p1_14b --gpu h100 -tp 1 -cp 1", kWan},
        Choice{"--model wan2p1_14b --gpu h100 --stack automodel", "bf16 automodel x64, tp 1 pp 1 cp 1 vp 1 mbs 1"},
        Choice{"--model llama3_8b --gpu h100 --task lora --stack automodel", kLora8bOneGpu}));

// A name that a document gives to one of its rows asks for that row.
INSTANTIATE_TEST_SUITE_P(
    NamesOfRows, ChosenRow,
    testing::Values(Choice{"--model llama3_70b --gpu h100 --task lora", kLora70b},
                    Choice{"--model llama3.3_70b --gpu h100 --task lora", kLora70b},
                    Choice{"--model Llama3-70B-2-node --gpu h100 --task lora", kLora70bTwoNodes},
                    Choice{"--model Llama3-70B-2-node --gpu h100 --task lora -ng 8 -c fp8", kLora70bTwoNodes},
                    Choice{"--model Llama3-70B-2-node --gpu h100 --task lora --stack megatron", kLora70bTwoNodes},
                    Choice{"--model Llama3-70B-2-node --gpu h100", k70bOnH100},
                    Choice{"--model Qwen2.5-32B-2-node --gpu h100 --task lora", kLora32bTwoNodes},
                    Choice{"--model qwen2p5_32b --gpu h100 --task lora -ng 8",
                           "bf16 automodel x8, tp 1 pp 4 cp 1 vp 8 mbs 1"}));

}  // namespace
}  // namespace perfbench
