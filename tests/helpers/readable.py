"""Whether a figure can be read, no text over another, cut off or too small, and stays the same."""

import re

import numpy as np
import pytest
from matplotlib.text import Text

from labkit.plots.figure import settle


def texts(figure):
    """Every text that is really drawn (an axis also has ticks that are not), with its box."""
    seen, draw = {}, Text.draw
    settle(figure.figure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, *args: seen.update({text: 1}) or draw(text, *args))
        figure.figure.draw_without_rendering()
    shown = [text for text in seen if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent()) for text in shown]


def complaints(figure, least=1):
    """A sentence for each text that is cut off, lies over another, or is below 9 points.

    Also if there are fewer texts than the *least*.
    """
    seen = texts(figure)
    if len(seen) < least:
        return [f"only {len(seen)} texts"]
    words = [repr(text.get_text()) for text, _ in seen]
    found = [f"{text.get_text()!r} is small" for text, _ in seen if text.get_fontsize() < 9]
    left, low, right, high = np.array([box.extents for _, box in seen]).T
    width, height = figure.figure.get_size_inches() * figure.figure.dpi
    cut = (left < -1) | (low < -1) | (right > width + 1) | (high > height + 1)
    found += [f"{words[i]} is cut off" for i in np.flatnonzero(cut)]
    beside = (right[:, None] > left + 1) & (right > left[:, None] + 1)
    above = (high[:, None] > low + 2) & (high > low[:, None] + 2)
    pairs = np.argwhere(np.triu(beside & above, k=1))
    return found + [f"{words[i]} and {words[k]} overlap" for i, k in pairs]


def the_same(one, other):
    """Assert that two figures are the same bytes, drawn once or twice; return the SVG and the PNG."""
    svg, png = one.svg(), one.png()
    assert other.png() == png  # each is the first that is drawn of one figure
    assert other.svg() == svg
    return svg, png


def title(figure):
    """The words above a figure, in one line."""
    return " ".join(figure.figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").split())


def unnamed(picture):
    """An SVG without the names of its hatches and clips, which differ from dial to dial."""
    return re.sub(r"\b[a-z]?[0-9a-f]{10}\b", "", picture)
