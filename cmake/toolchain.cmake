# What makes builds fast when it is installed: ccache, and mold or lld.
find_program(PERFBENCH_CCACHE ccache)
if(PERFBENCH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PERFBENCH_CCACHE})
endif()

find_program(PERFBENCH_MOLD mold)
find_program(PERFBENCH_LLD ld.lld)
if(PERFBENCH_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(PERFBENCH_LLD)
  add_link_options(-fuse-ld=lld)
endif()
