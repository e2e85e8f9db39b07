"""Releases of Nova from PyPI: wheels, and the source archive."""

import ast
import importlib.util
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import SimpleNamespace


def fetched(release, folder, binary=True):
    """The wheel of a release, or its source archive, in a folder; ends the program if pip gets none."""
    # An environment made by uv has no pip.
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["uvx", "pip"]
    kind = ["--only-binary", ":all:"] if binary else ["--no-binary", ":all:"]
    wanted = ["--no-deps", *kind, "-d", folder, f"nova=={release}"]
    try:
        done = subprocess.run([*pip, "download", "-q", *wanted], capture_output=True, check=False)
    except FileNotFoundError:
        done = None
    found = list(Path(folder).glob(f"nova-{release}*"))
    if done is None or done.returncode or not found:
        print(f"Nova {release} cannot be had here; nothing is written.")
        sys.exit(0)
    return found[0]


class Wheel:
    """Pieces of the modules of one wheel, each run without its imports among other names."""

    def __init__(self, path):
        self._files = zipfile.ZipFile(path)

    def run(self, path, wanted, names, cls=None):
        """Run the functions and classes of a module, or of a class in it; None wants all of them.

        They come as attributes of one object; decorators stay behind.
        """
        source = self._files.read(f"nova/{path}").decode()
        body = ast.parse(source).body
        if cls is not None:
            body = next(node.body for node in body if getattr(node, "name", None) == cls)
        found = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if wanted is not None:
            found = [node for node in found if node.name in wanted]
        space = dict(names)
        for node in found:
            text = textwrap.dedent(ast.get_source_segment(source, node, padded=True))
            exec(compile(text, path, "exec"), space)  # noqa: S102 - the release itself
        return SimpleNamespace(**{node.name: space[node.name] for node in found})
