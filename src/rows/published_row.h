// One row of a published performance table, as far as it was printed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "job/terms.h"

namespace perfbench {

// A printed cell that is wrong, and what it should be; the table itself stays as printed.
struct Correction {
  std::string column;   // the heading of the published table
  std::string printed;  // as it stands there
  std::string value;    // used instead
  std::string reason;
  bool operator==(const Correction&) const = default;
};

struct PublishedRow {
  std::string row{};      // its id: "001-19"
  std::string source{};   // "<file>:<line>"
  std::string section{};  // the heading above the table
  std::string model{};    // as printed
  std::string system{};
  std::optional<Task> task{};
  std::optional<Precision> precision{};
  std::string stack{};
  // Unset where the table has no such column, or has "-", "n/a" or nothing in the cell, or 0 for vp and ep.
  std::optional<std::int64_t> num_gpus{}, gbs{}, mbs{}, lbs{}, seq_len{}, tp{}, pp{}, cp{}, vp{}, ep{}, dp{}, fsdp{},
      ga{};
  bool fsdp_is_size = false;  // `fsdp` counts the ranks that share the parameters; else it is a flag
  // "none", "selective", "full", "layers" (not all, but whole) or "some" (nobody says of what); "" where not printed
  std::string recompute{};
  std::optional<double> step_time_s{}, tokens_per_s_per_gpu{}, model_tflops_per_gpu{};
  std::vector<Correction> corrections{};  // already applied to the fields above

  // Some tables recommend layouts and print no result.
  bool has_result() const { return step_time_s || tokens_per_s_per_gpu || model_tflops_per_gpu; }
  bool operator==(const PublishedRow&) const = default;
};

// The keys that a row of perfbench has for what is asked and for the result, null where not printed, then the row's id,
// source and corrections. `fsdp` is as printed, `fsdp_is_size` says how to read it.
Json to_json(const PublishedRow& row);
// The reverse. Throws InputError (`where` is the file) for keys or types that to_json() does not write.
PublishedRow published_row_from_json(const Json& json, const std::string& where);

}  // namespace perfbench
