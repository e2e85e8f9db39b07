"""Whether a figure can be read: no text over another, none cut off, none too small."""

import itertools
import re

import pytest
from matplotlib.text import Text


def texts(figure):
    """Every text that is really drawn (an axis also has ticks that are not), with its box."""
    seen, draw = {}, Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, *args: seen.update({text: 1}) or draw(text, *args))
        figure._settle()
        figure.figure.draw_without_rendering()
    shown = [text for text in seen if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent()) for text in shown]


def complaints(figure):
    """A sentence for each text that is cut off, lies over another, or is below 9 points."""
    seen = texts(figure)
    width, height = figure.figure.get_size_inches() * figure.figure.dpi
    found = [f"{text.get_text()!r} is small" for text, _ in seen if text.get_fontsize() < 9]
    for text, box in seen:
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            found.append(f"{text.get_text()!r} is cut off")
    for (one, a), (other, b) in itertools.combinations(seen, 2):
        if a.x1 > b.x0 + 1 and b.x1 > a.x0 + 1 and a.y1 > b.y0 + 2 and b.y1 > a.y0 + 2:
            found.append(f"{one.get_text()!r} and {other.get_text()!r} overlap")
    return found


def unnamed(picture):
    """An SVG without the names of its hatches and clips, which differ from dial to dial."""
    return re.sub(r"\b[a-z]?[0-9a-f]{10}\b", "", picture)
