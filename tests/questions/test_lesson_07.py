"""The questions of lesson 07: untouched, right, wrong, and not checkable."""

import numpy as np
import pandas as pd
import pytest

from labkit import checks, qcow2
from labkit.questions import QUESTIONS, lesson_07

MASK = 0x00FF_FFFF_FFFF_FE00


def find(raw, offset, mask=MASK, bits=None, zeros=1):
    """What the exercise asks for, with what may go wrong as arguments."""

    def number(at, n=8):
        return int.from_bytes(raw[at : at + n])

    size = 1 << (bits or number(20, 4))
    upper, lower = divmod(offset // size, size // 8)
    table = number(number(40) + 8 * upper) & mask
    entry = number(table + 8 * lower) if table else 0
    if entry & zeros or not entry & mask:
        return None
    return (entry & mask) + offset % size


# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "growth-of-a-write": [[192, 124], (192.0, np.int64(124)), {"grown": 192, "below": 124}],
    "reach-of-a-table": [[512, 2], pd.Series([512, 2]), np.array([512.0, 2.0])],
    "find-the-byte": [
        find,
        lambda raw, offset: None if find(raw, offset) is None else np.int64(find(raw, offset)),
    ],
}
WRONG = {
    "growth-of-a-write": [
        ([4, 0], "whole clusters"),
        ([64, 60], "where are they entered"),
        ([128, 124], "where are they entered"),
        ([193, 124], "the table that"),
        ([192, 0], "did not write"),
        ([192, 128], "wrote a part"),
        ([192, 192], "wrote a part"),
        ([192, 60], "less what the guest wrote"),
        ([192], "1 of 2"),
    ],
    "reach-of-a-table": [
        ([4096, 16], "8 bytes"),
        ([512, 16], "8 bytes"),
        ([512, 512], "Smaller clusters"),
        ([512 * 1024, 2048], "In MiB"),
        ([64, 4], "one cluster of entries"),
        ([512, 2, 1], "3 of 2"),
    ],
    "find-the-byte": [
        (lambda raw, offset: find(raw, offset, mask=2**64 - 1), "their marks"),
        (lambda raw, offset: (find(raw, offset) or 0) | 2**63, "Bit 63"),
        (lambda raw, offset: find(raw, offset, bits=16), "with clusters of 4 KiB"),
        (lambda raw, offset: find(raw, offset, zeros=0), "marked as zeros"),
        (lambda raw, offset: (find(raw, offset) or 0) // 65536 * 65536, "its cluster begins"),
        (lambda raw, offset: None, "have an offset"),
        (lambda raw, offset: 0.5, "Asked"),
        (lambda raw, offset: True, "Asked"),
        (lambda raw: 1, "raises TypeError"),
    ],
}


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_07.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("blank", [None, ..., "", " ", [], [...]])
def test_an_untouched_answer_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert (feedback.outcome, feedback.text) == ("not tried yet", QUESTIONS[name].asks)


@pytest.mark.parametrize(("name", "answer"), [(n, a) for n, those in RIGHT.items() for a in those])
def test_right_in_every_form(name, answer):
    assert checks.check(name, answer).outcome == "right"


@pytest.mark.parametrize(
    ("name", "answer", "says"), [(name, *one) for name, those in WRONG.items() for one in those]
)
def test_a_wrong_answer_gets_a_sentence_that_helps(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert "ou gave" in feedback.text
    assert says in feedback.text


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("growth-of-a-write", 192, "one int"),
        ("growth-of-a-write", [192, "124"], "'124' (str)"),
        ("reach-of-a-table", [True, 2], "(bool)"),
        ("find-the-byte", 327680, "without calling it"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
def test_hints_are_there_and_do_not_repeat(name):
    hints = [checks.hint(name, number).text for number in range(1, 3)]
    assert len(set(hints)) == len(QUESTIONS[name].hints) == 2


def test_solutions_begin_with_the_answer():
    assert checks.solution("growth-of-a-write").text.startswith("192, 124. ")
    assert checks.solution("reach-of-a-table").text.startswith("512, 2. ")


def test_the_function_finds_what_qemu_wrote_where_qemu_says_it_lies(root):
    path = root / "data" / "qcow2" / "overlay.qcow2"
    raw = path.read_bytes()
    with qcow2.Image(path) as image:
        extents = image.map()
    for extent in extents:
        where = extent.offset if extent.data and not extent.depth else None
        assert find(raw, extent.start) == where
