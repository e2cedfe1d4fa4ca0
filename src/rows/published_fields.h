// The numbers of a published row by the names that rows of perfbench have for them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rows/published_row.h"

namespace perfbench {

struct PublishedCount {
  std::string_view name;
  std::optional<std::int64_t> PublishedRow::*field;
};

struct PublishedFigure {
  std::string_view name;
  std::optional<double> PublishedRow::*field;
};

inline constexpr std::array kPublishedCounts{PublishedCount{"num_gpus", &PublishedRow::num_gpus},
                                             PublishedCount{"gbs", &PublishedRow::gbs},
                                             PublishedCount{"mbs", &PublishedRow::mbs},
                                             PublishedCount{"lbs", &PublishedRow::lbs},
                                             PublishedCount{"seq_len", &PublishedRow::seq_len},
                                             PublishedCount{"fsdp", &PublishedRow::fsdp},
                                             PublishedCount{"tp", &PublishedRow::tp},
                                             PublishedCount{"pp", &PublishedRow::pp},
                                             PublishedCount{"cp", &PublishedRow::cp},
                                             PublishedCount{"vp", &PublishedRow::vp},
                                             PublishedCount{"ep", &PublishedRow::ep},
                                             PublishedCount{"dp", &PublishedRow::dp},
                                             PublishedCount{"ga", &PublishedRow::ga}};

inline constexpr std::array kPublishedFigures{
    PublishedFigure{"step_time_s", &PublishedRow::step_time_s},
    PublishedFigure{"tokens_per_s_per_gpu", &PublishedRow::tokens_per_s_per_gpu},
    PublishedFigure{"model_tflops_per_gpu", &PublishedRow::model_tflops_per_gpu}};

}  // namespace perfbench
