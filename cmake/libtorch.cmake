# LibTorch as IMPORTED targets made from the PyPI wheel (its find_package needs a CUDA toolkit even for a CPU build).
#   perfbench_find_libtorch(<result>)  sets <result> to the torch folder of the wheel, or to "" when there is none
#   perfbench_import_libtorch(<torch folder> <with cuda>)  makes libtorch::cpu and, with CUDA, libtorch::cuda

set(PERFBENCH_LIBTORCH_VERSION 2.11.0)
set(PERFBENCH_LIBTORCH "" CACHE PATH "the torch folder of the LibTorch wheel; empty: looked for in .venv")

function(perfbench_find_libtorch result)
  set(candidates ${PROJECT_SOURCE_DIR}/.venv/libtorch/torch)
  if(PERFBENCH_LIBTORCH)
    set(candidates ${PERFBENCH_LIBTORCH})
  endif()
  set(${result} "" PARENT_SCOPE)
  foreach(folder IN LISTS candidates)
    if(EXISTS ${folder}/lib/libtorch_cpu.so)
      set(${result} ${folder} PARENT_SCOPE)
      break()
    endif()
  endforeach()
endfunction()

function(perfbench_import_libtorch folder with_cuda)
  file(STRINGS ${folder}/include/torch/headeronly/version.h version REGEX "^ +\"[0-9.]+\"")
  string(REGEX MATCH "[0-9.]+" version "${version}")
  if(NOT version STREQUAL PERFBENCH_LIBTORCH_VERSION)
    message(FATAL_ERROR "LibTorch in ${folder} is version '${version}'; perfbench needs ${PERFBENCH_LIBTORCH_VERSION} "
                        "(scripts/build.sh --engine installs it)")
  endif()

  foreach(name c10 torch_cpu)
    add_library(libtorch::${name} SHARED IMPORTED)
    set_target_properties(libtorch::${name} PROPERTIES IMPORTED_LOCATION ${folder}/lib/lib${name}.so)
  endforeach()
  add_library(libtorch::cpu INTERFACE IMPORTED)
  target_include_directories(libtorch::cpu SYSTEM INTERFACE ${folder}/include)
  # The wheel's libraries find each other and the nvidia-* wheels beside them by their own RPATH.
  target_link_libraries(libtorch::cpu INTERFACE libtorch::torch_cpu libtorch::c10)
  target_link_options(libtorch::cpu INTERFACE -Wl,--allow-shlib-undefined)
  # The wheel's headers of fmt come before the system's, and no library of theirs comes with it.
  target_compile_definitions(libtorch::cpu INTERFACE FMT_HEADER_ONLY)

  if(with_cuda)
    foreach(name c10_cuda torch_cuda)
      add_library(libtorch::${name} SHARED IMPORTED)
      set_target_properties(libtorch::${name} PROPERTIES IMPORTED_LOCATION ${folder}/lib/lib${name}.so)
    endforeach()
    add_library(libtorch::cuda INTERFACE IMPORTED)
    # CUDA's libraries of the wheels come before the toolkit's at run time: LibTorch goes with theirs alone.
    target_link_options(libtorch::cuda INTERFACE -Wl,-rpath,${folder}/../nvidia/cu13/lib)
    # libtorch_cuda registers its kernels when it is loaded; nothing names a symbol of it.
    target_link_libraries(libtorch::cuda INTERFACE
      libtorch::cpu -Wl,--push-state,--no-as-needed libtorch::torch_cuda libtorch::c10_cuda -Wl,--pop-state CUDA::cudart)
  endif()
endfunction()
