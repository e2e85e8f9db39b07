"""A place for files that a lesson makes and nobody keeps."""

import atexit
import shutil
import tempfile
from pathlib import Path


def scratch() -> Path:
    """Return a new, empty folder in the system's place for temporary files.

    It is deleted when Python ends; after a kernel that was killed the system clears it away.

    >>> list(scratch().iterdir())
    []
    """
    folder = Path(tempfile.mkdtemp(prefix="labkit-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
