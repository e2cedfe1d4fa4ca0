// The summary that NeMo AutoModel's benchmark recipe writes as JSON: means of a run, no single steps.
#pragma once

#include <string>
#include <string_view>

#include "import/import_log.h"

namespace perfbench {

bool is_automodel_summary(std::string_view text);

// Throws InputError for a key that is missing or no number. Its "tflops_per_gpu" is TFLOP of one global step, no rate,
// and isn't read.
RunLog automodel_summary(std::string_view text, const std::string& file);

}  // namespace perfbench
