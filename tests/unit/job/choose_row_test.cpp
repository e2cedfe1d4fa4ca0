#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "job/request_fields.h"
#include "job/resolve.h"
#include "job/row_preference.h"

namespace perfbench {
namespace {

const Catalog& catalog() {
  static const Catalog kCatalog(std::filesystem::path(PERFBENCH_SOURCE_DIR) / "model_configs");
  return kCatalog;
}

// Rows 2, 3, ... of a made-up table.
ConfigTable table_of(std::vector<Request> rows) {
  ConfigTable table{.file = "model_configs_h100.csv", .rows = {}, .problems = {}, .warnings = {}};
  for (Request& row : rows) {
    ConfigRow entry;
    entry.line = static_cast<int>(table.rows.size()) + 2;
    row.origins = {{"tp", "model_configs_h100.csv:" + std::to_string(entry.line)}};
    entry.request = std::move(row);
    table.rows.push_back(std::move(entry));
  }
  return table;
}

Request row(const char* dtype, std::optional<std::string> recipe, std::int64_t gpus, std::int64_t tp, std::int64_t pp) {
  Request request;
  request.model = "llama3_70b";
  request.system = "h100";
  request.task = Task::pretrain;
  request.dtype = dtype;
  request.fp8_recipe = std::move(recipe);
  request.num_gpus = gpus;
  request.gbs = 128;
  request.tp = tp;
  request.pp = pp;
  return request;
}

Request flags() {
  Request request;
  request.model = "LLAMA3-70B";
  request.system = "h100";
  return request;
}

Request flags(std::int64_t tp, std::int64_t pp) {
  Request request = flags();
  request.tp = tp;
  request.pp = pp;
  request.origins = {{"tp", "flag -tp"}, {"pp", "flag -pp"}};
  return request;
}

ConfigRow config_row(Request request, const char* printed_model = "") {
  return {.line = 2, .request = std::move(request), .model = "", .size = "", .printed_model = printed_model};
}

int line_of(const RowChoice& choice) { return choice.row ? choice.row->line : 0; }

TEST(ChooseRow, PrefersFp8ThenCurrentScalingThenMostGpusThenTheFirst) {
  const auto chosen = [](std::vector<Request> rows) {
    return line_of(choose_row(flags(), table_of(std::move(rows)), catalog(), Compat::perfbench));
  };
  EXPECT_EQ(chosen({row("bf16", {}, 512, 4, 8), row("fp8", "ds", 64, 4, 8)}), 3);
  EXPECT_EQ(chosen({row("fp8", "ds", 512, 4, 8), row("fp8", "cs", 64, 4, 8)}), 3);
  EXPECT_EQ(chosen({row("fp8", "ds", 512, 4, 8), row("fp8", {}, 64, 4, 8)}), 3) << "no recipe is current scaling";
  EXPECT_EQ(chosen({row("fp8", "cs", 64, 4, 8), row("fp8", "cs", 512, 4, 8)}), 3);
  EXPECT_EQ(chosen({row("fp8", "cs", 64, 4, 8), row("fp8", "cs", 64, 2, 8)}), 2);
}

TEST(ChooseRow, AgreesWithEveryFlagAndSaysWhy) {
  const ConfigTable table =
      table_of({row("fp8", "cs", 512, 2, 4), row("bf16", {}, 64, 4, 8), row("fp8", "cs", 64, 4, 8)});
  const RowChoice choice = choose_row(flags(4, 8), table, catalog(), Compat::perfbench);
  EXPECT_EQ(line_of(choice), 4);
  EXPECT_FALSE(choice.layout_overridden);
  EXPECT_EQ(
      choice.sentence,
      "row model_configs_h100.csv:4 (one of 2 of LLAMA3-70B pretrain on h100 that agree with -tp 4 -pp 8; FP8 before "
      "BF16)");
}

// Rows say nothing of adapters and packs.
TEST(ChooseRow, FlagsOfFineTuningAgreeWithEveryRow) {
  Request asked = flags(4, 8);
  asked.packed = true;
  asked.lora_rank = 8;
  asked.lora_targets = {"q_proj"};
  const ConfigTable table = table_of({row("fp8", "cs", 512, 2, 4), row("fp8", "cs", 64, 4, 8)});
  const RowChoice choice = choose_row(asked, table, catalog(), Compat::perfbench);
  EXPECT_EQ(line_of(choice), 3);
  EXPECT_FALSE(choice.layout_overridden);
  EXPECT_EQ(choice.sentence.find("packed"), std::string::npos);
}

TEST(ChooseRow, TakesAnotherRowAsBaseWhenNoLayoutAgrees) {
  const ConfigTable table = table_of({row("bf16", {}, 512, 4, 8), row("fp8", "cs", 64, 4, 8)});
  Request asked = flags(2, 2);
  asked.dtype = "bf16";
  const RowChoice choice = choose_row(asked, table, catalog(), Compat::perfbench);
  EXPECT_EQ(line_of(choice), 2) << "the precision still counts";
  EXPECT_TRUE(choice.layout_overridden);
  EXPECT_NE(choice.sentence.find("no row agrees with -tp 2 -pp 2: the flags override"), std::string::npos)
      << choice.sentence;
}

TEST(ChooseRow, NamesTheRowThatWouldHaveAgreedAndWhyItIsNotTheBase) {
  const ConfigTable table = table_of({row("fp8", "cs", 64, 4, 8), row("fp8", "ds", 64, 1, 1)});
  const RowChoice choice = choose_row(flags(1, 1), table, catalog(), Compat::perfbench);
  EXPECT_EQ(
      choice.sentence,
      "row model_configs_h100.csv:2 (one of 2 of LLAMA3-70B pretrain on h100; current scaling before other FP8 "
      "recipes; row model_configs_h100.csv:3, which agrees with -tp 1 -pp 1, comes after it (current scaling before "
      "other FP8 recipes): the flags override its values)");
}

// Each preference beats all that follow it: the one row has it alone, the other has everything after it.
TEST(RowPreferences, ComeInThisOrder) {
  Request asked = flags(4, 8);
  asked.dtype = "fp8";
  asked.stack = "automodel";
  asked.num_gpus = 64;
  asked.vp = 5;
  const auto of = [](Request request, const char* stack, std::int64_t vp, bool preferred = false, int place = 1) {
    request.stack = stack;
    request.vp = vp;
    ConfigRow made = config_row(std::move(request));
    made.preferred = preferred, made.stack_place = place;
    return made;
  };
  const std::vector<std::pair<ConfigRow, const char*>> rows = {
      {config_row(row("bf16", {}, 8, 1, 1), "llama3_70b"), "the row of that name"},
      {of(row("fp8", "ds", 8, 1, 1), "perfbench", 1), "the precision asked for"},
      {of(row("bf16", {}, 8, 1, 1), "automodel", 1), "the stack asked for"},
      {of(row("bf16", {}, 8, 1, 1), "perfbench", 1, true), "a stack whose rows come first"},
      {of(row("bf16", {}, 64, 1, 1), "perfbench", 1), "the number of GPUs asked for"},
      {of(row("bf16", {}, 512, 1, 1), "megatron_2504", 1), "stack megatron_2504 before others"},
      {of(row("bf16", {}, 512, 1, 1), "perfbench", 1, false, 0), "the stack that the table has first"},
      {of(row("bf16", {}, 512, 4, 8), "perfbench", 1), "the layout asked for"},
      {of(row("bf16", {}, 512, 1, 1), "perfbench", 5), "the tuning asked for"},
      {of(row("bf16", {}, 512, 1, 1), "perfbench", 1), "the most GPUs"},
      {of(row("bf16", {}, 256, 1, 1), "perfbench", 1), ""},
  };
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    const RowPreference* preference = deciding(asked, rows[i].first, rows[i + 1].first);
    ASSERT_NE(preference, nullptr) << rows[i].second;
    EXPECT_EQ(preference->why, rows[i].second);
    for (std::size_t j = i + 1; j < rows.size(); ++j)
      EXPECT_TRUE(is_better(asked, rows[i].first, rows[j].first)) << rows[i].second << " against " << rows[j].second;
  }
  const ConfigRow current = config_row(row("fp8", "cs", 8, 1, 1)), delayed = config_row(row("fp8", "ds", 512, 4, 8));
  EXPECT_EQ(deciding(flags(4, 8), current, delayed)->why, "current scaling before other FP8 recipes");
  EXPECT_EQ(deciding(flags(4, 8), delayed, config_row(row("bf16", {}, 512, 4, 8)))->why, "FP8 before BF16");
}

// A value that a row of the tables may have, for flags of any kind.
void set_some(std::optional<bool>& field) { field = true; }
void set_some(std::optional<std::int64_t>& field) { field = 1; }
void set_some(std::optional<std::vector<std::string>>& field) { field = {"mlp"}; }
template <typename Other>
void set_some(std::optional<Other>&) {}

TEST(RowPreferences, TuningAndLayoutNeverChangePrecisionOrStack) {
  int tried = 0;
  for (const std::string& system : catalog().system_names()) {
    const std::filesystem::path path = catalog().config_table(system);
    if (!std::filesystem::exists(path)) continue;
    const ConfigTable table = read_config_table(path);
    for (const ConfigRow& kind : table.rows) {
      Request plain;
      plain.model = kind.request.model, plain.system = kind.request.system, plain.task = kind.request.task;
      const RowChoice before = choose_row(plain, table, catalog(), Compat::perfbench);
      for_each_field([&](std::string_view field, auto member) {
        const FieldRole role = meaning_of(field).role;
        if (role != FieldRole::tuning && role != FieldRole::layout) return;
        Request asked = plain;
        set_some(asked.*member);
        if (kind.request.*member) asked.*member = kind.request.*member;
        const RowChoice after = choose_row(asked, table, catalog(), Compat::perfbench);
        EXPECT_EQ(asked_precision(after.row->request), asked_precision(before.row->request)) << after.sentence;
        EXPECT_EQ(after.row->request.stack, before.row->request.stack) << after.sentence;
        ++tried;
      });
    }
  }
  EXPECT_GT(tried, 1000);
}

TEST(ChooseRow, LeavesThePrecisionOutLast) {
  const ConfigTable table = table_of({row("bf16", {}, 64, 4, 4)});
  Request asked = flags();
  asked.dtype = "fp8";
  EXPECT_EQ(line_of(choose_row(asked, table, catalog(), Compat::perfbench)), 2);
}

TEST(ChooseRow, AStackWithoutRowsDoesNotSpoilTheLayout) {
  const ConfigTable table = table_of({row("fp8", "cs", 512, 2, 4), row("fp8", "cs", 64, 4, 8)});
  Request asked = flags(4, 8);
  asked.stack = "perfbench";
  const RowChoice choice = choose_row(asked, table, catalog(), Compat::perfbench);
  EXPECT_EQ(line_of(choice), 3);
  EXPECT_FALSE(choice.layout_overridden);
}

TEST(ChooseRow, UnsetAxesOfARowAreOne) {
  Request asked = flags(4, 8);
  asked.cp = 1;
  asked.vp = 1;
  asked.ep = 0;
  asked.fsdp = false;
  asked.ga = 7;  // no row has one
  const ConfigTable table = table_of({row("fp8", "cs", 64, 4, 8)});
  EXPECT_FALSE(choose_row(asked, table, catalog(), Compat::perfbench).layout_overridden);
  asked.cp = 2;
  EXPECT_TRUE(choose_row(asked, table, catalog(), Compat::perfbench).layout_overridden);
}

TEST(ChooseRow, ChoosesNothingForAnotherTaskModelOrSystem) {
  const ConfigTable table = table_of({row("fp8", "cs", 64, 4, 8)});
  Request asked = flags();
  asked.task = Task::sft;
  EXPECT_FALSE(choose_row(asked, table, catalog(), Compat::perfbench).row);
  asked = flags();
  asked.model = "llama3_8b";
  EXPECT_FALSE(choose_row(asked, table, catalog(), Compat::perfbench).row);
  asked = flags();
  asked.system = "b200";
  const RowChoice none = choose_row(asked, table, catalog(), Compat::perfbench);
  EXPECT_FALSE(none.row);
  EXPECT_NE(none.sentence.find("no row of LLAMA3-70B pretrain on b200"), std::string::npos) << none.sentence;
}

TEST(ChooseRowAsNemo, TakesBf16AndTheFirstWhateverTheLayout) {
  const ConfigTable table =
      table_of({row("fp8", "cs", 512, 4, 8), row("bf16", {}, 64, 1, 1), row("bf16", {}, 128, 4, 8)});
  EXPECT_EQ(line_of(choose_row(flags(4, 8), table, catalog(), Compat::nemo)), 3);
  Request asked = flags(4, 8);
  asked.num_gpus = 128;
  EXPECT_EQ(line_of(choose_row(asked, table, catalog(), Compat::nemo)), 4);
  asked.num_gpus = 32;
  EXPECT_FALSE(choose_row(asked, table, catalog(), Compat::nemo).row);
}

TEST(ChooseRowAsNemo, Fp8IsDelayedScalingUnlessARecipeIsGiven) {
  const ConfigTable table =
      table_of({row("fp8", "cs", 512, 4, 8), row("fp8", "ds", 64, 4, 8), row("fp8", "mxfp8", 8, 1, 8)});
  Request asked = flags();
  asked.dtype = "fp8";
  EXPECT_EQ(line_of(choose_row(asked, table, catalog(), Compat::nemo)), 3);
  asked.fp8_recipe = "mxfp8";
  EXPECT_EQ(line_of(choose_row(asked, table, catalog(), Compat::nemo)), 4);
  asked.fp8_recipe = "nvfp4";
  EXPECT_EQ(line_of(choose_row(asked, table, catalog(), Compat::nemo)), 2) << "NeMo's tables know no recipe";
}

TEST(WithDefaults, ARecipeAloneMeansFp8) {
  Request asked = flags();
  asked.fp8_recipe = "mxfp8";
  EXPECT_EQ(with_defaults(asked, Compat::perfbench).dtype, "fp8");
  EXPECT_EQ(with_defaults(asked, Compat::nemo).dtype, "bf16");
  EXPECT_EQ(with_defaults(Request{}, Compat::nemo).system, "h100");
  EXPECT_FALSE(with_defaults(Request{}, Compat::perfbench).system);
}

TEST(ChooseRow, RefusesAnUnknownModelByItsFlag) {
  Request asked = flags();
  asked.model = "llama3_71b";
  asked.origins = {{"model", "flag --model"}};
  try {
    choose_row(asked, table_of({}), catalog(), Compat::perfbench);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.problems().at(0).where.rfind("--model", 0), 0u) << error.what();
    EXPECT_NE(error.problems().at(0).hint.find("llama3_70b"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace perfbench
