#include "import/import_words.h"

#include <cctype>
#include <set>
#include <vector>

#include "base/text.h"

namespace perfbench {
namespace {

template <typename Value>
struct Phrase {
  std::string_view words;  // in lower case, with one space between words
  Value value;
};

constexpr Phrase<Task> kTasks[] = {
    {"pre training", Task::pretrain},
    {"pretraining", Task::pretrain},
    {"pre train", Task::pretrain},
    {"pretrain", Task::pretrain},
    {"sft", Task::sft},
    {"supervised fine tuning", Task::sft},
    {"full fine tuning", Task::sft},
    {"supervised finetuning", Task::sft},
    {"lora", Task::lora},
    {"peft", Task::lora},
};

constexpr Phrase<Precision> kPrecisions[] = {
    {"bf16", Precision::bf16},    {"bfloat16", Precision::bf16},         {"fp8cs", Precision::fp8cs},
    {"fp8 cs", Precision::fp8cs}, {"current scaling", Precision::fp8cs}, {"fp8ds", Precision::fp8ds},
    {"fp8 ds", Precision::fp8ds}, {"delayed scaling", Precision::fp8ds}, {"mxfp8", Precision::mxfp8},
    {"fp8 mx", Precision::mxfp8}, {"nvfp4", Precision::nvfp4},
};

// The first that occurs.
constexpr Phrase<std::string_view> kStacks[] = {
    {"automodel", "automodel"},
    {"auto model", "automodel"},
    {"megatron", "megatron"},
    {"nemo", "megatron"},
};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : lower(text)) {
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (letter && !in_word) words.emplace_back();
    if (letter) words.back() += c;
    in_word = letter;
  }
  return words;
}

// " pre training system dgx h100 "
std::string spaced(std::string_view text) { return " " + join(words_of(text), " ") + " "; }

bool holds(const std::string& spaced_text, std::string_view words) {
  return spaced_text.find(" " + std::string(words) + " ") != std::string::npos;
}

template <typename Value>
std::optional<Value> only_value(std::string_view text, std::span<const Phrase<Value>> phrases) {
  const std::string all = spaced(text);
  std::set<Value> found;
  for (const Phrase<Value>& phrase : phrases)
    if (holds(all, phrase.words)) found.insert(phrase.value);
  return found.size() == 1 ? std::optional(*found.begin()) : std::nullopt;
}

}  // namespace

std::string system_in(std::string_view text, std::span<const std::string> systems) {
  for (const std::string& word : words_of(text)) {
    for (const std::string& system : systems) {
      const bool starts = word.starts_with(system);
      if (starts &&
          (word.size() == system.size() || std::isdigit(static_cast<unsigned char>(word[system.size()])) == 0))
        return system;
    }
  }
  return "";
}

std::string model_in(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || lower(trim(text.substr(0, colon))) != "model") return "";
  return std::string(trim(text.substr(colon + 1)));
}

std::optional<TwoValues> two_values(std::string_view cell) {
  const std::size_t open = cell.find('(');
  if (open == std::string_view::npos || !cell.ends_with(')')) return std::nullopt;
  const std::string_view first = trim(cell.substr(0, open)),
                         second = trim(cell.substr(open + 1, cell.size() - open - 2));
  if (first.empty() || second.empty()) return std::nullopt;
  return TwoValues{std::string(first), std::string(second)};
}

std::optional<Task> task_in(std::string_view text) { return only_value<Task>(text, kTasks); }

std::optional<Precision> precision_in(std::string_view text) { return only_value<Precision>(text, kPrecisions); }

std::string stack_in(std::string_view text) {
  const std::string all = spaced(text);
  for (const auto& phrase : kStacks)
    if (holds(all, phrase.words)) return std::string(phrase.value);
  return "";
}

}  // namespace perfbench
