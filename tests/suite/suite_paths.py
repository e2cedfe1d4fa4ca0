"""Where the repository, the executable and PyTorch lie."""

import os
import pathlib

SOURCE = pathlib.Path(os.environ.get("PERFBENCH_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BINARY = pathlib.Path(os.environ.get("PERFBENCH_BINARY") or SOURCE / "build" / "perfbench")
LIBTORCH = SOURCE / ".venv" / "libtorch"
