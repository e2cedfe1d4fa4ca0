#include "program/backward.h"

#include <fmt/format.h>

#include "program/backward/rules.h"

namespace perfbench {

void refuse_backward(std::string_view op) { throw ProgramError(fmt::format("{}: has no place in a forward", op)); }

void derive_backward(Program& program, const Policy& policy) {
  BackwardContext context(program, policy);
  if (program.output != kNoValue) {
    context.build().enter_layer(-1);
    program.grad_output = context.build().boundary("grad_output", program.type(program.output).shape);
    program[program.grad_output].type.dtype = program.type(program.output).dtype;
    context.start(program.output, program.grad_output);
  }
  for (std::size_t i = program.forward.size(); i-- > 0;) {
    const Node& node = program.forward[i];
    context.build().enter_layer(node.layer);
    std::visit([&context](const auto& op) { backward(op, context); }, node.op);
  }
  if (program.input != kNoValue) program.grad_input = context.gradient(program.input);
}

}  // namespace perfbench
