// UTF-8: whether bytes are it, and how to show those that are not.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace perfbench {

// Offset of the first byte that no well-formed UTF-8 text (RFC 3629) holds there; nothing where all are well formed.
std::optional<std::size_t> first_bad_utf8(std::string_view text);

// Each byte that belongs to no character becomes U+FFFD; everything else stays.
std::string with_bad_utf8_replaced(std::string_view text);

}  // namespace perfbench
