# libperfbench_engine.so: the shared library that sees LibTorch, CUDA and NCCL; the executable loads it when it is asked for.
#   PERFBENCH_ENGINE  AUTO: built when LibTorch is found; ON: LibTorch is required; OFF: not built
#   PERFBENCH_CUDA    ON: with the CUDA toolkit and, where nccl.h is found, NCCL; OFF: CPU only
set(PERFBENCH_ENGINE AUTO CACHE STRING "build the engine library: AUTO, ON or OFF")
#   PERFBENCH_CUDA_ARCHITECTURES  what the own kernels are compiled for: Hopper and Blackwell
option(PERFBENCH_CUDA "build the engine library with CUDA and NCCL" OFF)
set(PERFBENCH_CUDA_ARCHITECTURES "90a-real;100a-real" CACHE STRING "architectures of the own kernels, as CMake writes them")

# A language is enabled in the scope of a file, never in a function.
if(PERFBENCH_CUDA AND NOT PERFBENCH_ENGINE STREQUAL "OFF")
  find_program(CMAKE_CUDA_COMPILER nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  set(CMAKE_CUDA_ARCHITECTURES ${PERFBENCH_CUDA_ARCHITECTURES})
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "PERFBENCH_CUDA=ON, but nvcc was not found; install the CUDA toolkit, or name its compiler "
                        "with -DCMAKE_CUDA_COMPILER=/path/to/nvcc")
  endif()
  enable_language(CUDA)
endif()

