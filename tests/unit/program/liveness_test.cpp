#include "program/liveness.h"

#include <gtest/gtest.h>

namespace perfbench {
namespace {

// Values of 100, 10 and 1 bytes and so on show in the digits of each sum.
class Lives : public ::testing::Test {
 protected:
  ValueId value(std::int64_t bytes, Role role, StateKind state = StateKind::none) {
    ValueType type{.shape = {bytes, 1}, .dtype = DType::f8e4m3, .placement = {}};
    program_.values.push_back({.name = "v", .role = role, .type = type, .state = state});
    return static_cast<ValueId>(program_.values.size() - 1);
  }
  static Node swiglu(ValueId x, ValueId y) { return {.op = SwiGlu{.x = {x}, .y = {y}}}; }
  static Node add(ValueId a, ValueId b, ValueId out) { return {.op = Add{.a = {a}, .b = {b}, .out = {out}}}; }

  Program program_;
};

TEST_F(Lives, FromTheirOpToTheirLastReader) {
  const ValueId input = value(1000, Role::boundary), a = value(100, Role::activation);
  const ValueId b = value(10, Role::activation), output = value(1, Role::activation);
  const ValueId grad_output = value(1, Role::boundary), grad = value(20000, Role::gradient);
  const ValueId grad_input = value(1000, Role::gradient), weight = value(500000, Role::state, StateKind::weight);
  program_.input = input;
  program_.output = output;
  program_.grad_output = grad_output;
  program_.grad_input = grad_input;
  program_.forward = {swiglu(input, a),                 // 1000 + 100; the input goes
                      swiglu(a, b),                     // 100 + 10; `a` stays, the backward reads it
                      add(b, weight, output)};          // 100 + 10 + 1
  program_.backward = {add(grad_output, a, grad),       // 100 + 1 + 20000; both go
                       add(grad, weight, grad_input)};  // 20000 + 1000
  EXPECT_EQ(saved_values(program_), std::vector<ValueId>{a});
  const Liveness live = liveness(program_);
  EXPECT_EQ(live.saved_bytes, 100);
  EXPECT_EQ(live.forward_peak_bytes, 1100);
  EXPECT_EQ(live.backward_peak_bytes, 21000);
}

TEST_F(Lives, ABoundaryThatTheBackwardReadsIsSaved) {
  const ValueId input = value(1000, Role::boundary), output = value(1, Role::activation);
  const ValueId grad_output = value(1, Role::boundary), grad_input = value(1000, Role::gradient);
  program_.input = input;
  program_.output = output;
  program_.grad_output = grad_output;
  program_.grad_input = grad_input;
  program_.forward = {swiglu(input, output)};
  program_.backward = {{.op = SwiGluBackward{.dy = {grad_output}, .x = {input}, .dx = {grad_input}}}};
  const Liveness live = liveness(program_);
  EXPECT_EQ(live.saved_bytes, 1000);
  EXPECT_EQ(live.forward_peak_bytes, 1001);
  EXPECT_EQ(live.backward_peak_bytes, 2001);  // the saved input, the gradient that came, the gradient made
}

TEST_F(Lives, StatesAndDataAreNotCounted) {
  const ValueId weight = value(40, Role::state, StateKind::weight), cast = value(4, Role::state, StateKind::cast);
  const ValueId tokens = value(8, Role::data), out = value(16, Role::activation), grad = value(32, Role::gradient);
  program_.forward = {add(weight, tokens, out)};
  program_.backward = {add(weight, tokens, grad)};
  EXPECT_TRUE(saved_values(program_).empty());
  EXPECT_EQ(liveness(program_).forward_peak_bytes, 16);
  EXPECT_EQ(liveness(program_).backward_peak_bytes, 32);
  EXPECT_EQ(state_bytes(program_, StateKind::weight), 40);
  EXPECT_EQ(state_bytes(program_, StateKind::cast), 4);
  EXPECT_EQ(state_bytes(program_, StateKind::main_grad), 0);
  (void)cast;
}

// While attention runs over two ranks, its ring holds K and V twice: 2 heads of 3 dims, 4 tokens, a byte each.
TEST_F(Lives, TheBuffersOfARingAreAliveWhileItsOpRuns) {
  const ValueType packed{.shape = {4, 18}, .dtype = DType::f8e4m3, .placement = {}};
  program_.values.push_back({.name = "qkv", .role = Role::activation, .type = packed});
  const ValueId qkv = 0, out = value(24, Role::activation), lse = value(8, Role::activation);
  Attention op{.qkv = {qkv}, .out = {out}, .lse = {lse}, .heads = {.heads = 2, .kv_heads = 2, .head_dim = 3}};
  program_.forward = {{.op = op}};
  EXPECT_EQ(liveness(program_).forward_peak_bytes, 72 + 24 + 8);
  program_.mesh.size[Axis::cp] = 2;
  EXPECT_EQ(liveness(program_).forward_peak_bytes, 72 + 24 + 8 + 2 * 48);
}

}  // namespace
}  // namespace perfbench
