// Heads of the packed q|k|v: queries, then keys, then values of a token side by side.
#pragma once

#include <cstdint>

namespace perfbench {

struct Heads {
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;  // local to one rank
  std::int64_t packed_width() const { return (heads + 2 * kv_heads) * head_dim; }
  std::int64_t out_width() const { return heads * head_dim; }
};

}  // namespace perfbench
