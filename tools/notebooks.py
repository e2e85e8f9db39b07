#!/usr/bin/env python3
"""Run every lesson from a fresh kernel and keep its outputs, the same bytes every time.

    python tools/notebooks.py [--write | --check] [notebooks/01_....ipynb ...]

--write (the default) touches a file only when its outputs changed; --check writes nothing
and fails when one would. The cells themselves are never changed: a file that was saved by
somebody else during the run is left alone.
"""

import argparse
import copy
import difflib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# A live view exists only in the browser that made it; its text and picture stay.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT_S = 120


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A copy of *notebook* with the outputs of a fresh kernel started in *folder*."""
    fresh = copy.deepcopy(notebook)
    client = NotebookClient(
        fresh,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_S,
        resources={"metadata": {"path": str(folder)}},
        coalesce_streams=True,
        store_widget_state=False,
    )
    with tempfile.TemporaryDirectory() as nobody:
        # This environment's kernel, and nobody's start-up files.
        env = os.environ | {"IPYTHONDIR": nobody, "JUPYTER_PREFER_ENV_PATH": "1"}
        client.execute(env=env)
    return fresh


def normalise(notebook: NotebookNode) -> NotebookNode:
    """A copy of *notebook* without what differs from run to run; the cells' text is kept.

    Code cells are numbered 1..n, live widget views, timings and the kernel's version go,
    and a cell without an id gets one made from its place and text.
    """
    tidy = copy.deepcopy(notebook)
    tidy.nbformat, tidy.nbformat_minor = 4, 5
    tidy.metadata = nbformat.from_dict(METADATA)
    seen: set[str] = set()
    for place, cell in enumerate(tidy.cells):
        if cell.get("id", "") in seen | {""}:
            cell.id = hashlib.sha256(f"{place} {cell.source}".encode()).hexdigest()[:8]
        seen.add(cell.id)
        cell.metadata.pop("execution", None)
    for number, cell in enumerate(code_cells(tidy), start=1):
        cell.execution_count = number
        cell.outputs = [output for output in cell.outputs if keep(output)]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return tidy


def keep(output: NotebookNode) -> bool:
    """Take the live view out of *output*; False when nothing else was in it."""
    if "data" not in output:
        return True
    output.data.pop(WIDGET_VIEW, None)
    output.metadata.pop(WIDGET_VIEW, None)
    return bool(output.data)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, indent=1, ensure_ascii=False).rstrip("\n") + "\n"


def replace(path: Path, old: bytes, new: str) -> bool:
    """Put *new* in the place of *old* in one step; False when the file is no longer *old*."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=".", delete=False
    ) as draft:
        draft.write(new)
    os.chmod(draft.name, path.stat().st_mode)
    if path.read_bytes() != old:
        os.unlink(draft.name)
        return False
    os.replace(draft.name, path)
    return True


def update(path: Path, write: bool) -> str:
    """Run the lesson at *path*; what became of it, in a word or two."""
    old = path.read_bytes()
    new = text_of(normalise(execute(nbformat.reads(old.decode(), as_version=4), path.parent)))
    if new == old.decode():
        return "unchanged"
    if not write:
        diff = difflib.unified_diff(old.decode().splitlines(), new.splitlines(), "kept", "now", n=0)
        return "\n".join(["differs", *(f"    {line[:110]}" for line in list(diff)[:20])])
    return "written" if replace(path, old, new) else "left alone: it was saved during the run"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="keep the outputs (the default)")
    mode.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    parser.add_argument("lessons", nargs="*", type=Path, help="default: all in notebooks/")
    args = parser.parse_args()
    failed = False
    for path in args.lessons or sorted(NOTEBOOKS.glob("*.ipynb")):
        try:
            outcome = update(path, write=not args.check)
        except CellExecutionError as error:
            outcome = f"failed, nothing written\n{error}"
        print(f"{path.name}: {outcome}", flush=True)
        failed |= outcome not in ("unchanged", "written")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
