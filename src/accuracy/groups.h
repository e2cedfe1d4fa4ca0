// Errors of predictions, by groups of published rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accuracy/known_rows.h"
#include "accuracy/left_out.h"

namespace perfbench {

// An error log(predicted / published), in percent of the published.
double percent_of(double error);

// Of predicted tokens/s, in percent of the published ones. A series of one document on more and more GPUs counts once.
struct Errors {
  double mape_percent = 0.0, median_percent = 0.0;  // of the sizes
  double bias_percent = 0.0;                        // the mean; above 0: predicted too fast
  double worst_percent = 0.0;                       // the largest in size, with its sign
  std::string worst_row{};
  std::optional<double> coverage_percent{};  // rows that their likely range holds
};

struct GroupAccuracy {
  std::string name{};
  std::string filter{};               // as `--where` has it: "software=megatron,preferred=0"; empty: all
  std::int64_t rows = 0;              // predicted and counted
  std::int64_t odd = 0;               // predicted, not counted
  std::int64_t unpredicted = 0;       // no Program, or no job
  std::int64_t oom = 0;               // of the rows: ran as published and is predicted not to fit
  std::optional<Errors> predicted{};  // unset without rows
  std::optional<Errors> left_out{};
  // What the mean MFU of all other rows of the row's system would give, those left out with the row apart.
  std::optional<Errors> copied{};
};

// The groups that always are, then one for each document and each system.
std::vector<GroupAccuracy> group_accuracies(const KnownRows& known, const LeftOut& out);

// Names that a filter of published rows may ask for.
std::vector<std::string> known_row_names();
// Only rows that agree with NAME=VALUE,... are shown; fits see all of them. Throws InputError for an unknown name.
void show_where(KnownRows& known, const std::string& where);

}  // namespace perfbench
