// From what is asked to a Job: the base row, the defaults, the checks.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "job/catalog.h"
#include "job/config_table.h"
#include "job/job.h"
#include "job/request.h"

namespace perfbench {

// Whose defaults fill what is left out.
enum class Compat { perfbench, nemo };

// The table row that a request starts from.
struct RowChoice {
  std::optional<ConfigRow> row;    // none: the table has no row of this model, task and system
  bool layout_overridden = false;  // flags of GPUs, layout or tuning override the row's values
  std::string sentence;            // one line for the user: which row, of how many, and why
};

// `flags` with what is implied before any row is looked at. perfbench: task pretrain; dtype fp8 where only a recipe is
// given. nemo: task pretrain, system h100, dtype bf16, recipe ds. Each with its origin.
Request with_defaults(Request flags, Compat compat);

// perfbench: of the rows of the model, task and system the one that row_preference.h puts first; flags that it does not
// agree with override it. nemo: rows of the model, task and dtype (bf16 unless given) and fp8 recipe (ds unless given)
// and, where given, num_gpus; the first. NeMo's own tables have no recipe, so when no row has the recipe, any row of
// the dtype will do.
RowChoice choose_row(const Request& flags, const ConfigTable& table, const Catalog& catalog, Compat compat);

// Fills what is still unset (stack, rules) and checks every rule of a Job at once. Throws InputError with all broken
// rules (where = "file:line: column" or the flag), Unsupported(feature "model") when the catalog lacks the model of a
// table row.
Job make_job(const Request& request, const Catalog& catalog);

// All of it for a command line: defaults, the system's config table, its row, the Job.
struct Resolved {
  Job job;
  RowChoice choice;
  std::vector<std::string> warnings;  // of the config table
};
// `table` is read instead of the system's own table, which may be missing; a given one must exist.
Resolved resolve(const Request& flags, const Catalog& catalog, Compat compat,
                 const std::optional<std::filesystem::path>& table = std::nullopt);

}  // namespace perfbench
