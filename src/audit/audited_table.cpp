#include "audit/audited_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "job/request_fields.h"

namespace perfbench {

const AuditedCell* find_cell(const AuditedRow& row, std::string_view name) {
  const AuditedCell* first = nullptr;
  for (const AuditedCell& cell : row.cells) {
    if (cell.name != name) continue;
    if (!is_unset(cell.text)) return &cell;
    if (first == nullptr) first = &cell;
  }
  return first;
}

std::string heading_of(const AuditedRow& row, std::string_view name) {
  const AuditedCell* cell = find_cell(row, name);
  return cell == nullptr ? std::string(name) : cell->heading;
}

std::string text_of(const AuditedRow& row, std::string_view name) {
  const AuditedCell* cell = find_cell(row, name);
  return cell == nullptr ? "" : cell->text;
}

std::optional<std::int64_t> count_of(const AuditedRow& row, std::string_view name) {
  const AuditedCell* cell = find_cell(row, name);
  if (cell == nullptr || is_unset(cell->text)) return std::nullopt;
  const auto count = parse_int(cell->text);
  return count && *count > 0 ? std::optional(*count * static_cast<std::int64_t>(cell->to_named_unit)) : std::nullopt;
}

std::optional<double> figure_of(const AuditedRow& row, std::string_view name) {
  const AuditedCell* cell = find_cell(row, name);
  if (cell == nullptr || is_unset(cell->text)) return std::nullopt;
  const auto figure = parse_double(cell->text);
  return figure && *figure > 0.0 ? std::optional(*figure * cell->to_named_unit) : std::nullopt;
}

double rounding_of(const AuditedRow& row, std::string_view name) {
  if (!figure_of(row, name)) return 0.0;
  const std::string text = text_of(row, name);
  const std::size_t point = text.find('.');
  const double decimals = point == std::string::npos ? 0.0 : static_cast<double>(text.size() - point - 1);
  return 0.5 * std::pow(10.0, -decimals) / *parse_double(text);
}

PrintedBatch batch_of(const AuditedRow& row) {
  const auto count = [&](std::string_view name) {
    const auto printed = count_of(row, name);
    return printed && !limit_problem(name, *printed) ? printed : std::nullopt;
  };
  PrintedBatch batch{.gbs = count("gbs"), .mbs = count("mbs"), .lbs = count("lbs"), .ga = count("ga")};
  batch.exchanged = batch.gbs && batch.mbs && *batch.mbs > *batch.gbs;
  if (batch.exchanged) std::swap(batch.gbs, batch.mbs);
  const auto gpus = count("num_gpus");
  const std::int64_t one_replica = count("tp").value_or(1) * count("pp").value_or(1) * count("cp").value_or(1);
  if (gpus && *gpus % one_replica == 0) batch.dp = *gpus / one_replica;
  return batch;
}

double samples_of_step(const PrintedBatch& batch) {
  return static_cast<double>(batch.lbs.value_or(*batch.mbs)) * static_cast<double>(*batch.ga) *
         static_cast<double>(*batch.dp);
}

std::optional<double> tokens_of_step_time(const AuditedRow& row) {
  const auto gbs = batch_of(row).gbs, gpus = count_of(row, "num_gpus"), seq_len = count_of(row, "seq_len");
  const auto time_s = figure_of(row, "step_time_s");
  if (!gbs || !gpus || !seq_len || !time_s) return std::nullopt;
  return static_cast<double>(*gbs) * static_cast<double>(*seq_len) / (*time_s * static_cast<double>(*gpus));
}

std::string number_text(double value) {
  return value >= 1000.0 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

Finding finding_at(const AuditedRow& row, std::string_view rule, std::string_view name) {
  return {
      .table = row.table, .row = row.id, .column = heading_of(row, name), .rule = rule, .printed = text_of(row, name)};
}

Findings in_each_row(const AuditInput& input, Findings (*check)(const AuditedRow&)) {
  Findings all;
  for (const AuditedTable& table : input.tables) {
    for (const AuditedRow& row : table.rows) {
      Findings found = check(row);
      all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    }
  }
  return all;
}

}  // namespace perfbench
