"""What every dial shares: controls by name, one figure below them, the answer in words."""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.decision import Sentence
from labkit.plots.figure import Figure, page_width, plain, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


class Refusing:
    """A control that refuses a value it does not have with a sentence, instead of the nearest.

    ``refusal`` begins the sentence, with the control's description and the value.
    """

    refusal = "{0} is not {1!r}"

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "value":
            refuse(self, value)
        super().__setattr__(name, value)


class Buttons(Refusing, ipywidgets.ToggleButtons):
    """A button for each choice."""


class Choices(Refusing, ipywidgets.SelectionSlider):
    """A slider from the first choice to the last."""


class Steps(Refusing, ipywidgets.IntSlider):
    """A slider of whole numbers."""


def refuse(control: Any, value: Any) -> None:
    """Raise ValueError for a value that a control does not have, and say what there is."""
    if hasattr(control, "max"):
        if not control.min <= value <= control.max:
            limits = f"from {control.min} to {control.max}"
            raise ValueError(f"{control.description} goes {limits}, not {value}.")
    elif isinstance(control, Refusing):
        choices = [one[1] if isinstance(one, tuple) else one for one in control.options]
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"
            raise ValueError(f"{control.refusal.format(control.description, value)}; {hint}")


class Panel(ipywidgets.VBox):
    """Controls, a figure that follows them, and the answer below.

    Each control is an attribute, all of them together are ``value``, a dict. A dial calls
    ``_begin`` with its controls, does its work in ``_turned`` and ends that with ``_show``.
    """

    def _begin(self, controls: dict[str, Any], widths: tuple[str, str] | None = None) -> None:
        """Take the controls by their names, and listen to them.

        *widths* are those of the names and of the controls, where the dial has not set them.
        """
        self._controls = controls
        self._quiet = False
        self.picture = ipywidgets.HTML()
        for name, control in controls.items():
            setattr(self, name, control)
            control.description = control.description or name
            if widths:
                control.style.description_width, control.layout.width = widths
            control.observe(self._changed, "value")

    def __repr__(self) -> str:
        return self._told

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The panel itself, and for where there are no panels its figure and its words."""
        panel = super()._repr_mimebundle_(**kwargs) or {}
        picture, shown = self.figure.bundle("A dial:")
        return panel | picture, shown

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
            refuse(self._controls[name], value)
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
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False
            self._changed()

    def _changed(self, change: object = None) -> None:
        # Draw what the controls say now, never what an event said: so no picture can be old.
        if not self._quiet:
            with plain():
                self._turned()

    def _turned(self) -> None:
        """Do what the controls say, and show it."""
        raise NotImplementedError

    def _show(self, figure: MatplotlibFigure, told: str, *paragraphs: str) -> None:
        """Write the figure and its words into the page; *paragraphs* are HTML, *told* without."""
        self._drawn, self._told = figure, Sentence(told)
        self.answer = self._told
        words = html.escape(told)
        width = page_width(figure)
        style = f"display:block;width:{width}px;max-width:100%;height:auto"
        picture = svg(figure).replace("<svg ", f'<svg style="{style}" ', 1)
        below = "".join(f"<p>{text}</p>" for text in paragraphs or (words,))
        self.picture.value = f'<div role="img" aria-label="{words}">{picture}</div>{below}'
