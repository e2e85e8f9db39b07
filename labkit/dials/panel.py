"""What every dial shares: controls with their words, the answer, one figure below it."""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.decision import Sentence
from labkit.plots.figure import Figure, page_width, plain, svg, wide

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

LIVE = "A dial, live in JupyterLab: run this cell to turn it."
MORE, FEWER = "more …", "fewer …"
# ipywidgets gives this class to what no kernel moves any more.
GONE = """<style>
.labkit-gone {display: none}
.jupyter-widgets-disconnected .labkit-gone {display: block}
</style><div class="labkit-gone"><i>No kernel moves this dial: run this cell to turn it.</i></div>"""
#: Pixels of a slider: room to aim, its number with the gaps; the page's letters are a little wider.
TRACK, NUMBER, WIDER = 250, 100, 1.1


class Refusing:
    """A control that refuses a value it does not have with a sentence, instead of the nearest.

    ``called`` is its name in the dial; ``refusal`` begins the sentence about a value.
    """

    called = "this control"
    refusal = "{0} is not {1!r}"

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "value":
            self.refuse(value)
            value = round(value, 9) if isinstance(value, float) else value  # 0.6000000000000001
        super().__setattr__(name, value)

    def refuse(self, value: Any) -> None:
        """Raise ValueError for a value that the control does not have, and say what there is."""
        if not self.min <= value <= self.max:
            limits = f"from {self.min} to {self.max}"
            raise ValueError(f"{self.called} goes {limits}, not {value}.")


class Steps(Refusing, ipywidgets.IntSlider):
    """A slider of whole numbers."""


class Numbers(Refusing, ipywidgets.FloatSlider):
    """A slider of numbers with decimals."""


class Typed(Refusing, ipywidgets.BoundedIntText):
    """A whole number to type."""


class Buttons(Refusing, ipywidgets.ToggleButtons):
    """A button for each choice; with *often*, the others stand behind "more"."""

    def __init__(self, options: Sequence, often: Sequence[str] = (), **more: Any) -> None:
        self.choices = [one[1] if isinstance(one, tuple) else one for one in options]
        self._few = [*often] or self.choices
        self.folding = False
        super().__init__(options=options if not often else [*often, MORE], **more)
        self.style.button_width = "auto"
        self.observe(self._fold, "value")

    def refuse(self, value: Any) -> None:
        """Raise ValueError for a choice that there is not; show a button of one behind "more"."""
        if value in (MORE, FEWER):
            return
        if value not in self.choices:
            near = difflib.get_close_matches(str(value), self.choices, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.choices)}"
            raise ValueError(f"{self.refusal.format(self.called, value)}; {hint}")
        if self._few is not self.choices and value not in self.options:
            self._offer([*self._few, value, MORE])

    def _fold(self, change: Any) -> None:
        if change.new in (MORE, FEWER):
            few = self._few if change.old in self._few else [*self._few, change.old]
            self._offer([*self.choices, FEWER] if change.new == MORE else [*few, MORE], change.old)

    def _offer(self, options: list[str], value: str | None = None) -> None:
        self.folding = True  # ipywidgets chooses the first of new options for a moment
        self.options = options
        if value is not None:
            self.value = value
        self.folding = False


class Ticks(ipywidgets.Checkbox):
    """A box to tick."""

    called = ""

    def refuse(self, value: Any) -> None:
        """Take everything that can be true."""


def tick(on: bool = False) -> Ticks:
    """Return a box to tick."""
    return Ticks(on, indent=False)


class Panel(ipywidgets.VBox):
    """Controls, the answer below them, and a figure that follows.

    Each control is an attribute, all of them together are ``value``, a dict. A dial calls
    ``_begin`` with its controls, does its work in ``_turned`` and ends that with ``_show``.
    """

    def _begin(self, controls: dict[str, Any], words: Mapping[str, tuple[str, str]]) -> None:
        """Take the controls by their names, listen to them, and show them once all is drawn.

        *words* has for each control what stands beside it, and what is told when one points at it.
        """
        self._controls, self._quiet = controls, False
        self.picture, self.sentence = ipywidgets.HTML(), ipywidgets.HTML()
        for name, control in controls.items():
            setattr(self, name, control)
            control.called = name
            control.description, control.tooltip = words[name]
            control.style.description_width = "initial"
            if isinstance(control, (Steps, Numbers)):
                control.description_allow_html = True
                ends = f"({control.min:g} to {control.max:g})"
                said = wide(f"{control.description} {ends}") * WIDER
                width = f"{said + TRACK + NUMBER:.0f}px"
                control.description += f" <small>{ends}</small>"
                control.layout = ipywidgets.Layout(
                    flex=f"1 1 {width}", min_width=f"min({width}, 100%)"
                )
            elif isinstance(control, Buttons):
                control.layout = ipywidgets.Layout(width="100%")
            elif isinstance(control, Ticks):
                control.layout = ipywidgets.Layout(width="auto")
            control.observe(self._changed, "value")
        self._first = self.value
        again = ipywidgets.Button(description="Reset", icon="undo", tooltip="As it was at first")
        again.layout = ipywidgets.Layout(width="6em", flex="0 0 6em")
        again.on_click(lambda _: setattr(self, "value", self._first))
        self.reset = again
        self.sentence.layout.flex = "1 1 auto"
        with plain():
            self._lay_out()
            self._turned()
        answer = ipywidgets.HBox([self.sentence, again])
        answer.layout.align_items = "flex-start"
        super().__init__([*self._arranged(), answer, self.picture])

    def _arranged(self) -> list[ipywidgets.Widget]:
        """The controls as they stand: as many beside each other as there is room for."""
        row = ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 16px", align_items="center")
        return [ipywidgets.HBox([*self._controls.values()], layout=row)]

    def __repr__(self) -> str:
        return self._told

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The panel itself, and for where there are no panels its figure and its words."""
        panel = super()._repr_mimebundle_(**kwargs) or {}
        picture, shown = self.figure.bundle(f"{LIVE} {self._told}", LIVE)
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
            self._controls[name].refuse(value)
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
        try:
            with self._unseen():
                yield
        finally:
            self._changed()

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Turn controls without showing it, and without asking the model."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _changed(self, change: Any = None) -> None:
        # Draw what the controls say now, never what an event said: so no picture can be old.
        folding = change and (
            getattr(change.owner, "folding", False) or change.new in (MORE, FEWER)
        )
        if not self._quiet and not folding:
            with plain():
                self._turned()

    def _lay_out(self) -> None:
        """Make what does not change when a control is turned."""

    def _turned(self) -> None:
        """Do what the controls say, and show it."""
        raise NotImplementedError

    def _show(self, figure: MatplotlibFigure, told: str, *paragraphs: str) -> None:
        """Write the words and the figure into the page; *paragraphs* are HTML, *told* without."""
        self._drawn, self._told = figure, Sentence(told)
        self.answer = self._told
        style = f"display:block;width:{page_width(figure)}px;max-width:100%;height:auto"
        picture = svg(figure, salt=self.picture.model_id)
        picture = picture.replace("<svg ", f'<svg style="{style}" ', 1)
        # Drawn first: the words and the picture of one turn reach the page together.
        words = html.escape(told)
        lines = "<br>".join(paragraphs or (f"<b>{words}</b>",))
        self.sentence.value = (
            f'<div style="line-height:1.35;white-space:normal">{GONE}{lines}</div>'
        )
        self.picture.value = f'<div role="img" aria-label="{words}">{picture}</div>'
