#include "cli/flags_expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/redact.h"
#include "base/text.h"
#include "cli/flags.h"
#include "job/recorded_slurm.h"

namespace perfbench {
namespace {

std::string_view before_equals(std::string_view arg) { return arg.substr(0, arg.find('=')); }

bool is_flag(std::string_view arg) { return arg.starts_with("--") || find_flag(before_equals(arg)) != nullptr; }

// "-x", but neither "-" nor a negative number.
bool looks_like_flag(std::string_view arg) {
  return arg.size() > 1 && arg.front() == '-' && !parse_double(arg) && arg != "--";
}

bool is_python(std::string_view word) {
  word.remove_prefix(word.find_last_of('/') == std::string_view::npos ? 0 : word.find_last_of('/') + 1);
  return word == "python" || word.starts_with("python3");
}

// How much of an argument is a spelling of a secret with something glued to it, "-hf" of "-hfTOKEN"; 0: nothing.
std::size_t secret_spelling_size(std::string_view arg) {
  std::size_t most = 0;
  for (const Flag& flag : flags()) {
    if (flag.kind != FlagKind::secret) continue;
    for (std::size_t size = arg.size(); size > most; --size)
      if (find_flag(arg.substr(0, size)) == &flag) most = size;
  }
  return most;
}

constexpr std::string_view kSlurmParameters = "additional_slurm_params";

// What of a value may be recorded: "***" of a secret, of every other value what redacted() leaves.
std::string recorded_value(const Flag& flag, std::string_view value) {
  if (flag.kind == FlagKind::secret) return "***";
  return flag.name == kSlurmParameters ? recorded_slurm_params(value) : redacted(value);
}

// Whether the value is not to be seen at all, so that it goes from the list of processes, too.
bool hides_value(const Flag& flag, std::string_view value) {
  if (flag.kind == FlagKind::secret) return true;
  return flag.name == kSlurmParameters && recorded_slurm_params(value) != value;
}

// Nearness is that of the names without their dashes.
Problem unknown_flag(std::string_view spelling) {
  const auto bare = [](std::string_view name) {
    return std::string(name.substr(std::min(name.find_first_not_of('-'), name.size())));
  };
  const std::vector<std::string> spellings = flag_spellings();
  std::vector<std::string> names;
  names.reserve(spellings.size());
  for (const std::string& known : spellings) names.push_back(bare(known));
  std::vector<std::string> near;
  for (const std::string& name : nearest(bare(spelling), names))
    near.push_back(spellings[std::find(names.begin(), names.end(), name) - names.begin()]);
  return {
      .where = std::string(spelling),
      .what = "no such flag",
      .hint = near.empty() ? "perfbench --help lists all flags" : fmt::format("did you mean {}?", join(near, ", "))};
}

class Expander {
 public:
  explicit Expander(const std::vector<std::string>& args) : args_(args) {}

  ExpandedArguments expand() {
    while (next_ < args_.size()) {
      const std::string& arg = args_[next_++];
      if (arg == "--") {
        while (next_ < args_.size()) add_word(args_[next_++]);
      } else if (is_python(arg) && next_ < args_.size() && args_[next_] == "-m") {
        ++next_;
      } else if (looks_like_flag(arg)) {
        add_flag(arg);
      } else {
        add_word(arg);
      }
    }
    return std::move(out_);
  }

 private:
  void add_word(const std::string& word) {
    out_.words.push_back(word);
    out_.given.emplace_back("", redacted(word));
  }

  void add_flag(std::string_view arg) {
    const std::string spelling(before_equals(arg));
    const Flag* flag = find_flag(spelling);
    if (flag == nullptr) return add_unknown(arg, spelling);
    const std::size_t equals = arg.find('=');
    const std::optional<std::string> attached =
        equals == std::string_view::npos ? std::nullopt : std::optional(std::string(arg.substr(equals + 1)));
    if (flag->kind == FlagKind::on) {
      if (attached) out_.problems.push_back({spelling, "takes no value", "leave the value out"});
      add(*flag, spelling, std::nullopt);
    } else if (const std::optional<std::string> value = attached ? attached : following_value(flag->kind)) {
      add(*flag, spelling, *value);
      if (hides_value(*flag, *value)) out_.hidden.push_back({next_ - 1, attached ? equals + 1 : 0});
    } else if (flag->kind != FlagKind::optional_integer) {
      out_.problems.push_back({spelling, fmt::format("needs a value, {}", flag->value), std::string(flag->sentence)});
    }
  }

  void add_unknown(std::string_view arg, std::string_view spelling) {
    const std::size_t size = secret_spelling_size(arg);
    if (size == 0) return out_.problems.push_back(unknown_flag(spelling));
    Problem problem = unknown_flag(arg.substr(0, size));
    problem.where += "...";
    problem.what += "; the rest is not shown, for it may be a secret";
    out_.problems.push_back(std::move(problem));
    out_.hidden.push_back({next_ - 1, size});
  }

  // A secret may begin like a flag; only a known one is not taken for it.
  std::optional<std::string> following_value(FlagKind kind) {
    if (kind == FlagKind::list) {
      std::vector<std::string> values;
      while (next_ < args_.size() && !is_flag(args_[next_])) values.push_back(args_[next_++]);
      return join(values, ",");
    }
    if (next_ == args_.size()) return std::nullopt;
    const std::string& next = args_[next_];
    const bool taken = kind == FlagKind::secret ? find_flag(before_equals(next)) == nullptr : !is_flag(next);
    if (!taken) return std::nullopt;
    return args_[next_++];
  }

  void add(const Flag& flag, const std::string& spelling, const std::optional<std::string>& value) {
    out_.args.push_back("--" + std::string(flag.name));
    if (value) out_.args.push_back(*value);
    out_.spelling[std::string(flag.name)] = spelling;
    out_.given.emplace_back(spelling, recorded_value(flag, value.value_or("")));
  }

  const std::vector<std::string>& args_;
  std::size_t next_ = 0;
  ExpandedArguments out_;
};

}  // namespace

ExpandedArguments expand_arguments(const std::vector<std::string>& args) { return Expander(args).expand(); }

}  // namespace perfbench
