# cmake -DSOURCE=<sources> -DUNIT=<file> -P write_commit.cmake
# Writes the unit behind src/harness/commit.h: 40 hex digits, "+dirty" behind them where a tracked file is not as it was
# committed, or "unknown" where the sources are no work tree of their own.
set(commit unknown)
find_program(git NAMES git)
if(git)
  execute_process(COMMAND ${git} -C ${SOURCE} rev-parse --show-toplevel
    OUTPUT_VARIABLE top ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(REAL_PATH ${SOURCE} source)
  if(top STREQUAL source)  # not a copy that lies inside another repository
    execute_process(COMMAND ${git} --no-optional-locks -C ${SOURCE} describe --always --abbrev=40 --exclude=* --dirty=+dirty
      RESULT_VARIABLE failed OUTPUT_VARIABLE found ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed EQUAL 0)
      set(commit ${found})
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${UNIT} CONTENT [[
#include "harness/commit.h"

namespace perfbench {

std::string_view commit() { return "@commit@"; }

}  // namespace perfbench
]] @ONLY)
