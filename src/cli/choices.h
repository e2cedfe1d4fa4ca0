// Words of flags that stand for the values of an enum: behind the door there are no words.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "accuracy/leave_out.h"
#include "engine/device.h"
#include "job/resolve.h"
#include "rows/step_lines.h"
#include "runners/mode.h"

namespace perfbench {

// Of a file that `import` reads: `automatic` looks at it.
enum class ImportFormat : std::uint8_t { automatic, table, log };

template <typename Enum>
struct Choice {
  std::string_view word;
  Enum value;
};

// The words of each enum that a flag sets; the flag's `choices` are the same.
template <typename Enum>
struct Choices;

template <>
struct Choices<Mode> {
  static constexpr std::array kAll{Choice<Mode>{"auto", Mode::automatic}, Choice<Mode>{"measure", Mode::measure},
                                   Choice<Mode>{"slice", Mode::slice}, Choice<Mode>{"simulate", Mode::simulate}};
};
template <>
struct Choices<Device> {
  static constexpr std::array kAll{Choice<Device>{"cpu", Device::cpu}, Choice<Device>{"cuda", Device::cuda}};
};
template <>
struct Choices<SliceStage> {
  static constexpr std::array kAll{
      Choice<SliceStage>{"first", SliceStage::first}, Choice<SliceStage>{"middle", SliceStage::middle},
      Choice<SliceStage>{"last", SliceStage::last}, Choice<SliceStage>{"all", SliceStage::all}};
};
template <>
struct Choices<StepLogFormat> {
  static constexpr std::array kAll{Choice<StepLogFormat>{"nemo", StepLogFormat::nemo},
                                   Choice<StepLogFormat>{"megatron", StepLogFormat::megatron},
                                   Choice<StepLogFormat>{"none", StepLogFormat::none}};
};
template <>
struct Choices<Compat> {
  static constexpr std::array kAll{Choice<Compat>{"perfbench", Compat::perfbench},
                                   Choice<Compat>{"nemo", Compat::nemo}};
};
template <>
struct Choices<ImportFormat> {
  static constexpr std::array kAll{Choice<ImportFormat>{"auto", ImportFormat::automatic},
                                   Choice<ImportFormat>{"table", ImportFormat::table},
                                   Choice<ImportFormat>{"log", ImportFormat::log}};
};

template <>
struct Choices<LeaveOut> {
  static constexpr std::array kAll{
      Choice<LeaveOut>{"row", LeaveOut::row}, Choice<LeaveOut>{"release", LeaveOut::release},
      Choice<LeaveOut>{"system", LeaveOut::system}, Choice<LeaveOut>{"model", LeaveOut::model}};
};

template <typename Enum>
constexpr std::optional<Enum> parse_choice(std::string_view word) {
  for (const auto& choice : Choices<Enum>::kAll)
    if (choice.word == word) return choice.value;
  return std::nullopt;
}

template <typename Enum>
constexpr std::string_view word_of(Enum value) {
  for (const auto& choice : Choices<Enum>::kAll)
    if (choice.value == value) return choice.word;
  return "?";
}

}  // namespace perfbench
