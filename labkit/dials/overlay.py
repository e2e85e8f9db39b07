"""The dial of one write: where it lands, how long it is, and what an overlay stores for it."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit import qcow2
from labkit.decision import Sentence
from labkit.plots.clusters import MOST, SQUARE, Squares, kinds_of, legend
from labkit.plots.figure import Figure, canvas, settle, svg

if TYPE_CHECKING:
    import pandas as pd

KIB = 1024
COLUMNS = 32
KINDS = ("data", "backing", "zero", "unallocated")


def overlay(base: str | Path) -> OverlayDial:
    """Let a guest write once into a new overlay over *base*; see which clusters it takes.

    In: the path of a qcow2 file of at most 1,024 clusters; it is only read. Out: a panel. Each
    control is an attribute (``dial.start_kib.value = 60``), all of them together are
    ``dial.value``, a dict with ``action`` ("write" or "write_zeroes"), ``start_kib`` and
    ``length_kib``; ``dial.answer`` is the sentence below the figure, ``dial.table`` the clusters
    of the overlay and ``dial.grown`` the bytes that its file grew by. What does not lie on the
    disk is an answer too. Raises ValueError for a disk without clusters, one that is too large to
    draw, or a value outside of a slider.

    >>> folder = qcow2.scratch()
    >>> with qcow2.create(folder / "base.qcow2", 32 * 65536) as base:
    ...     base.write(0, b"x" * 65536)
    >>> dial = overlay(folder / "base.qcow2")
    >>> dial.answer
    The guest writes 4 KiB at 0 KiB; the overlay grows by 128 KiB: 1 table of level 2, 1 cluster \
with data, of which 60 KiB come from below.
    >>> dial.start_kib.value = 64
    >>> dial.answer
    The guest writes 4 KiB at 64 KiB; the overlay grows by 128 KiB: 1 table of level 2, 1 cluster \
with data.
    """
    return OverlayDial(Path(base))


class OverlayDial(ipywidgets.VBox):
    """The panel that ``overlay`` makes."""

    def __init__(self, base: Path) -> None:
        with qcow2.Image(base) as image:
            self._size, self._cluster = image.size, image.cluster_size
        count = -(-self._size // self._cluster)
        if not 0 < count <= MOST:
            raise ValueError(f"A dial needs a disk of 1 to {MOST:,} clusters, not {count:,}.")
        self._base = base.resolve()
        self._count = count
        self._controls = self._make_controls()
        for name, control in self._controls.items():
            setattr(self, name, control)
            control.description = name
            control.style.description_width = "7em"
            control.layout.width = "34em"
            control.observe(self._turned, "value")
        self.picture = ipywidgets.HTML()
        self._quiet = False
        self._lay_out()
        self._turned()
        super().__init__([*self._controls.values(), self.picture])

    def __repr__(self) -> str:
        return self.answer

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The panel itself, and for where there are no panels its figure and its answer."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        picture = base64.b64encode(self.figure.png()).decode()
        return bundle | {"text/plain": self.answer, "image/png": picture}

    @property
    def figure(self) -> Figure:
        """The figure as it is now."""
        return Figure(self._figure, str(self.answer))

    @property
    def value(self) -> dict[str, str | int]:
        """What the controls say, by name; set it to turn several of them at once."""
        return {name: control.value for name, control in self._controls.items()}

    @value.setter
    def value(self, wanted: dict[str, str | int]) -> None:
        for name, value in wanted.items():
            if name not in self._controls:
                raise ValueError(f"This dial has no {name!r}, only {', '.join(self._controls)}.")
            control = self._controls[name]
            if name == "action":
                if value not in control.options:
                    raise ValueError(f"action is {' or '.join(control.options)}, not {value!r}.")
            elif not control.min <= value <= control.max:
                raise ValueError(f"{name} goes from {control.min} to {control.max}, not {value}.")
        with self._at_once():
            for name, value in wanted.items():
                self._controls[name].value = value

    # -- turning ------------------------------------------------------------------------
    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Draw once after several changes instead of after each."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._turned()

    def _turned(self, change: object = None) -> None:
        """Draw what the controls say now, and write figure and answer into the page."""
        if self._quiet:
            return
        self.table, self.grown, answer = self._ask()
        self._squares.show(kinds_of(self.table))
        self.answer = Sentence(answer)
        picture = svg(self._figure).replace(
            "<svg ", '<svg style="display:block;max-width:100%;height:auto" ', 1
        )
        words = html.escape(answer)
        self.picture.value = f'<div role="img" aria-label="{words}">{picture}</div><p>{words}</p>'

    def _ask(self) -> tuple[pd.DataFrame, int, str]:
        """The clusters, the growth and the answer: a real file is made, and deleted again."""
        value = self.value
        start, length = value["start_kib"] * KIB, value["length_kib"] * KIB
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "overlay.qcow2"
            behind = str(self._base), "qcow2"
            with qcow2.create(path, self._size, *behind, cluster_size=self._cluster) as image:
                before, size = image.clusters(), path.stat().st_size
                try:
                    if value["action"] == "write":
                        image.write(start, b"\1" * length)
                    else:
                        image.write_zeroes(start, length)
                except ValueError as error:
                    return before, 0, f"Refused: {error}."
                after, grown = image.clusters(), path.stat().st_size - size
        return after, grown, self._said(before, after, start, length, grown)

    def _said(self, before, after, start, length, grown) -> str:
        own = after[(after.depth == 0) & (after.kind == "data")]
        marked = int(((after.depth == 0) & (after.kind == "zero")).sum())
        end = start + length
        below = 0
        for number in own.index:
            at = number * self._cluster
            stop = min(at + self._cluster, self._size)
            if before.kind[number] in ("data", "compressed"):
                below += stop - at - max(0, min(end, stop) - max(start, at))
        tables = grown // self._cluster - len(own)
        parts = [
            _counted(tables, "table", "of level 2"),
            _counted(len(own), "cluster", "with data"),
        ]
        if below:
            parts[-1] += f", of which {below // KIB} KiB come from below"
        parts.append(_counted(marked, "cluster", "marked as zeros"))
        verb = "writes" if self.value["action"] == "write" else "zeroes"
        return (
            f"The guest {verb} {length // KIB} KiB at {start // KIB} KiB; the overlay grows by"
            f" {grown // KIB} KiB: {', '.join(filter(None, parts))}."
        )

    # -- drawing ------------------------------------------------------------------------
    def _lay_out(self) -> None:
        """Make the figure; after this nothing in it moves, only colours and letters change."""
        lines = -(-self._count // COLUMNS)
        wide = max(min(COLUMNS, self._count), 26)
        self._figure = canvas(0.9 + wide * SQUARE, 1.1 + lines * SQUARE)
        ax = self._figure.add_subplot()
        self._squares = Squares(ax, self._count, COLUMNS)
        legend(ax, KINDS)
        self._squares.show([KINDS[-1]] * self._count)
        settle(self._figure)

    def _make_controls(self) -> dict[str, Any]:
        """A control for each thing that can be turned; guests write in blocks of 4 KiB."""
        whole = max(4, self._size // KIB)
        return {
            "action": ipywidgets.ToggleButtons(options=["write", "write_zeroes"]),
            "start_kib": ipywidgets.IntSlider(0, min=0, max=max(4, whole - 4), step=4),
            "length_kib": ipywidgets.IntSlider(4, min=4, max=whole, step=4),
        }


def _counted(count: int, noun: str, what: str) -> str:
    """A number of things, nothing for none."""
    return f"{count} {noun}{'s' if count > 1 else ''} {what}" if count else ""
