#include "job/config_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <type_traits>

#include "base/csv.h"
#include "base/text.h"
#include "job/catalog.h"
#include "job/request_fields.h"

namespace perfbench {

namespace {

enum class Presence {
  required,
  header_only,
  optional
};  // of a column: with a cell in each row, in the header, neither

struct Column {
  std::string_view name;
  std::string_view field;  // of Request
  Presence presence;
  bool nemo;  // one of NeMo's 23
};

constexpr std::string_view kDpSize = "dp_size";

// NeMo's order: 20 columns at 25.04, three more from 25.07; then perfbench's own. Tables of earlier releases have a
// column dp_size and lack some of the last ones.
constexpr std::array kColumns = {
    Column{"task", "task", Presence::required, true},
    Column{"model", "model", Presence::required, true},
    Column{"size", "", Presence::required, true},
    Column{"system", "system", Presence::header_only, true},
    Column{"dtype", "dtype", Presence::required, true},
    Column{"num_gpus", "num_gpus", Presence::required, true},
    Column{"seq_len", "seq_len", Presence::required, true},
    Column{"tp_size", "tp", Presence::header_only, true},
    Column{"pp_size", "pp", Presence::header_only, true},
    Column{"cp_size", "cp", Presence::header_only, true},
    Column{"ep_size", "ep", Presence::header_only, true},
    Column{"vp_size", "vp", Presence::header_only, true},
    Column{"mbs", "mbs", Presence::required, true},
    Column{"gbs", "gbs", Presence::required, true},
    Column{"etp_size", "etp", Presence::optional, true},
    Column{"cuda_graphs", "cuda_graphs", Presence::optional, true},
    Column{"use_mcore_fsdp", "fsdp", Presence::optional, true},
    Column{"recompute_layers", "recompute_layers", Presence::optional, true},
    Column{"activation_offload_layers", "offload_layers", Presence::optional, true},
    Column{"recompute_modules", "recompute_modules", Presence::optional, true},
    Column{"keep_fsdp_fp8_transpose_cache", "keep_fsdp_fp8_transpose_cache", Presence::optional, true},
    Column{"use_user_buffer_registration", "user_buffers", Presence::optional, true},
    Column{"use_sharp", "sharp", Presence::optional, true},
    Column{"stack", "stack", Presence::optional, false},
    Column{"lbs", "lbs", Presence::optional, false},
    Column{"fp8_recipe", "fp8_recipe", Presence::optional, false},
    Column{"printed_model", "", Presence::optional, false},
    Column{"fsdp_size", "fsdp_size", Presence::optional, false},
    Column{"fsdp_reshard", "fsdp_reshard", Presence::optional, false},
    Column{"defer_grad_sync", "defer_grad_sync", Presence::optional, false},
    Column{"sequence_parallel", "sequence_parallel", Presence::optional, false},
    Column{"param_dtype", "param_dtype", Presence::optional, false},
    Column{"grad_dtype", "grad_dtype", Presence::optional, false},
    Column{"optimizer_state_dtype", "optimizer_state_dtype", Presence::optional, false},
    Column{"recompute", "recompute", Presence::optional, false},
    Column{"moe_gate", "moe_gate", Presence::optional, false},
    Column{"moe_dispatcher", "moe_dispatcher", Presence::optional, false},
    Column{"moe_capacity", "moe_capacity", Presence::optional, false},
    Column{"cuda_graph_modules", "cuda_graph_modules", Presence::optional, false},
    Column{"ep_overlap", "ep_overlap", Presence::optional, false},
    Column{kDpSize, "", Presence::optional, false},
};

std::vector<std::string> column_names() {
  std::vector<std::string> names;
  names.reserve(kColumns.size());
  for (const Column& column : kColumns) names.emplace_back(column.name);
  return names;
}

const Column* find_column(std::string_view name) {
  for (const Column& column : kColumns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

// What a cell may hold and what is wrong with it; empty when it was read.
struct CellResult {
  std::string what, hint;
};

CellResult read_value(std::string_view field, const std::string& cell, std::optional<std::int64_t>& value) {
  const std::optional<std::int64_t> number = parse_int(cell);
  if (!number) return {"must be a whole number", "8 and 8.0 are accepted, 8.5 is not"};
  if (const auto problem = limit_problem(field, *number)) return {*problem, ""};
  if (*number == 0 && limits_of(field).zero_is_unset) return {};
  value = *number;
  return {};
}

CellResult read_value(std::string_view, const std::string& cell, std::optional<double>& value) {
  value = parse_double(cell);
  return value ? CellResult{} : CellResult{"must be a number", ""};
}

CellResult read_value(std::string_view, const std::string& cell, std::optional<bool>& value) {
  const std::optional<std::int64_t> number = parse_int(cell);  // "1.0" stands for 1
  value = number && (*number == 0 || *number == 1) ? std::optional<bool>(*number == 1) : parse_bool(cell);
  return value ? CellResult{} : CellResult{"must be 0 or 1", ""};
}

CellResult read_value(std::string_view, const std::string& cell, std::optional<Task>& value) {
  value = lower(cell) == "finetune" ? Task::lora : parse_task(lower(cell));  // NeMo fine-tunes with LoRA unless told
  const std::vector<std::string> names = {"pre_train", "pretrain", "sft", "lora", "finetune"};
  return value ? CellResult{} : CellResult{"is no task", nearest_hint(cell, names)};
}

CellResult read_value(std::string_view, const std::string& cell, std::optional<std::vector<std::string>>& value) {
  std::vector<std::string> parts;
  for (const std::string& part : split(cell, '/')) {
    if (!trim(part).empty()) parts.emplace_back(trim(part));
  }
  if (!parts.empty()) value = std::move(parts);
  return {};
}

CellResult read_value(std::string_view field, const std::string& cell, std::optional<std::string>& value) {
  const std::vector<std::string> dtypes = {"bf16", "fp8"};
  const std::vector<std::string> recipes = {"cs", "ds", "mxfp8", "nvfp4"};
  const bool is_dtype = field == "dtype", is_recipe = field == "fp8_recipe";
  value = is_dtype || is_recipe ? lower(cell) : cell;
  if (is_dtype && std::ranges::find(dtypes, *value) == dtypes.end()) {
    return {"is no dtype of these tables", nearest_hint(*value, dtypes)};
  }
  if (is_recipe && std::ranges::find(recipes, *value) == recipes.end()) {
    return {"is no FP8 recipe", nearest_hint(*value, recipes)};
  }
  return {};
}

CellResult read_cell(const Column& column, const std::string& cell, ConfigRow& row) {
  CellResult result;
  if (column.name == "size") row.size = cell;
  if (column.name == "model") row.model = cell;
  if (column.name == "printed_model") row.printed_model = cell;
  for_each_field([&](std::string_view name, auto member) {
    if (name != column.field || name == "model") return;
    result = read_value(name, cell, row.request.*member);
  });
  return result;
}

// The columns of a header, in its order. Throws with every unknown and missing one.
std::vector<const Column*> match_header(const CsvTable& csv, const std::string& file) {
  std::vector<const Column*> columns;
  std::vector<Problem> problems;
  for (const std::string& name : csv.header) {
    columns.push_back(find_column(lower(name)));
    if (!columns.back()) {
      problems.push_back({fmt::format("{}:1: {}", file, name), "unknown column", nearest_hint(name, column_names())});
    }
  }
  for (const Column& column : kColumns) {
    if (column.presence == Presence::optional || std::ranges::find(columns, &column) != columns.end()) continue;
    problems.push_back({fmt::format("{}:1", file), fmt::format("the column {} is missing", column.name), ""});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
  return columns;
}

// "h100" of model_configs_h100.csv; "" for other names.
std::string system_of_file(const std::filesystem::path& path) {
  constexpr std::string_view kPrefix = "model_configs_";
  const std::string stem = path.stem().string();
  return stem.starts_with(kPrefix) ? stem.substr(kPrefix.size()) : "";
}

void take_system(ConfigRow& row, const std::string& file_system, ConfigTable& table) {
  if (file_system.empty()) return;
  const auto given = row.request.system;
  if (given && canonical_name(*given) != canonical_name(file_system)) {
    table.warnings.push_back(fmt::format("{}:{}: system={}: the file is for {}, which is taken, as NeMo does",
                                         table.file, row.line, *given, file_system));
  }
  row.request.system = file_system;
}

// A dp_size says again what the other sizes do.
CellResult read_dp_size(const std::string& cell, const Request& row) {
  const std::int64_t tp = row.tp.value_or(1), pp = row.pp.value_or(1), cp = row.cp.value_or(1);
  const std::int64_t gpus = row.num_gpus.value_or(0), one_replica = tp * pp * cp;
  const auto dp = parse_int(cell);
  if (!dp) return {"must be a whole number", ""};
  if (gpus % one_replica == 0 && gpus / one_replica == *dp) return {};
  return {fmt::format("num_gpus {} / (tp {} x pp {} x cp {}) is {:.4g}", gpus, tp, pp, cp,
                      static_cast<double>(gpus) / static_cast<double>(one_replica)),
          "leave the cell empty"};
}

ConfigRow read_row(const CsvRow& cells, const std::vector<const Column*>& columns, const std::string& file_system,
                   ConfigTable& table) {
  ConfigRow row;
  row.line = cells.line;
  const std::string place = fmt::format("{}:{}", table.file, cells.line);
  const auto take_problem = [&](const CellResult& result, std::string_view column, const std::string& cell) {
    if (result.what.empty()) return;
    table.problems.push_back({fmt::format("{}: {}={}", place, column, cell), result.what, result.hint});
  };
  std::string dp_size;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = *columns[i];
    const std::string cell(trim(i < cells.cells.size() ? cells.cells[i] : ""));
    if (is_unset(cell)) {
      const bool needed = column.presence == Presence::required || (column.name == "system" && file_system.empty());
      if (needed) table.problems.push_back({place + ": " + std::string(column.name), "the cell is empty", ""});
      continue;
    }
    if (column.name == kDpSize) {
      dp_size = cell;
      continue;
    }
    take_problem(read_cell(column, cell, row), column.name, cell);
  }
  if (!dp_size.empty()) take_problem(read_dp_size(dp_size, row.request), kDpSize, dp_size);
  take_system(row, file_system, table);
  if (row.request.dtype == "bf16" && row.request.fp8_recipe) {
    table.problems.push_back({fmt::format("{}: fp8_recipe={}", place, *row.request.fp8_recipe), "the dtype is bf16",
                              "leave fp8_recipe empty or write dtype fp8"});
  }
  row.request.model = row.model + "_" + row.size;
  for_each_field([&](const char* name, auto member) {
    if (row.request.*member) row.request.origins[name] = place;
  });
  return row;
}

// A row's meaning as text: equal for rows that say the same, as "8" and "8.0" do.
std::string fingerprint(const ConfigRow& row) {
  std::string text;
  for_each_field([&](std::string_view, auto member) {
    text += (row.request.*member ? value_text(*(row.request.*member)) : "") + '\n';
  });
  return text;
}

void refuse_repeated_rows(const ConfigTable& table) {
  std::map<std::string, int> lines;
  std::vector<Problem> problems;
  for (const ConfigRow& row : table.rows) {
    const auto [first, is_new] = lines.emplace(fingerprint(row), row.line);
    if (is_new) continue;
    problems.push_back({fmt::format("{}:{}", table.file, row.line),
                        fmt::format("is the same row as line {}: every cell is equal", first->second),
                        "delete one of the two"});
  }
  if (!problems.empty()) throw InputError(std::move(problems));
}

std::string nemo_cell(const ConfigRow& row, const Column& column) {
  if (column.name == "model") return row.model;
  if (column.name == "size") return row.size;
  if (column.name == "task" && row.request.task == Task::pretrain) return "pre_train";
  return field_text(row.request, column.field);
}

}  // namespace

ConfigTable read_config_table(const std::filesystem::path& path) {
  const CsvTable csv = read_csv(path);
  ConfigTable table;
  table.file = path.filename().string();
  const std::vector<const Column*> columns = match_header(csv, table.file);
  if (csv.rows.empty()) throw InputError(table.file, "the table has a header and no rows", "add a row");
  const std::string file_system = system_of_file(path);
  for (const CsvRow& cells : csv.rows) {
    const std::size_t problems_before = table.problems.size();
    ConfigRow row = read_row(cells, columns, file_system, table);
    if (table.problems.size() == problems_before) table.rows.push_back(std::move(row));
  }
  refuse_repeated_rows(table);
  return table;
}

std::string export_for_nemo(const ConfigTable& table) {
  std::vector<std::string> header;
  for (const Column& column : kColumns) {
    if (column.nemo) header.emplace_back(column.name);
  }
  std::vector<std::string> lines = {csv_line(header)};
  for (const ConfigRow& row : table.rows) {
    std::vector<std::string> cells;
    for (const Column& column : kColumns) {
      if (column.nemo) cells.push_back(nemo_cell(row, column));
    }
    std::string line = csv_line(cells);
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  return join(lines, "");
}

std::string_view column_of(std::string_view field) {
  for (const Column& column : kColumns) {
    if (column.field == field) return column.name;
  }
  return field;
}

bool has_column(std::string_view field) { return std::ranges::find(kColumns, field, &Column::field) != kColumns.end(); }

}  // namespace perfbench
