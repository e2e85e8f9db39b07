"""What a learner is told: a neutral first line, a sign, a colour, sentences."""

from dataclasses import dataclass
from html import escape

#: The sign of each outcome, and the colour of the bar beside it: JupyterLab's own for its theme, and
#: one for elsewhere. The sign has the text's colour: some of these are too pale to read.
SIGNS = {
    "right": ("✓", "var(--jp-success-color1, #2e7d32)"),
    "wrong": ("✗", "var(--jp-error-color1, #d32f2f)"),
    "not tried yet": ("–", "var(--jp-border-color1, #9e9e9e)"),
    "not checkable": ("?", "var(--jp-warn-color1, #ef6c00)"),
    "hint": ("→", "var(--jp-info-color1, #0277bd)"),
    "solution": ("→", "var(--jp-info-color1, #0277bd)"),
}


@dataclass(frozen=True)
class Feedback:
    """One answer to the learner, which shows itself.

    *outcome*: "right", "wrong", "not tried yet", "not checkable", "hint" or "solution". *head* is the
    first line, which JupyterLab shows of a folded output, so it tells nothing; *verdict* stands
    before the *text*, *after* is the last line.
    """

    outcome: str
    text: str
    head: str = ""
    verdict: str = ""
    after: str = ""

    @property
    def _sentence(self):
        return f"{self.verdict} {self.text}".strip()

    def __repr__(self):
        lines = (self.head, f"{SIGNS[self.outcome][0]} {self._sentence}", self.after)
        return "\n".join(line for line in lines if line)

    def _repr_mimebundle_(self, include=None, exclude=None):
        sign, colour = SIGNS[self.outcome]
        verdict = f"<b>{sign}</b> {escape(self._sentence)}"
        inside = "".join(
            f'<p style="margin:0.2em 0;white-space:pre-line">{line}</p>'
            for line in (verdict, escape(self.after))
            if line
        )
        style = f"border-left:5px solid {colour};padding:0.1em 0.9em"
        # The head is a line of its own: JupyterLab shows the source's first line of a folded output.
        first = escape(self.head, quote=False) + "\n" if self.head else ""
        html = f'{first}<div style="{style}">{inside}</div>'
        return {"text/plain": repr(self), "text/html": html}
