# Libraries that are no engine of this version, and the real one where it is built.
if(NOT TARGET engine_test)
  return()
endif()
add_library(engine_of_another_version MODULE unit/engine/another_version.cpp)
add_library(not_an_engine MODULE unit/engine/not_an_engine.cpp)
foreach(fake engine_of_another_version not_an_engine)
  set_target_properties(${fake} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_include_directories(${fake} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${fake} PRIVATE perfbench_warnings)
  add_dependencies(engine_test ${fake})
endforeach()
# By the name that the driver's library has, so that a command finds it in LD_LIBRARY_PATH.
add_library(fake_nvml SHARED unit/engine/fake_nvml.cpp)
set_target_properties(fake_nvml PROPERTIES
  OUTPUT_NAME nvidia-ml SUFFIX .so.1 LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/fake_nvml)
target_include_directories(fake_nvml PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(fake_nvml PRIVATE perfbench_warnings)
add_dependencies(engine_test fake_nvml)
# An engine of a machine with GPUs, for tests of the executable beside it.
add_library(gpu_engine MODULE unit/engine/gpu_engine.cpp)
set_target_properties(gpu_engine PROPERTIES
  OUTPUT_NAME perfbench_engine LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/gpu_engine)
target_compile_definitions(gpu_engine PRIVATE PERFBENCH_VERSION="${PROJECT_VERSION}")
target_link_libraries(gpu_engine PRIVATE perfbench_program perfbench_warnings)
add_dependencies(engine_test gpu_engine)
target_compile_definitions(engine_test PRIVATE PERFBENCH_FAKE_NVML="$<TARGET_FILE:fake_nvml>")
target_compile_definitions(engine_test PRIVATE
  PERFBENCH_FAKE_ENGINES="${PROJECT_BINARY_DIR}/tests" PERFBENCH_VERSION="${PROJECT_VERSION}")

if(TARGET perfbench_engine_library)
  target_sources(engine_test PRIVATE unit/engine/real_engine.cpp)
  target_compile_definitions(engine_test PRIVATE PERFBENCH_ENGINE_LIBRARY="$<TARGET_FILE:perfbench_engine_library>")
  add_dependencies(engine_test perfbench_engine_library)
endif()

# Parity tests open the engine; where it is not built they skip and say so.
if(TARGET parity_tests)
  set(engine_library "")
  if(TARGET perfbench_engine_library)
    set(engine_library "$<TARGET_FILE:perfbench_engine_library>")
    add_dependencies(parity_tests perfbench_engine_library)
  endif()
  target_compile_definitions(parity_tests PRIVATE PERFBENCH_ENGINE_LIBRARY="${engine_library}")
  # On a GPU; without one this entry counts as skipped.
  add_test(NAME gpu.parity COMMAND parity_tests --gtest_filter=*Gpu*)
  perfbench_register(gpu.parity gpu)
  set_tests_properties(gpu.parity PROPERTIES SKIP_REGULAR_EXPRESSION "no CUDA device")
endif()

# Single ops against LibTorch's autograd, and their overhead: these see the engine's own units.
if(TARGET perfbench_engine_torch)
  get_target_property(libtorch_include libtorch::cpu INTERFACE_INCLUDE_DIRECTORIES)
  add_library(op_cases STATIC ops/op_cases.cpp ops/expert_cases.cpp)
  target_include_directories(op_cases PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(op_cases PRIVATE perfbench_warnings PUBLIC perfbench_program)

  perfbench_add_gtest(ops_tests ops ops op_cases perfbench_engine_torch perfbench_engine_fused perfbench_cost)
  target_include_directories(ops_tests SYSTEM PRIVATE ${libtorch_include}/torch/csrc/api/include)
  # On a GPU the same cases run once more; without one this entry counts as skipped.
  add_test(NAME gpu.ops COMMAND ops_tests --gtest_filter=*Gpu*)
  perfbench_register(gpu.ops gpu)
  set_tests_properties(gpu.ops PROPERTIES SKIP_REGULAR_EXPRESSION "no CUDA device")
  # The binaries of all tests that are labelled gpu: scripts/gpu_package.sh takes them to a machine that has one.
  add_custom_target(gpu_tests DEPENDS ops_tests $<TARGET_NAME_IF_EXISTS:parity_tests>)

  add_executable(perfbench_engine_bench ${PROJECT_SOURCE_DIR}/bench/op_overhead_bench.cpp)
  target_link_libraries(perfbench_engine_bench PRIVATE
    op_cases perfbench_engine_torch perfbench_engine_fused perfbench_warnings benchmark::benchmark)

  # The own kernels as C++ on a CPU, in the place of CUDA's.
  file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/engine/kernels/*.cu)
  set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  file(GLOB fused CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/engine/torch/cuda_fused*.cpp)
  add_library(emulated_kernels STATIC ${kernels} ${fused} emulation/block.cpp emulation/cuda_device.cpp)
  # First the folder whose engine/kernels/device.cuh stands for CUDA's.
  target_include_directories(emulated_kernels BEFORE PUBLIC
    ${CMAKE_CURRENT_SOURCE_DIR}/emulation ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(emulated_kernels PUBLIC -Wno-unknown-pragmas PRIVATE -Wno-maybe-uninitialized)
  target_link_libraries(emulated_kernels PRIVATE perfbench_warnings PUBLIC perfbench_engine libtorch::cpu)
  perfbench_add_gtest(emulation_tests emulation emulation emulated_kernels op_cases perfbench_engine_torch)
  target_include_directories(emulation_tests SYSTEM PRIVATE ${libtorch_include}/torch/csrc/api/include)
endif()
