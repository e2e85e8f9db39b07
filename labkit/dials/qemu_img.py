"""A button that asks the qemu-img of this machine, and its answers beside the lab's."""

from __future__ import annotations

import html
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

from labkit import qcow2
from labkit.decision import Sentence
from labkit.neighbours import arguments

KIB = 1024
NO_QEMU_IMG = (
    "qemu-img cannot run in a browser"
    if sys.platform == "emscripten"
    else "qemu-img is not installed; on Debian and Ubuntu: apt-get install qemu-utils"
)
#: What is compared of each extent of ``qemu-img map``; 7.2 does not tell what is compressed.
EXTENT = ("start", "length", "depth", "present", "zero", "data", "offset")
TIMEOUT_S = 60


def real_qemu_img(path: str | Path) -> QemuImgPanel:
    """Show what the lab finds in a qcow2 file; a button asks the real qemu-img the same.

    In: the path of a qcow2 file, which is only read. Out: a panel. ``panel.ask.click()`` presses
    its button; ``panel.table`` is a DataFrame of ``command``, ``what``, ``labkit``, ``qemu_img`` (empty
    until it was asked) and ``same``, ``panel.answer`` the sentence below it. Without qemu-img
    the sentence says how to install it. Raises Qcow2Error for a file that the lab does not read.

    >>> folder = qcow2.scratch()
    >>> with qcow2.create(folder / "base.qcow2", 2 * 1024**2) as base:
    ...     base.write(70 * 1024, b"hello")
    >>> real_qemu_img(folder / "base.qcow2").answer
    base.qcow2 as labkit reads it. Nobody has asked qemu-img yet.
    """
    return QemuImgPanel(Path(arguments.path("path", path)))


class QemuImgPanel(ipywidgets.VBox):
    """The panel that ``real_qemu_img`` makes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ask = ipywidgets.Button(description="Ask the real qemu-img")
        self.ask.layout.width = "15em"
        self.ask.on_click(self._pressed)
        self.shown = ipywidgets.HTML()
        self._show({}, "Nobody has asked qemu-img yet.")
        super().__init__([self.ask, self.shown])

    def __repr__(self) -> str:
        return self.answer

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The panel itself, and for where there are no panels its table and its words."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        table = self.table[["command", "what", "labkit"]].to_string(index=False)
        return bundle | {"text/plain": f"{table}\n{self.answer}"}

    def _pressed(self, button: ipywidgets.Button) -> None:
        if not shutil.which("qemu-img"):
            self._show({}, f"{NO_QEMU_IMG}.")
            return
        try:
            theirs = _theirs(self._path)
            version = _asked("--version").splitlines()[0]
        except (OSError, ValueError) as error:
            self._show({}, f"qemu-img does not answer: {error}")
            return
        self._show(theirs, version + " {verdict}.")

    def _show(self, theirs: dict, said: str) -> None:
        rows = []
        for key, ours in _ours(self._path).items():
            other = theirs.get(key)
            shown = ["" if other is None else _text(key, other), bool(theirs) and ours == other]
            rows.append((*key, _text(key, ours), *shown))
        self.table = pd.DataFrame(rows, columns=["command", "what", "labkit", "qemu_img", "same"])
        differ = self.table[~self.table.same].what
        verdict = f"differs in {', '.join(differ)}" if len(differ) else "says the same of all"
        said = said.format(verdict=verdict) if theirs else said
        self.answer = Sentence(f"{self._path.name} as labkit reads it. {said}")
        shown = self.table if theirs else self.table[["command", "what", "labkit"]]
        table = shown.to_html(index=False, border=0, justify="left")
        self.shown.value = f"{table}<p>{html.escape(self.answer)}</p>"


def _ours(path: Path) -> dict:
    # What the lab says of a file: {(command, what): answer}.
    with qcow2.Image(path) as image:
        header = image.header
        extents = [extent._asdict() for extent in image.map()]
    return {
        ("info", "virtual-size"): header.size,
        ("info", "cluster-size"): header.cluster_size,
        ("info", "backing-filename"): header.backing_file,
        ("info", "compat"): "1.1" if header.version >= 3 else "0.10",
        ("info", "refcount-bits"): 1 << header.refcount_order,
        ("map", "pieces"): [{key: extent[key] for key in EXTENT} for extent in extents],
        ("check", "mistakes"): _mistakes(path),
    }


def _mistakes(path: Path) -> int | str:
    try:
        with qcow2.WritableImage(path) as image:
            return len(qcow2.check(image))
    except PermissionError:
        return "not counted: the file is write-protected"
    except qcow2.Qcow2Error as error:
        return f"not counted: {error}"


def _theirs(path: Path) -> dict:
    info, pieces, check = (
        json.loads(_asked(name, "-U", "-f", "qcow2", "--output=json", str(path)))
        for name in ("info", "map", "check")
    )
    told = info["format-specific"]["data"]
    return {
        ("info", "virtual-size"): info["virtual-size"],
        ("info", "cluster-size"): info["cluster-size"],
        ("info", "backing-filename"): info.get("backing-filename"),
        ("info", "compat"): told["compat"],
        ("info", "refcount-bits"): told["refcount-bits"],
        ("map", "pieces"): [{key: piece.get(key) for key in EXTENT} for piece in pieces],
        ("check", "mistakes"): sum(
            check.get(kind, 0) for kind in ("check-errors", "corruptions", "leaks")
        ),
    }


def _asked(*words: str) -> str:
    # What qemu-img prints; of check, codes 2 and 3 tell of mistakes that it also prints.
    import subprocess  # a browser's Python has none

    try:
        done = subprocess.run(  # noqa: S603 - the learner's own file is its only argument
            [shutil.which("qemu-img") or "qemu-img", *words],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.SubprocessError as error:
        raise ValueError(error) from error
    if done.returncode not in (0, 2, 3):
        raise ValueError(done.stderr.strip())
    return done.stdout


def _text(key: tuple, value: Any) -> str:
    if key == ("map", "pieces"):
        own = sum(piece["length"] for piece in value if piece["data"] and not piece["depth"])
        return f"{len(value)}, {own // KIB} KiB of data in the file itself"
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else value
