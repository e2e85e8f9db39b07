"""The dial of contexts: what a turn shows, says and leaves behind."""

import html
import itertools
import re

import pytest

from labkit import dials, rights
from labkit.dials.context import READ_DELETED, ROLES, WAYS, made
from labkit.plots.rights import NO, YES
from tests.helpers import length
from tests.helpers.readable import complaints

SETTINGS = list(itertools.product(ROLES, WAYS, READ_DELETED))


@pytest.fixture(scope="module")
def one():
    return dials.context()


def signs(dial):
    """The signs in the picture, as the page has them: squares of no and yes."""
    texts = re.findall("<text[^>]*>([^<]*)<", dial.picture.value)
    found = [html.unescape(text)[0] for text in texts if html.unescape(text)[:1] in (YES, NO)]
    return found.count(NO), found.count(YES)


def test_a_turn_changes_answer_picture_and_table(dial):
    before = dial.picture.value
    assert signs(dial) == (12, 8)
    dial.way.value = "elevated"
    assert dial.context.is_admin
    assert dial.table.allowed.sum() == 16
    assert signs(dial) == (4, 16)
    assert dial.answer.startswith("A member's context, elevated, read_deleted no: it may list all;")
    assert dial.picture.value != before
    assert html.escape(dial.answer) in dial.picture.value


@pytest.mark.parametrize("setting", length.some(SETTINGS, 7))
def test_the_answer_and_the_picture_say_what_the_table_says(one, setting):
    dial = one  # every control is turned: as it was at first need not be drawn
    dial.value = dict(zip(("role", "way", "read_deleted"), setting, strict=True))
    table = rights({setting[1]: made(*setting)})
    assert dial.table.equals(table)
    assert signs(dial) == (20 - table.allowed.sum(), table.allowed.sum())
    yes = table.groupby("asked").allowed.sum()
    assert f"stop {yes['stop']} of 4" in dial.answer
    assert yes["read"] == yes["save"]  # which is why one number says both
    assert f"reads and saves {yes['read']} of 4" in dial.answer
    assert ("may list all" in dial.answer) is bool(yes["list all"])
    assert ("cannot be asked (EmptyCatalog)" in dial.answer) is not yes["image"]
    assert complaints(dial.figure) == []


@pytest.mark.usefixtures("unpainted")
def test_below_each_system_stands_what_it_looks_at(dial):
    def texts():
        return {text.get_text() for text in dial.figure.figure.axes[0].texts}

    assert {"roles member, reader", "is_admin False, project physics", "alice's token"} <= texts()
    dial.way.value = "get_admin_context"
    assert {"no roles", "is_admin True, no project", "no token"} <= texts()


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("name", ["role", "way", "read_deleted"])
def test_no_two_choices_look_the_same(dial, name):
    seen = set()
    for choice in getattr(dial, name).options:
        dial.value = {name: choice}
        seen.add((dial.figure.svg(), str(dial.answer)))
    assert len({svg for svg, _ in seen}) == len({words for _, words in seen}) == len(seen)
    assert len(seen) == len(getattr(dial, name).options)


@pytest.mark.usefixtures("unpainted")
def test_the_code_that_makes_the_context_stands_in_the_page(dial):
    dial.value = {"way": "get_admin_context", "read_deleted": "only"}
    code = 'context = get_admin_context(); context.read_deleted = "only"'
    assert code in html.unescape(dial.sentence.value)


def test_the_figure_is_laid_out_once_and_does_not_depend_on_the_turns_before(dial):
    figure, first = dial.figure.figure, dial.picture.value
    dial.value = {"way": "get_context", "role": "admin"}
    dial.value = {"way": "from the request", "role": "member"}
    assert dial.figure.figure is figure
    assert dial.picture.value == first


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"role": "king"}, "role is not 'king'; there are reader, member, admin"),
        ({"read_deleted": "maybe"}, "there are no, yes, only"),
        ({"user": "bob"}, "no 'user', only role, way, read_deleted"),
    ],
)
def test_a_wrong_value_gets_a_sentence_and_changes_nothing(dial, value, sentence):
    before = dial.value
    with pytest.raises(ValueError, match=sentence):
        dial.value = {"way": "elevated"} | value
    assert dial.value == before
