// What the words of a heading or a cell say of a table's rows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "job/terms.h"

namespace perfbench {

// The first of the words of `text` that is one of `systems` or starts with it ("DGX-GB200", "H100(also H200)"); "" if
// none.
std::string system_in(std::string_view text, std::span<const std::string> systems);

// "LLAMA3_70B" of "Model: LLAMA3_70B"; "" for any other text.
std::string model_in(std::string_view text);

struct TwoValues {
  std::string first, second;
};

// Of "37556 (36108)" and "FP8-CS (FP8-MX)"; unset where nothing stands in parentheses at the end.
std::optional<TwoValues> two_values(std::string_view cell);

// Unset where it names none or more than one.
std::optional<Task> task_in(std::string_view text);

// Unset where it names none or more than one, or "FP8" alone: that is several recipes.
std::optional<Precision> precision_in(std::string_view text);

// "automodel", "megatron" (NeMo 2's performance scripts run Megatron-Core), or "".
std::string stack_in(std::string_view text);

}  // namespace perfbench
