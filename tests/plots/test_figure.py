"""What all figures share: they can be read, say their answer, and are the same every time."""

import itertools
import subprocess
import sys

import matplotlib
import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from labkit import plots
from labkit.plots.scores import WEIGHERS
from tests.helpers.readable import texts
from tests.helpers.tables import LONG, SHORT, filled, filters, many, weights, winners


def drawn(kind, count, names=LONG):
    return {
        "funnel": lambda: plots.funnel(filters(count, names)),
        "weighing": lambda: plots.weighing(many(count, names)),
        "scores": lambda: plots.scores(many(count, names)),
        "winner_map": lambda: plots.winner_map(winners(count, names)),
        "fill": lambda: plots.fill(*filled(count, names)),
    }[kind]()


KINDS = ["funnel", "weighing", "scores", "winner_map", "fill"]


# -- every figure -----------------------------------------------------------------------
@pytest.mark.parametrize(("count", "names"), [(2, LONG), (3, LONG), (30, LONG), (8, SHORT)])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_overlaps_another_or_is_cut_off(kind, count, names):
    figure = drawn(kind, count, names)
    seen = texts(figure)
    width, height = figure.figure.get_size_inches() * figure.figure.dpi
    for text, box in seen:
        whole = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert whole, f"{text.get_text()!r} is cut off"
    for (one, a), (other, b) in itertools.combinations(seen, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 2 or b.y1 <= a.y0 + 2
        assert apart, f"{one.get_text()!r} and {other.get_text()!r} overlap"


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_smaller_than_9_points(kind, count):
    assert min(text.get_fontsize() for text, _ in texts(drawn(kind, count))) >= 9


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_bytes(kind):
    one, other = drawn(kind, 8), drawn(kind, 8)
    assert one.svg() == other.svg() == one.svg()
    assert one.png() == other.png() == one.png()


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_small_enough_for_a_notebook(kind):
    assert len(drawn(kind, 30, SHORT).png()) < 150_000


@pytest.mark.parametrize("kind", KINDS)
def test_svg_keeps_its_texts_and_no_date(kind):
    svg = drawn(kind, 3).svg()
    assert svg.startswith("<svg")
    assert "<text" in svg
    assert "<dc:date>" not in svg
    assert matplotlib.__version__ not in svg


@pytest.mark.parametrize("kind", KINDS)
def test_shows_itself_as_a_picture_and_as_its_answer(kind):
    figure = drawn(kind, 3)
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == f"A figure:\n{figure.answer}"
    assert figure.answer == repr(figure)
    assert metadata["image/png"]["alt"] == figure.answer
    assert figure.answer.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_stands_in_the_figure(kind):
    figure = drawn(kind, 3, SHORT)
    title = figure.figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
    assert title
    assert figure.answer.startswith(title)


def test_the_figures_load_matplotlib_and_pandas_only_when_they_draw():
    code = "import sys, labkit.plots; print({'matplotlib', 'pandas', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_pyplot_knows_of_no_figure():
    from matplotlib import _pylab_helpers

    drawn("scores", 3).png()
    assert not _pylab_helpers.Gcf.figs


@pytest.mark.parametrize("table", [filters(3), many(3), winners(3)])
def test_an_empty_table_is_refused_in_a_sentence(table):
    draw = {"filter": plots.funnel, "raw": plots.scores, "winner": plots.winner_map}
    function = next(draw[column] for column in draw if column in table)
    with pytest.raises(ValueError, match="nothing to draw: the table has no rows"):
        function(table.iloc[:0])


def test_nothing_placed_is_refused_in_a_sentence():
    hosts, placed = filled(3)
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.fill(hosts, placed.iloc[:0])


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column score"):
        plots.scores(many(3).drop(columns="score"))


def test_dollars_and_tags_in_a_name_are_only_text():
    table = weights({"RAMWeigher": [1, 2]})
    table["host"] = table["host"].map({"cn-1": "$a_1$ <b>&", "cn-2": "$x$"})
    figure = plots.scores(table)
    assert "$a_1$ &lt;b&gt;&amp;" in figure.svg()
    assert figure.answer.startswith("$x$ wins")


def test_names_alike_but_for_their_middle_keep_labels_of_their_own():
    table = weights({"RAMWeigher": [1, 2]})
    long = {f"cn-{i}": f"{'a' * 60}{i}{'z' * 60}" for i in (1, 2)}
    figure = plots.scores(table.assign(host=table["host"].map(long)))
    names = [text.get_text() for text in figure.figure.axes[0].texts if "aaa" in text.get_text()]
    assert len(set(names)) == 2


def test_other_axes_of_the_same_figure_can_be_drawn_later():
    figure = MatplotlibFigure((14, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    first = plots.scores(many(3, SHORT, WEIGHERS[:3]), ax=axes[0, 0])
    before = first.png()
    plots.winner_map(winners(3, SHORT), ax=axes[0, 1])
    plots.fill(*filled(3, SHORT), ax=axes[1, 0])
    plots.weighing(many(3, SHORT, WEIGHERS[:2]), ax=axes[1, 1])
    assert first.figure is figure
    assert first.png() != before