# The own kernels and their launchers: CUDA alone, no LibTorch.
function(perfbench_add_kernels)
  file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/engine/kernels/*.cu)
  add_library(perfbench_kernels OBJECT ${kernels})
  set_target_properties(perfbench_kernels PROPERTIES
    CUDA_ARCHITECTURES "${PERFBENCH_CUDA_ARCHITECTURES}"
    CUDA_STANDARD 17  # CMake 3.25 knows no later one
    CUDA_STANDARD_REQUIRED ON
    CUDA_VISIBILITY_PRESET hidden
    CUDA_RUNTIME_LIBRARY Shared)
  target_include_directories(perfbench_kernels PRIVATE ${PROJECT_SOURCE_DIR}/src)
  # -lineinfo names the line of a fault in compute-sanitizer and costs nothing at run time.
  target_compile_options(perfbench_kernels PRIVATE -lineinfo -Xcompiler=-Wall,-Wextra)
endfunction()

function(perfbench_add_nccl_unit)
  get_filename_component(wheels ${libtorch} DIRECTORY)  # the nvidia-nccl wheel lies beside torch
  find_path(PERFBENCH_NCCL_INCLUDE nccl.h HINTS ${wheels}/nvidia/nccl/include ${CUDAToolkit_INCLUDE_DIRS})
  find_library(PERFBENCH_NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS ${wheels}/nvidia/nccl/lib ${CUDAToolkit_LIBRARY_DIR})
  if(PERFBENCH_NCCL_INCLUDE AND PERFBENCH_NCCL_LIBRARY)
    target_sources(perfbench_engine_torch PRIVATE
      ${units}/nccl.cpp ${units}/nccl_comm.cpp ${units}/nccl_transfers.cpp ${units}/nccl_world.cpp)
    target_include_directories(perfbench_engine_torch SYSTEM PRIVATE ${PERFBENCH_NCCL_INCLUDE})
    target_link_libraries(perfbench_engine_torch PUBLIC ${PERFBENCH_NCCL_LIBRARY})
  else()
    message(STATUS "engine: without NCCL (nccl.h or libnccl was not found)")
    target_sources(perfbench_engine_torch PRIVATE ${units}/no_nccl.cpp ${units}/no_nccl_world.cpp)
  endif()
endfunction()

function(perfbench_add_engine_library libtorch)
  set(units ${PROJECT_SOURCE_DIR}/src/engine/torch)
  perfbench_import_libtorch(${libtorch} ${PERFBENCH_CUDA})
  file(GLOB always CONFIGURE_DEPENDS ${units}/*.cpp)  # the others come with CUDA or NCCL, or stand in for them
  list(FILTER always EXCLUDE REGEX "/(no_)?(cuda|nccl)[a-z0-9_]*\\.cpp$")
  # Ops as own kernels. Apart from the rest: a test takes others in their place. What links the rest links these, too.
  set(fused ${units}/cuda_fused.cpp ${units}/cuda_fused_norm.cpp ${units}/cuda_fused_block.cpp
            ${units}/cuda_fused_vocab.cpp ${units}/cuda_fused_fp8.cpp ${units}/cuda_fused_adapter.cpp
            ${units}/cuda_fused_experts.cpp ${units}/cuda_fused_grouped.cpp)
  add_library(perfbench_engine_torch OBJECT ${always} ${units}/nccl_ids.cpp)  # tests of single ops link these, too
  set_target_properties(perfbench_engine_torch PROPERTIES CXX_VISIBILITY_PRESET hidden)
  target_compile_definitions(perfbench_engine_torch PRIVATE PERFBENCH_VERSION="${PROJECT_VERSION}")
  target_link_libraries(perfbench_engine_torch PRIVATE perfbench_odr perfbench_warnings PUBLIC perfbench_engine libtorch::cpu)
  if(PERFBENCH_CUDA)
    find_package(CUDAToolkit REQUIRED)
    target_sources(perfbench_engine_torch PRIVATE ${units}/cuda.cpp ${units}/cuda_runtime.cpp ${units}/cuda_scaled_sum.cpp)
    string(REPLACE ";" "," architectures "${PERFBENCH_CUDA_ARCHITECTURES}")
    set_source_files_properties(${units}/cuda.cpp PROPERTIES
      COMPILE_DEFINITIONS "PERFBENCH_CUDA_ARCHITECTURES=\"${architectures}\"")
    get_filename_component(wheels ${libtorch} DIRECTORY)
    find_library(PERFBENCH_CUBLASLT NAMES libcublasLt.so.13 HINTS ${wheels}/nvidia/cu13/lib ${CUDAToolkit_LIBRARY_DIR})
    target_link_libraries(perfbench_engine_torch PUBLIC libtorch::cuda ${PERFBENCH_CUBLASLT})
    perfbench_add_nccl_unit()
    perfbench_add_kernels()
    add_library(perfbench_engine_fused OBJECT ${fused} ${units}/cuda_device.cpp)
    # Objects of an object library don't follow it; its sources for others do.
    target_sources(perfbench_engine_fused INTERFACE $<TARGET_OBJECTS:perfbench_kernels>)
    target_link_libraries(perfbench_engine_fused PUBLIC libtorch::cuda)
  else()
    add_library(perfbench_engine_fused OBJECT ${units}/no_cuda_fused.cpp)
    target_sources(perfbench_engine_torch PRIVATE
      ${units}/no_cuda.cpp ${units}/no_cuda_runtime.cpp ${units}/no_cuda_scaled_sum.cpp ${units}/no_nccl.cpp ${units}/no_nccl_world.cpp)
  endif()
  set_target_properties(perfbench_engine_fused PROPERTIES CXX_VISIBILITY_PRESET hidden)
  target_link_libraries(perfbench_engine_fused PRIVATE perfbench_odr perfbench_warnings PUBLIC perfbench_engine libtorch::cpu)
  add_library(perfbench_engine_library SHARED)
  set_target_properties(perfbench_engine_library PROPERTIES
    OUTPUT_NAME perfbench_engine
    LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_link_libraries(perfbench_engine_library PRIVATE perfbench_engine_torch perfbench_engine_fused)
  target_link_options(perfbench_engine_library PRIVATE -Wl,-z,defs)  # what is missing shows here, not when it is loaded
endfunction()

function(perfbench_add_engine)
  if(PERFBENCH_ENGINE STREQUAL "OFF")
    return()
  endif()
  perfbench_find_libtorch(libtorch)
  if(libtorch)
    perfbench_add_engine_library(${libtorch})
  elseif(PERFBENCH_ENGINE STREQUAL "AUTO")
    message(STATUS "engine: not built, LibTorch is not installed (scripts/build.sh --engine installs it)")
  else()
    message(FATAL_ERROR "PERFBENCH_ENGINE=ON, but LibTorch is not in .venv/libtorch or PERFBENCH_LIBTORCH; "
                        "scripts/build.sh --engine installs it")
  endif()
endfunction()
