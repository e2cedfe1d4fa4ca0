// The lists that an op gives of itself: every walk goes by them.
#include "program/operands.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace perfbench {
namespace {

template <class OpType>
void expect_named_once() {
  std::set<std::string_view> names;
  const auto add = [&](const auto&... field) {
    for (const std::string_view name : std::vector<std::string_view>{field.name...}) {
      EXPECT_TRUE(names.insert(name).second) << OpType::kName << " names " << name << " twice";
    }
  };
  std::apply(add, OpType::operands());
  std::apply(add, OpType::fields());
}

struct Anything {
  template <class Member>
  operator Member() const;
};

template <class OpType, std::size_t... Index>
constexpr bool is_made_of(std::index_sequence<Index...>) {
  return requires { OpType{((void)Index, Anything{})...}; };
}

// A member in neither list would be read by no walk.
template <class OpType>
void expect_complete() {
  constexpr std::size_t kListed =
      std::tuple_size_v<decltype(OpType::operands())> + std::tuple_size_v<decltype(OpType::fields())>;
  EXPECT_TRUE(is_made_of<OpType>(std::make_index_sequence<kListed>())) << OpType::kName;
  EXPECT_FALSE(is_made_of<OpType>(std::make_index_sequence<kListed + 1>())) << OpType::kName << " lists too little";
}

template <std::size_t... Index>
void each_op(std::index_sequence<Index...>) {
  (expect_named_once<std::variant_alternative_t<Index, Op>>(), ...);
  (expect_complete<std::variant_alternative_t<Index, Op>>(), ...);
}

TEST(Operands, AndFieldsNameEveryMemberOfEveryOpOnce) { each_op(std::make_index_sequence<std::variant_size_v<Op>>()); }

TEST(Operands, ComeInOrderWithNamesAndWithoutThoseThatAreAbsent) {
  const Op op = RmsNorm{.x = {3}, .weight = {5}, .y = {7}, .rstd = {8}};
  std::vector<std::string> found;
  for (const Operand& operand : collect(op)) {
    found.push_back(std::string(operand_name(op, operand.id)) + (operand.writes() ? ">" : "<") +
                    std::to_string(operand.id));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"x<3", "weight<5", "y>7", "rstd>8"}));
  EXPECT_EQ(results(op), (std::vector<ValueId>{kNoValue, 7, 8}));
}

TEST(Operands, OfAListAreEachRenamed) {
  Op op = ScatterGrads{.dws = {{1}, {2}}, .main_grads = {{3}, {4}}};
  rename(op, [](const Operand& o) { return o.use == Use::in ? o.id + 10 : o.id; });
  const auto& renamed = std::get<ScatterGrads>(op);
  EXPECT_EQ(renamed.dws[1].id, 12);
  EXPECT_EQ(renamed.main_grads[1].id, 4);
  EXPECT_TRUE(takes_list(op));
  EXPECT_FALSE(takes_list(Add{}));
}

TEST(OpClasses, SayOnWhichLaneAnOpRuns) {
  EXPECT_EQ(class_of(Matmul{}), OpClass::product);
  EXPECT_EQ(lane_of(Matmul{}), Lane::compute);
  EXPECT_EQ(lane_of(CrossEntropy{}), Lane::compute);  // its collectives are hidden steps
  EXPECT_EQ(lane_of(AllGather{.axis = Axis::cp}), Lane::cp);
  EXPECT_EQ(lane_of(ReduceGrads{}), Lane::dp);
}

}  // namespace
}  // namespace perfbench
