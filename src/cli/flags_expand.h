// From the spellings of NeMo's command lines to the one that the parser knows.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace perfbench {

// What of an argument nobody may see: from `offset` to its end.
struct HiddenPart {
  std::size_t argument = 0, offset = 0;
};

struct ExpandedArguments {
  std::vector<std::string> args;                             // "--tensor_parallel_size", "4"; a list is one "a,b"
  std::vector<std::string> words;                            // what is neither a flag nor its value
  std::map<std::string, std::string, std::less<>> spelling;  // long name -> the last spelling used: "-tp"
  std::vector<std::pair<std::string, std::string>>
      given;                      // (spelling, value) in order, without what is secret; a word is ("", word)
  std::vector<Problem> problems;  // unknown flags with the nearest ones, missing values
  std::vector<HiddenPart> hidden;
};

// Accepts a single dash before several letters, "-tp=4", dashes for underscores, and `python -m MODULE`, of which
// MODULE stays as a word. A flag that needs a value takes the next argument unless that is a flag; "--" makes words of
// the rest. What is glued to the name of a secret ("-hfTOKEN") is an unknown flag that no message quotes.
ExpandedArguments expand_arguments(const std::vector<std::string>& args);

}  // namespace perfbench
