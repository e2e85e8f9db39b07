"""Names of hosts and servers in any script: every figure and dial draws, without a warning."""

import pandas as pd
import pytest

from labkit import Cloud, Fleet, dials, plots
from tests.helpers import length
from tests.test_arguments import CALLS, FLEET, SPEC

NAMES = {"cn-1": "计算节点一", "cn-2": "عقدة-٢", "web-1": "сервер 🚀"}
FIGURES = [
    name
    for name in CALLS
    if name.startswith("plots.") and name not in ("plots.Figure", "plots.size")
]


def renamed(text):
    """A text with the other names in it; anything else as it is."""
    for name, other in NAMES.items() if isinstance(text, str) else ():
        text = text.replace(name, other)
    return text


def in_other_scripts(value):
    """A table with other names in it, whole or as parts of a text."""
    if not isinstance(value, pd.DataFrame):
        return value
    texts = {
        name: column.map(renamed)
        for name, column in value.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    return value.assign(**texts)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_names_of_any_script(name):
    arguments = {key: in_other_scripts(value) for key, value in CALLS[name]().items()}
    figure = getattr(plots, name.removeprefix("plots."))(**arguments)
    assert "<svg" in figure.svg()
    if name in length.some(FIGURES, 5):
        assert figure.png()


def other_fleet():
    return Fleet.from_frame(FLEET.hosts.replace(NAMES))


def other_cloud():
    cloud = Cloud(other_fleet())
    cloud.create(NAMES["web-1"], SPEC)
    cloud.settle()
    return cloud


#: The dials that show names of hosts and servers.
DIALS = {
    "scores": lambda: dials.scores(other_fleet(), SPEC),
    "creation": lambda: dials.creation(other_fleet(), SPEC),
    "player": lambda: dials.player(other_cloud(), NAMES["web-1"]),
    "fleet": lambda: dials.fleet(other_fleet(), SPEC),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DIALS)
def test_a_dial_draws_names_of_any_script(name):
    assert DIALS[name]()._repr_mimebundle_()
