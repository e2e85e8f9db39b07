"""Run one recorder in this process: ``python -m tools.record.one PART FOLDER``, as tools.record does."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    importlib.import_module(f"tools.record.{sys.argv[1]}").record(Path(sys.argv[2]))
