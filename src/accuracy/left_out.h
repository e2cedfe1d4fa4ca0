// What each known row would be predicted to be by constants that were fitted without it.
#pragma once

#include <string>
#include <vector>

#include "accuracy/known_rows.h"
#include "accuracy/leave_out.h"
#include "accuracy/robust_fit.h"

namespace perfbench {

// By known row.
struct LeftOut {
  std::vector<double> errors{};      // log(predicted / published)
  std::vector<std::string> folds{};  // what was left out: "megatron_bridge_2511"
  std::vector<RobustFit> fits{};     // one for each different fold, in the order of fold_names
  std::vector<std::string> fold_names{};
};

LeftOut left_out(const KnownRows& known, LeaveOut what);

// The fit that sees every row.
RobustFit fit_all(const KnownRows& known);

// How much each row counts: a series of one document, that differs in GPUs and gbs alone, counts once; odd rows and
// those whose products have another format than was predicted are no part of a fit.
std::vector<double> fit_weights(const KnownRows& known);
// The same for means: odd rows are left out, others count.
std::vector<double> mean_weights(const KnownRows& known);

}  // namespace perfbench
