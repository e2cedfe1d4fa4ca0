# libperfbench_engine.so: the shared library that sees LibTorch, CUDA and NCCL; the executable loads it when it is asked for.
#   PERFBENCH_ENGINE  AUTO: built when LibTorch is found; ON: LibTorch is required; OFF: not built
#   PERFBENCH_CUDA    ON: with the CUDA toolkit and, where nccl.h is found, NCCL; OFF: CPU only
set(PERFBENCH_ENGINE AUTO CACHE STRING "build the engine library: AUTO, ON or OFF")
option(PERFBENCH_CUDA "build the engine library with CUDA and NCCL" OFF)

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
  list(FILTER always EXCLUDE REGEX "/(no_)?(cuda|nccl)[a-z_]*\\.cpp$")
  add_library(perfbench_engine_torch OBJECT ${always} ${units}/nccl_ids.cpp)  # tests of single ops link these, too
  set_target_properties(perfbench_engine_torch PROPERTIES CXX_VISIBILITY_PRESET hidden)
  target_compile_definitions(perfbench_engine_torch PRIVATE PERFBENCH_VERSION="${PROJECT_VERSION}")
  target_link_libraries(perfbench_engine_torch PRIVATE perfbench_warnings PUBLIC perfbench_engine libtorch::cpu)
  if(PERFBENCH_CUDA)
    find_package(CUDAToolkit REQUIRED)
    target_sources(perfbench_engine_torch PRIVATE ${units}/cuda.cpp ${units}/cuda_runtime.cpp)
    target_link_libraries(perfbench_engine_torch PUBLIC libtorch::cuda)
    perfbench_add_nccl_unit()
  else()
    target_sources(perfbench_engine_torch PRIVATE
      ${units}/no_cuda.cpp ${units}/no_cuda_runtime.cpp ${units}/no_nccl.cpp ${units}/no_nccl_world.cpp)
  endif()
  add_library(perfbench_engine_library SHARED)
  set_target_properties(perfbench_engine_library PROPERTIES
    OUTPUT_NAME perfbench_engine
    LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_link_libraries(perfbench_engine_library PRIVATE perfbench_engine_torch)
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
