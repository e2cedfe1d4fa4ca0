// What the words of a heading say of the table below it.
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

// Unset where it names none or more than one.
std::optional<Task> task_in(std::string_view text);

// Unset where it names none or more than one, or "FP8" alone: that is several recipes.
std::optional<Precision> precision_in(std::string_view text);

// "automodel", "megatron" (NeMo 2's performance scripts run Megatron-Core), or "".
std::string stack_in(std::string_view text);

}  // namespace perfbench
