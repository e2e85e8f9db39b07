"""What every dial shares: controls by name, one figure below them, the answer in words."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.decision import Sentence
from labkit.plots.figure import Figure, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


class Panel(ipywidgets.VBox):
    """Controls, a figure that follows them, and the answer below.

    Each control is an attribute, all of them together are ``value``, a dict. A dial calls
    ``_begin`` with its controls, does its work in ``_turned`` and ends that with ``_show``.
    """

    def _begin(self, controls: dict[str, Any]) -> None:
        """Take the controls by their names, and listen to them."""
        self._controls = controls
        self._quiet = False
        self.picture = ipywidgets.HTML()
        for name, control in controls.items():
            setattr(self, name, control)
            control.observe(self._changed, "value")

    def __repr__(self) -> str:
        return self._told

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The panel itself, and for where there are no panels its figure and its words."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        picture = base64.b64encode(self.figure.png()).decode()
        return bundle | {"text/plain": self._told, "image/png": picture}

    @property
    def figure(self) -> Figure:
        """The figure as it is now."""
        return Figure(self._drawn, str(self._told))

    @property
    def value(self) -> dict[str, Any]:
        """What the controls say, by name; set it to turn several of them at once."""
        return {name: control.value for name, control in self._controls.items()}

    @value.setter
    def value(self, wanted: dict[str, Any]) -> None:
        for name, value in wanted.items():
            if name not in self._controls:
                raise ValueError(f"This dial has no {name!r}, only {', '.join(self._controls)}.")
            control = self._controls[name]
            if hasattr(control, "max") and not control.min <= value <= control.max:
                raise ValueError(f"{name} goes from {control.min} to {control.max}, not {value}.")
        before = self.value
        with self._at_once():
            try:
                for name, value in wanted.items():
                    self._controls[name].value = value
            except Exception:
                for name, value in before.items():
                    self._controls[name].value = value
                raise

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Draw once after several changes instead of after each."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._turned()

    def _changed(self, change: object) -> None:
        """Draw what the controls say now, never what an event said: so no picture can be old."""
        if not self._quiet:
            self._turned()

    def _turned(self) -> None:
        """Do what the controls say, and show it."""
        raise NotImplementedError

    def _show(self, figure: MatplotlibFigure, told: str, *paragraphs: str) -> None:
        """Write the figure and its words into the page; *paragraphs* are HTML, *told* without."""
        self._drawn, self._told = figure, Sentence(told)
        words = html.escape(told)
        style = "display:block;max-width:100%;height:auto"
        picture = svg(figure).replace("<svg ", f'<svg style="{style}" ', 1)
        below = "".join(f"<p>{text}</p>" for text in paragraphs or (words,))
        self.picture.value = f'<div role="img" aria-label="{words}">{picture}</div>{below}'
