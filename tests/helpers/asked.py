"""What holds for the questions of every lesson; the answers stand in the lesson's own test."""

import numpy as np
import pandas as pd

from labkit.exercises import judging


class Broken:
    """Whatever is asked of it, it raises."""

    def __repr__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


ITSELF = []
ITSELF.append(ITSELF)
ODD = [ITSELF, Broken(), [Broken()], "x" * 100_000, ["y" * 100_000], np.float32(0.1), 10**400]
ODD += [pd.DataFrame({"a": [1]}), np.eye(2), {1: 2}, {}, [], "none", range(10**9), 1j, b"x", object]
BLANKS = [None, ..., "", " ", "...", [...], [None]]


class Asked:
    """The tests of a lesson's questions. A subclass names the lesson, its module has the tables.

    RIGHT: every form of the right answer. WRONG: wrong answers, and what the sentence says.
    NOT_CHECKABLE: (question, answer, what the sentence says). SOLUTIONS: how each begins. All are
    written by hand, so that the questions and the model are not each other's only witness.
    """

    lesson = None

    def pytest_generate_tests(self, metafunc):
        tables, wanted = metafunc.module, metafunc.fixturenames
        for argument, rows in (
            ("right", [(name, a) for name, those in tables.RIGHT.items() for a in those]),
            ("wrong", [(name, *one) for name, those in tables.WRONG.items() for one in those]),
            ("unclear", tables.NOT_CHECKABLE),
            ("begins", list(tables.SOLUTIONS.items())),
        ):
            if argument in wanted:
                columns = ["name", argument, "says"] if "says" in wanted else ["name", argument]
                metafunc.parametrize(columns, rows)

    def test_every_question_is_tried_here(self, request):
        tables = request.module
        names = sorted(question.name for question in self.lesson.QUESTIONS)
        assert names
        for table in (tables.RIGHT, tables.WRONG, tables.SOLUTIONS):
            assert sorted(table) == names
        assert all([*tables.RIGHT.values(), *tables.WRONG.values()])

    def test_an_untouched_answer_repeats_the_question(self):
        for question in self.lesson.QUESTIONS:
            for blank in BLANKS:
                feedback = judging.check(question.name, blank)
                assert feedback.outcome == "not tried yet"
                assert feedback.head == f"Question: {question.asks}"

    def test_the_right_answer_is_right_in_every_form(self, name, right):
        feedback = judging.check(name, right)
        assert feedback.outcome == "right"
        assert feedback.text == judging.solution(name).text

    def test_a_wrong_answer_gets_a_sentence_that_helps(self, name, wrong, says):
        feedback = judging.check(name, wrong)
        assert feedback.outcome == "wrong"
        assert "ou gave" in feedback.text
        assert says in feedback.text

    def test_what_cannot_be_judged_is_said(self, name, unclear, says):
        feedback = judging.check(name, unclear)
        assert feedback.outcome == "not checkable"
        assert says in feedback.text

    def test_nothing_odd_raises_or_is_told_at_length(self):
        for name in self.lesson.QUESTIONS:
            for odd in ODD:
                feedback = judging.check(name.name, odd)
                assert feedback.outcome in ("wrong", "not checkable")
                assert feedback.text
                assert len(feedback.text) < 600

    def test_the_solution_begins_with_the_answer(self, name, begins):
        assert judging.solution(name).text.startswith(begins)

    def test_hints_differ_and_none_is_the_solution(self, name, begins):
        count = next(len(q.hints) for q in self.lesson.QUESTIONS if q.name == name)
        hints = [judging.hint(name, number) for number in range(1, count + 1)]
        assert {hint.outcome for hint in hints} == {"hint"}
        assert len({hint.text for hint in hints}) == count >= 2
        assert judging.solution(name).text not in {hint.text for hint in hints}
