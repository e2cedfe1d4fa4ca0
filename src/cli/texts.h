// Texts that lie in files beside this one; cmake/texts.cmake makes them part of the executable.
#pragma once

#include <string>
#include <string_view>

namespace perfbench {

std::string_view help_template();        // help.txt
std::string_view completion_template();  // completion.bash

// `text` with `lines` in the place of the one line that is `mark`.
std::string with_lines(std::string_view text, std::string_view mark, std::string_view lines);

}  // namespace perfbench
