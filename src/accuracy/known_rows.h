// Published rows with a result, and what perfbench predicts for each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job/catalog.h"
#include "job/job.h"
#include "job/sourced.h"
#include "rows/published_row.h"

namespace perfbench {

// A constant that rows decide: of a stack's file or of physics.json, shared by all stacks that inherit it.
struct Unknown {
  std::string key;    // "gemm_fp8"
  std::string owner;  // "megatron_2504", "physics"
  double value = 0.0;
  Prior prior;

  // How far `value` is from the prior, in the prior's deviations of the logarithm.
  double place() const;
  double at(double place) const;
};

struct KnownRow {
  PublishedRow published{};
  std::string document{};  // the file of its table without ".csv": one release of one document
  std::string software{};  // what the stack that its stack goes back to is called: "megatron", "automodel"
  Job job{};
  // No Program has its precision: it is predicted in FP8 with current scaling. Delayed scaling costs the same; products
  // in a format of their own do not, so that such a row decides no constant.
  bool as_current_scaling = false, other_format = false;
  bool shown = true;  // in what is reported; a fit sees rows that nobody asked for, too
  std::string odd{};  // why no sane model hits it; such a row is predicted, and neither fitted nor counted
  double published_tokens_per_s = 0.0, predicted_tokens_per_s = 0.0;  // per GPU
  std::optional<double> published_mfu{};                              // of its own precision's peak, stack's convention
  std::optional<double> peak_memory_gib{};
  bool fits = true;              // into the GPU's memory, as predicted
  std::vector<double> slopes{};  // of error(), for each Unknown moved by one deviation

  double error() const;  // log(predicted / published)
};

struct UnpredictedRow {
  PublishedRow published{};
  std::string document{}, software{};  // software is empty where what is printed is no job
  bool has_experts = false;
  std::string reason{};
};

struct KnownRows {
  std::vector<KnownRow> rows{};
  std::vector<UnpredictedRow> unpredicted{};
  std::vector<Unknown> unknowns{};
};

// All rows of <data>/published with a figure per step, in the order of systems and tables. Reads every table and
// predicts every row. Throws InputError for a table that can't be read.
KnownRows known_rows(const Catalog& catalog);

}  // namespace perfbench
