// Time of fused attention in BF16, as fitted to measured forward kernels.
#pragma once

#include "cost/hardware.h"
#include "cost/kernel_constants.h"

namespace perfbench {

struct AttentionShape {
  double batch = 0.0;
  double seq = 0.0;                    // queries per sample
  double heads = 0.0, kv_heads = 0.0;  // local to one rank
  double head_dim = 0.0;               // of q and k
  bool causal = true;                  // half of the score matrix
  double key_seq = 0.0;                // keys per sample where they are not `seq`
  double attended = 0.0;               // packed: mean over tokens of their sub-sequence's length; 0: nothing is packed
  double value_dim = 0.0;              // of v where it is not head_dim
  bool operator==(const AttentionShape&) const = default;
};

// FLOPs of both products, those above the diagonal left out when causal, and those between sub-sequences.
double attention_forward_flops(const AttentionShape& shape);

// launch + FLOPs / (BF16 peak x efficiency). The efficiency depends on head_dim (interpolated between 64, 128 and 256),
// on the mean keys per query and on the blocks of queries. Measured for causal attention with key_seq = seq from 1024
// to 16384. Rotating q and k is not in it. 0 for an empty shape. Packed, not measured: constants.attention.packed_work
// times the work, at the rate of the pack as one sequence.
double attention_forward_time_s(const KernelConstants& constants, const Hardware& hardware,
                                const AttentionShape& shape);

// Not measured: the forward with constants.attention.backward_flops times the work at backward_rate times the rate.
double attention_backward_time_s(const KernelConstants& constants, const Hardware& hardware,
                                 const AttentionShape& shape);

// What the measured forward kernel does before the products: it rotates q and k and writes k and v to a cache. The
// measured time is this plus attention_forward_time_s; a Program whose rotation is an op of its own leaves it out.
double attention_prepare_time_s(const KernelConstants& constants, const Hardware& hardware,
                                const AttentionShape& shape);

}  // namespace perfbench
