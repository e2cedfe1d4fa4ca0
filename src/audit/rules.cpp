#include "audit/rules.h"

#include "base/table.h"

namespace perfbench {
namespace {

constexpr AuditRule kRules[] = {
    {"empty_table", "A table has rows.", audit_empty_table},
    {"cells", "A cell of a column of numbers holds a number that the column can have, or is left unset.", audit_cells},
    {"shifted", "A cell stands under its own heading: no number under a heading of words, no row moved by a column.",
     audit_shifted},
    {"swapped", "A microbatch is no larger than the global batch: GBS and MBS are not exchanged.", audit_swapped},
    {"batch",
     "GBS = MBS x GA x DP with DP = GPUs / (TP x PP x CP); where a local batch is printed, GBS = LBS x GA x DP and LBS "
     "is a multiple of MBS.",
     audit_batch},
    {"data_parallel",
     "DP is GPUs / (TP x PP x CP), and so is an FSDP that is printed as a size; as a flag FSDP is 0, 1 or the size "
     "that is sharded over.",
     audit_data_parallel},
    {"layout", "The layout can exist: GPUs, layers, heads, experts, widths and the sequence divide.", audit_layout},
    {"length", "A sequence length is a multiple of 16: FP8 products need it, and every published length is one.",
     audit_length},
    {"throughput", "Tokens / s / GPU = GBS x sequence length / (step time x GPUs).", audit_throughput},
    {"flops", "TFLOP/s = tokens / s x FLOPs per token by the convention of the table.", audit_flops},
    {"single_figure",
     "A row that prints tokens / s prints TFLOP/s, and the reverse; else the other is worked out here.",
     audit_single_figure},
    {"peak", "TFLOP/s is below the dense peak of the system for the precision, and a printed MFU is against that peak.",
     audit_peak},
    {"ceiling", "Tokens / s times the fewest FLOPs per token that any convention counts is below the peak.",
     audit_ceiling},
    {"repeated", "Rows of one configuration and one release, also in two tables, print the same results.",
     audit_repeated},
    {"command", "A row says what the command line beside it says.", audit_command},
    {"notation", "A cell means what the glossary of its document says.", audit_notation},
};

}  // namespace

std::span<const AuditRule> audit_rules() { return kRules; }

std::string audit_rules_markdown() {
  TextTable table{.header = {"Rule", "What must hold"}, .rows = {}, .right_aligned = {}};
  for (const AuditRule& rule : kRules)
    table.rows.push_back({"`" + std::string(rule.id) + "`", std::string(rule.sentence)});
  return to_markdown(table);
}

}  // namespace perfbench
