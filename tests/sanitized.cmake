# Shapes at the documented limits under the undefined-behaviour sanitizer, in every build: the units that count elements,
# bytes and slots are compiled a second time for one binary. What only reads files, prints or calls others is linked as it
# is; a unit that is compiled here keeps its twin in the library from being linked.
file(GLOB_RECURSE models CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/models/*.cpp)
file(GLOB counting CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/src/job/family_*.cpp
  ${PROJECT_SOURCE_DIR}/src/job/*_rules.cpp)
list(APPEND counting ${models})
foreach(unit job/fill_job job/layer_split job/linears job/lora_targets job/model_params
    program/buckets program/builder program/data_parallel program/infer program/lane_steps program/liveness
    program/schedule program/shard_parameters program/traffic cost/kernel_work cost/topology sim/memory)
  list(APPEND counting ${PROJECT_SOURCE_DIR}/src/${unit}.cpp)
endforeach()
file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sanitized/*_test.cpp)
set(sanitizers -fsanitize=signed-integer-overflow,shift,integer-divide-by-zero,float-cast-overflow
  -fno-sanitize-recover=all)

add_executable(sanitized_tests ${tests} ${counting})
set_target_properties(sanitized_tests PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
target_compile_definitions(sanitized_tests PRIVATE PERFBENCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_compile_options(sanitized_tests PRIVATE -O1 -g0 ${sanitizers})
target_link_options(sanitized_tests PRIVATE ${sanitizers})
target_link_libraries(sanitized_tests PRIVATE
  perfbench_sim perfbench_models perfbench_warnings GTest::gmock GTest::gtest_main Threads::Threads)
add_test(NAME sanitized.shapes COMMAND sanitized_tests --gtest_brief=1)
perfbench_register(sanitized.shapes "sanitized")
