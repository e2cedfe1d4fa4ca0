#include <fmt/format.h>

#include <cmath>

#include "audit/flops_fit.h"
#include "audit/writers.h"
#include "base/table.h"

namespace perfbench {
namespace {

struct Line {
  const AuditedRow* row;
  FlopsFit fit;
};

std::vector<Line> lines_of(const AuditInput& input) {
  std::vector<Line> lines;
  for (const AuditedTable& table : input.tables)
    for (const AuditedRow& row : table.rows)
      if (const auto fit = flops_fit(row)) lines.push_back({&row, *fit});
  return lines;
}

bool is_within(const Line& line) { return std::abs(line.fit.deviation()) <= kFlopsTolerance; }

std::string remark_of(const Line& line) {
  const FlopsFit& fit = line.fit;
  std::string remark = quirks_text(line.row->flops.quirks);
  if (is_within(line)) return remark;
  const double ratio = fit.implied / fit.counted;
  const std::string word = factor_word(ratio);
  if (!remark.empty()) remark += "; ";
  if (!word.empty())
    remark += fmt::format("{} tokens/s would fit, {} the printed; ",
                          number_text(fit.tokens_per_s * whole_factor(ratio)), word);
  return remark + fmt::format("{} gives {} tokens/s", name(fit.convention), number_text(fit.tokens_per_s * ratio));
}

std::string summary(const std::vector<Line>& lines) {
  std::size_t within = 0;
  for (const Line& line : lines) within += is_within(line) ? 1 : 0;
  return fmt::format("{} of {} rows within {:.1f} %\n", within, lines.size(), 100.0 * kFlopsTolerance);
}

}  // namespace

std::string flops_report_terminal(const AuditInput& input) {
  TextTable table{.header = {"row", "model", "task", "tokens/s", "TFLOP/s", "convention", "FLOPs/token counted",
                             "implied", "deviation", "remark"},
                  .rows = {},
                  .right_aligned = {false, false, false, true, true, false, true, true, true, false}};
  const std::vector<Line> lines = lines_of(input);
  for (const Line& line : lines) {
    const auto& [row, fit] = line;
    table.rows.push_back({row->id, row->model_text, std::string(name(*row->task)), number_text(fit.tokens_per_s),
                          text_of(*row, "model_tflops_per_gpu"), std::string(name(fit.convention)),
                          fmt::format("{:.5g}", fit.counted), fmt::format("{:.5g}", fit.implied),
                          fmt::format("{:+.2f} %", 100.0 * fit.deviation()), remark_of(line)});
  }
  return to_terminal(table) + summary(lines);
}

Json flops_report_json(const AuditInput& input) {
  Json::Array rows;
  for (const Line& line : lines_of(input)) {
    const auto& [row, fit] = line;
    const std::string remark = remark_of(line);
    rows.push_back(Json::Object{{"table", row->table},
                                {"row", row->id},
                                {"model", row->model == nullptr ? row->model_text : row->model->name},
                                {"task", std::string(name(*row->task))},
                                {"tokens_per_s_per_gpu", fit.tokens_per_s},
                                {"flops_convention", std::string(name(fit.convention))},
                                {"quirks", quirks_text(row->flops.quirks)},
                                {"flops_per_token", fit.counted},
                                {"implied_flops_per_token", fit.implied},
                                {"deviation", fit.deviation()},
                                {"within", is_within(line)},
                                {"remark", remark}});
  }
  return rows;
}

}  // namespace perfbench
