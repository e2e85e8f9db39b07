"""The questions of lesson 11: untouched, right, wrong, and not checkable."""

import pytest

from labkit import RequestContext, checks, get_admin_context
from labkit.questions import QUESTIONS, lesson_11


def changed(context):
    context.is_admin, context.read_deleted = True, "yes"
    return context


def by_dict(context):
    return RequestContext.from_dict(context.to_dict() | {"is_admin": True, "read_deleted": "yes"})


def forgetful(context):
    return RequestContext(
        "alice",
        "physics",
        is_admin=True,
        read_deleted="yes",
        auth_token=context.auth_token,
        service_catalog=context.service_catalog,
    )


def borrowed(context):
    copy = context.elevated(read_deleted="yes")
    copy.auth_token = context.auth_token[::-1]
    return copy


# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "context-for-all": [lambda context: context.elevated(read_deleted="yes"), by_dict],
    "admin-context-may": [["read", "save"], ("save", " READ "), {"read", "save"}],
    "does-not-travel": [["db_connection", "mq_connection"], {"mq_connection", "db_connection"}],
}
WRONG = {
    "context-for-all": [
        (lambda context: context, "may not read the row of a server of"),
        (lambda context: context.elevated(), "of physics, deleted"),
        (lambda context: context.elevated("only"), "of physics, up"),
        (lambda context: get_admin_context("yes"), "EmptyCatalog: The service catalog is empty."),
        (changed, "changes the context that it gets"),
        (forgetful, "nobody would find it in a log"),
        (borrowed, "another token"),
        (lambda context: context.elevated("maybe"), "raises ValueError: read_deleted can only"),
        (lambda context: None, "returns None"),
        (lambda: None, "raises TypeError"),
    ],
    "admin-context-may": [
        (["list all", "stop", "read", "save"], "no roles"),
        (["read", "save", "stop"], "stop is not allowed"),
        (["read", "save", "image"], "What would glance be shown"),
        ("read", "save is allowed"),
    ],
    "does-not-travel": [
        (["db_connection"], "mq_connection does not arrive"),
        (["auth_token", "db_connection", "mq_connection"], "auth_token arrives"),
        (["roles"], "roles arrives"),
    ],
}


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_11.QUESTIONS]
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
        ("context-for-all", get_admin_context(), "without calling it"),
        ("context-for-all", 7, "7 (int)"),
        ("admin-context-may", 2, "one int"),
        ("admin-context-may", ["reboot"], "'reboot'"),
        ("does-not-travel", ["cell"], "'cell'"),
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
    assert checks.solution("admin-context-may").text.startswith("read, save. ")
    assert checks.solution("does-not-travel").text.startswith("db_connection, mq_connection. ")
    rule = checks.solution("context-for-all").text.partition(". Tried")[0].removeprefix("return ")
    function = eval(f"lambda context: {rule}")  # noqa: S307 - the lab's own words
    assert checks.check("context-for-all", function).outcome == "right"
