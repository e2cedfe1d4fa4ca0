// The rules that a job must keep, asked of a printed row. Where GA is printed, what GBS divides into is the rule
// "batch".
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/rules.h"
#include "job/fill_job.h"
#include "job/request_fields.h"

namespace perfbench {
namespace {

constexpr std::array<std::string_view, 4> kBatchFields{"gbs", "mbs", "lbs", "ga"};

struct Field {
  std::string_view name;
  std::optional<std::int64_t> Request::*member;
};

constexpr std::array kFields{Field{"num_gpus", &Request::num_gpus},
                             Field{"seq_len", &Request::seq_len},
                             Field{"tp", &Request::tp},
                             Field{"pp", &Request::pp},
                             Field{"cp", &Request::cp},
                             Field{"vp", &Request::vp},
                             Field{"ep", &Request::ep}};

// The origin of each number is its name, so that a broken rule says whose cell it is about.
Request request_of(const AuditedRow& row) {
  Request request;
  for (const auto& [name, member] : kFields) {
    request.*member = count_of(row, name);
    if (request.*member) request.origins[std::string(name)] = name;
  }
  const PrintedBatch batch = batch_of(row);
  request.gbs = batch.gbs;
  request.mbs = batch.mbs;
  if (row.stack != nullptr && row.stack->ga == GaMeans::flushes_per_step) request.lbs = batch.lbs;
  for (const std::string_view name : kBatchFields) request.origins[std::string(name)] = name;
  return request;
}

Finding finding_of(const AuditedRow& row, std::string_view field, const std::string& what, const std::string& hint) {
  Finding finding = finding_at(row, "layout", field);
  finding.severity = Severity::error;
  finding.evidence = what;
  finding.consistent = hint;
  return finding;
}

Findings out_of_range(const AuditedRow& row, const Request& request) {
  Findings findings;
  for (const auto& [name, member] : kFields) {
    if (!(request.*member)) continue;
    if (const auto rule = limit_problem(name, *(request.*member)))
      findings.push_back(finding_of(row, name, fmt::format("{} {}", heading_of(row, name), *rule), ""));
  }
  for (const std::string_view name : kBatchFields) {
    const auto printed = count_of(row, name);
    if (const auto rule = printed ? limit_problem(name, *printed) : std::nullopt)
      findings.push_back(finding_of(row, name, fmt::format("{} {}", heading_of(row, name), *rule), ""));
  }
  return findings;
}

Job job_of(const AuditedRow& row) {
  Job job;
  job.model = *row.model;
  job.stack = *row.stack;
  job.task = row.task.value_or(Task::pretrain);
  job.precision = row.precision.value_or(Precision::bf16);
  if (row.system != nullptr)
    job.system = *row.system;
  else
    job.system.precisions = {job.precision};  // of an unknown system nothing is held against the row
  return job;
}

// "tp" of "tp: tp_size=8".
std::string_view field_of(const Problem& problem) {
  return std::string_view(problem.where).substr(0, problem.where.find(':'));
}

// Of a model that nobody knows only the GPUs can be checked.
Findings check_gpus(const AuditedRow& row, const Request& request) {
  const std::int64_t one_replica = request.tp.value_or(1) * request.pp.value_or(1) * request.cp.value_or(1);
  if (!request.num_gpus || *request.num_gpus % one_replica == 0) return {};
  return {finding_of(row, "num_gpus",
                     fmt::format("TP x PP x CP = {} does not divide {} GPUs", one_replica, *request.num_gpus),
                     multiples_near(*request.num_gpus, one_replica))};
}

// No table prints how experts are split over tp: the layout can exist where it does with the default, or unsplit.
std::vector<Problem> problems_of(const AuditedRow& row, Request request) {
  const auto broken = [&] {
    JobDraft draft{request, job_of(row)};
    fill_job(draft);
    return broken_rules(draft);
  };
  std::vector<Problem> problems = broken();
  if (problems.empty() || !request.ep) return problems;
  request.etp = 1;
  return broken().empty() ? std::vector<Problem>{} : problems;
}

Findings check_row(const AuditedRow& row) {
  const Request request = request_of(row);
  Findings findings = out_of_range(row, request);
  if (!findings.empty()) return findings;
  if (row.model == nullptr || row.stack == nullptr || !request.num_gpus || !request.gbs)
    return check_gpus(row, request);
  const bool ga_printed = count_of(row, "ga").has_value();
  for (const Problem& problem : problems_of(row, request)) {
    const std::string_view field = field_of(problem);
    const bool of_batch = std::ranges::find(kBatchFields, field) != kBatchFields.end();
    if (of_batch && ga_printed) continue;
    findings.push_back(finding_of(row, field, problem.what, problem.hint));
  }
  return findings;
}

}  // namespace

Findings audit_layout(const AuditInput& input) { return in_each_row(input, check_row); }

}  // namespace perfbench
