// Published tables as printed, with what perfbench knows of each row's model, system and software.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "job/model_spec.h"
#include "job/stack.h"
#include "job/system_spec.h"
#include "job/terms.h"
#include "rows/flops_quirks.h"

namespace perfbench {

struct AuditedCell {
  std::string heading;         // as printed
  std::string name;            // of the value, as rows have it ("gbs"); of other columns the heading's letters ("sp")
  std::string text;            // as printed
  double to_named_unit = 1.0;  // factor from the printed unit to that of the name
};

struct AuditedRow {
  std::string table;  // file name
  int line = 0;       // of the file
  std::string id{}, section{}, model_text{}, system_text{};
  std::vector<AuditedCell> cells{};  // in the order of the columns, without the project's own
  std::optional<Task> task{};
  std::optional<Precision> precision{};
  // Of Facts, which must outlive the row; nullptr: not known.
  const ModelSpec* model = nullptr;
  const SystemSpec* system = nullptr;
  const Stack* stack = nullptr;
  TableFlops flops{};
  std::vector<TableFlops> elsewhere{};  // of a row without a convention: how known tables count this model
};

struct AuditedTable {
  std::string name;  // file name
  int line = 1;      // of the header
  std::vector<AuditedRow> rows{};
};

// A command line that a document gives for a row of its table.
struct AuditedCommand {
  std::string row;      // id
  std::string variant;  // "fp8", "mxfp8"
  std::string command;
  const ModelSpec* model = nullptr;  // that its module names, as "pretrain_llama3_8b" does; of Facts
};

struct AuditInput {
  std::vector<AuditedTable> tables{};
  std::vector<AuditedCommand> commands{};
  std::vector<std::string> warnings{};  // of documents that were imported
};

// The cell of the value; of several columns of one value the first that is set, else the first; nullptr: no column.
const AuditedCell* find_cell(const AuditedRow& row, std::string_view name);
std::string heading_of(const AuditedRow& row, std::string_view name);  // the name itself where there is no column
std::string text_of(const AuditedRow& row, std::string_view name);     // "" where there is no column

// The number in the cell; nullopt where it is not printed, is no number or is not above 0.
std::optional<std::int64_t> count_of(const AuditedRow& row, std::string_view name);
std::optional<double> figure_of(const AuditedRow& row, std::string_view name);
// Half a unit of the last digit that is printed, as a share of the number: "4.30" gives 0.005 / 4.3. 0 where nothing is
// printed.
double rounding_of(const AuditedRow& row, std::string_view name);

// The batch of a row; a number that no job can have is taken as not printed. GBS and MBS are taken as exchanged where
// the printed MBS is over the printed GBS.
struct PrintedBatch {
  std::optional<std::int64_t> gbs{}, mbs{}, lbs{}, ga{};
  std::optional<std::int64_t> dp{};  // num_gpus / (tp pp cp); unset where that is not whole
  bool exchanged = false;
};
PrintedBatch batch_of(const AuditedRow& row);

// lbs x ga x dp, with mbs where no lbs is printed. A double, since it may be over 64 bits; exact where it can equal
// gbs.
double samples_of_step(const PrintedBatch& batch);

// gbs x seq_len / (step time x GPUs); nullopt where one is not printed.
std::optional<double> tokens_of_step_time(const AuditedRow& row);

// A number as a table would print it: "6476", "658.6".
std::string number_text(double value);

// A finding about a cell of the row, with the cell's text.
Finding finding_at(const AuditedRow& row, std::string_view rule, std::string_view name);

// What `check` finds in each row of each table.
Findings in_each_row(const AuditInput& input, Findings (*check)(const AuditedRow&));

}  // namespace perfbench
