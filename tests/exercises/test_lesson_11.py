"""The answers to the questions of lesson 11: right, wrong, and not checkable."""

from labkit.exercises import judging, lesson_11
from labkit.nova.context import RequestContext, get_admin_context
from tests.helpers.asked import Asked


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


RIGHT = {
    "context-for-all": [lambda context: context.elevated(read_deleted="yes"), by_dict],
    "admin-context-may": [["read", "save"], ("save", " READ "), {"read", "save"}],
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
}
NOT_CHECKABLE = [
    ("context-for-all", get_admin_context(), "without calling it"),
    ("context-for-all", 7, "7 (int)"),
    ("admin-context-may", 2, "2 (int)"),
    ("admin-context-may", ["reboot"], "'reboot'"),
]
SOLUTIONS = {
    "context-for-all": "return context.elevated(read_deleted='yes'). ",
    "admin-context-may": "read, save. ",
}


class TestAnswers(Asked):
    lesson = lesson_11


def test_the_solution_of_the_context_is_right():
    rule = judging.solution("context-for-all").text.partition(". Tried")[0].removeprefix("return ")
    function = eval(f"lambda context: {rule}")  # noqa: S307 - the lab's own words
    assert judging.check("context-for-all", function).outcome == "right"
