// Of several problems the first, where a line has room for one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace perfbench {

// "<first> (and 2 more)" of three problems, of which `first` is what is shown of the first.
std::string first_and_more(std::string_view first, std::size_t problems);

}  // namespace perfbench
