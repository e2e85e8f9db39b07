"""Names of hosts and servers in any script: every figure draws, without a warning."""

import pandas as pd
import pytest

from labkit import plots
from tests.test_arguments import CALLS

NAMES = {"cn-1": "计算节点一", "cn-2": "عقدة-٢", "web-1": "сервер 🚀"}
FIGURES = [name for name in CALLS if name.startswith("plots.") and name != "plots.Figure"]


def in_other_scripts(value):
    """A table with other names in it, whole or as parts of a text."""
    if not isinstance(value, pd.DataFrame):
        return value
    texts = {
        name: column.astype(object).replace(NAMES, regex=True)
        for name, column in value.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    return value.assign(**texts)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_names_of_any_script(name):
    arguments = {key: in_other_scripts(value) for key, value in CALLS[name]().items()}
    figure = getattr(plots, name.removeprefix("plots."))(**arguments)
    assert figure.png() == figure.png()
    assert "<svg" in figure.svg()
