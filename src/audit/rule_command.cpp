// A document may give a command line for each row of its table. What it leaves out, and what stands behind #, is left
// to the defaults of its program and not compared.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "audit/rules.h"
#include "base/text.h"
#include "job/catalog.h"
#include "job/cloud_instances.h"

namespace perfbench {
namespace {

struct CommandFlag {
  std::string_view spelling, name;
};

constexpr std::array kFlags{CommandFlag{"-gb", "gbs"},      CommandFlag{"--global_batch_size", "gbs"},
                            CommandFlag{"-mb", "mbs"},      CommandFlag{"--micro_batch_size", "mbs"},
                            CommandFlag{"-tp", "tp"},       CommandFlag{"--tensor_parallel_size", "tp"},
                            CommandFlag{"-pp", "pp"},       CommandFlag{"--pipeline_parallel_size", "pp"},
                            CommandFlag{"-cp", "cp"},       CommandFlag{"--context_parallel_size", "cp"},
                            CommandFlag{"-vp", "vp"},       CommandFlag{"--virtual_pipeline_parallel_size", "vp"},
                            CommandFlag{"-ep", "ep"},       CommandFlag{"--expert_parallel_size", "ep"},
                            CommandFlag{"-ng", "num_gpus"}, CommandFlag{"--num_gpus", "num_gpus"},
                            CommandFlag{"-g", "system"},    CommandFlag{"--gpu", "system"},
                            CommandFlag{"-f", "task"},      CommandFlag{"--finetuning", "task"},
                            CommandFlag{"-p", "partition"}, CommandFlag{"--partition", "partition"}};

struct Given {
  std::string spelling, value;
};

// By the name of the value.
using Flags = std::map<std::string, Given, std::less<>>;

Flags flags_of(std::string_view command) {
  Flags flags;
  const std::vector<std::string> words = split(command.substr(0, command.find(" #")), ' ');
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    for (const auto& [spelling, name] : kFlags)
      if (words[i] == spelling) flags[std::string(name)] = {words[i], words[i + 1]};
  return flags;
}

std::int64_t number_of(const Flags& flags, std::string_view name, std::int64_t fallback) {
  const auto found = flags.find(name);
  return found == flags.end() ? fallback : parse_int(found->second.value).value_or(fallback);
}

// GA under the command's numbers; "" where it does not come out even or is the printed one.
std::string ga_text(const AuditedRow& row, const Flags& flags) {
  const auto of = [&](std::string_view name) { return number_of(flags, name, count_of(row, name).value_or(1)); };
  const std::int64_t samples = of("mbs") * of("num_gpus"), ranks = of("tp") * of("pp") * of("cp");
  if (samples <= 0 || ranks <= 0 || of("gbs") * ranks % samples != 0) return "";
  const std::int64_t ga = of("gbs") * ranks / samples;
  if (!count_of(row, "ga") || ga == count_of(row, "ga")) return "";
  return fmt::format("; GA would be {}, not {}", ga, text_of(row, "ga"));
}

Findings compare_counts(const AuditedRow& row, const AuditedCommand& command, const Flags& flags) {
  Findings findings;
  for (const auto& [name, given] : flags) {
    if (name == "system" || name == "task" || find_cell(row, name) == nullptr) continue;
    const auto asked = parse_int(given.value);
    if (asked && *asked == count_of(row, name).value_or(1)) continue;
    Finding finding = finding_at(row, "command", name);
    finding.consistent = given.value;
    finding.evidence =
        fmt::format("the command ({}) says {} {}{}", command.variant, given.spelling, given.value, ga_text(row, flags));
    finding.confidence = Confidence::certain;
    findings.push_back(std::move(finding));
  }
  return findings;
}

Finding of_word(const AuditedRow& row, std::string column, std::string printed, std::string asked,
                const AuditedCommand& command) {
  return {.table = row.table,
          .row = row.id,
          .column = std::move(column),
          .rule = "command",
          .printed = std::move(printed),
          .consistent = asked,
          .evidence = fmt::format("the command ({}) says {}", command.variant, asked),
          .confidence = Confidence::certain};
}

Findings compare_words(const AuditedRow& row, const AuditedCommand& command, const Flags& flags) {
  Findings findings;
  if (command.model != nullptr && row.model != nullptr && command.model != row.model)
    findings.push_back(of_word(row, heading_of(row, "model"), row.model_text, command.model->name, command));
  const auto system = flags.find("system");
  if (system != flags.end() && canonical_name(system->second.value) != canonical_name(row.system_text))
    findings.push_back(of_word(row, "system", row.system_text, system->second.value, command));
  const auto task = flags.find("task");
  if (task != flags.end() && row.task && parse_task(task->second.value) != row.task)
    findings.push_back(of_word(row, "task", std::string(name(*row.task)), task->second.value, command));
  return findings;
}

// The system of the cloud instances that the partition is named after; "" where it is named after none.
std::string_view instance_of(const Flags& flags) {
  const auto partition = flags.find("partition");
  return partition == flags.end() ? "" : system_of_instance(lower(partition->second.value));
}

Findings remarks(const AuditedRow& row, const AuditedCommand& command, const Flags& flags) {
  Findings findings;
  const auto remark = [&](std::string column, std::string evidence) {
    findings.push_back({.table = row.table,
                        .row = row.id,
                        .column = std::move(column),
                        .rule = "command",
                        .severity = Severity::info,
                        .evidence = std::move(evidence),
                        .confidence = Confidence::certain});
  };
  if (const std::size_t hash = command.command.find(" # "); hash != std::string::npos)
    remark("", fmt::format("the command ({}) leaves to its defaults what stands behind #: {}", command.variant,
                           command.command.substr(hash + 3)));
  const auto system = flags.find("system");
  if (system != flags.end() && lower(row.section).find(lower(system->second.value)) == std::string::npos)
    remark("system", fmt::format("the headings above the table name no system; the command ({}) says {} {}",
                                 command.variant, system->second.spelling, system->second.value));
  if (const std::string_view owner = instance_of(flags);
      system != flags.end() && !owner.empty() && owner != canonical_name(system->second.value))
    remark("system",
           fmt::format("the command ({}) says {} {}, and the instances of {} {} have {}", command.variant,
                       system->second.spelling, system->second.value, flags.find("partition")->second.spelling,
                       flags.find("partition")->second.value, owner));
  return findings;
}

// The variants of one row mostly say the same: one finding for all of them.
void add(Findings& findings, Findings more) {
  for (Finding& finding : more) {
    const auto same = [&](const Finding& f) {
      return f.row == finding.row && f.column == finding.column && f.consistent == finding.consistent &&
             f.severity == finding.severity;
    };
    if (std::none_of(findings.begin(), findings.end(), same)) findings.push_back(std::move(finding));
  }
}

}  // namespace

Findings audit_command(const AuditInput& input) {
  Findings findings;
  for (const AuditedTable& table : input.tables) {
    for (const AuditedRow& row : table.rows) {
      for (const AuditedCommand& command : input.commands) {
        if (command.row != row.id) continue;
        const Flags flags = flags_of(command.command);
        add(findings, compare_counts(row, command, flags));
        add(findings, compare_words(row, command, flags));
        add(findings, remarks(row, command, flags));
      }
    }
  }
  return findings;
}

}  // namespace perfbench
