"""Lesson 11: a context for a task, and what an administrator's may do."""

from labkit.exercises.answers import choose, function, listed, result, shown
from labkit.exercises.judging import Question, Wrong
from labkit.nova.context import RequestContext, get_admin_context
from labkit.studies.rights import QUESTIONS as ASKED
from labkit.studies.rights import rights

_CATALOG = [{"type": "image", "endpoints": [{"publicURL": "http://glance"}]}]


def _alice(number):
    return RequestContext(
        ("alice", "bob")[number % 2],
        "physics",
        roles=[["reader"], ["member", "reader"], ["admin"]][number % 3],
        auth_token=f"token {number}",
        service_catalog=_CATALOG,
        request_id=f"req-{number}",
        user_name=f"user {number}",
    )


def wanted(context):
    """Return the context that the task needs."""
    return context.elevated(read_deleted="yes")


def _judge_wanted(answer):
    asked = "a function of alice's context that returns another one"
    judged = function(answer, asked)
    for number in range(6):
        alice = _alice(number)
        before = alice.to_dict() | {"roles": list(alice.roles)}
        given = result(judged, alice, of=alice.user_name)
        if not isinstance(given, RequestContext):
            raise Wrong(f"You gave a function that returns {shown(given)}. Asked: {asked}.")
        if alice.to_dict() != before:
            raise Wrong(
                "You gave a function that changes the context that it gets: the rest of the request "
                "would go on with these rights. Asked: a copy."
            )
        _judge_context(given, alice)


def _judge_context(given, alice):
    table = rights({"yours": given})
    refused = table.query("asked in ['read', 'save'] and not allowed")
    image = table.query("asked == 'image' and not allowed")
    if not image.empty:
        words = image.answer.iloc[0]
        raise Wrong(f"You gave a context with which glance cannot be asked: {words}")
    if given.auth_token != alice.auth_token:
        raise Wrong("You gave a context with another token. Asked: glance is asked as the user.")
    if given.request_id != alice.request_id:
        raise Wrong(
            f"You gave a context with the request id {given.request_id}, the user's request has "
            f"{alice.request_id}: nobody would find it in a log."
        )
    if not refused.empty:
        row = refused.iloc[0]
        raise Wrong(
            f"You gave a context that may not {row.asked} the row of a server of "
            f"{row.server.replace(' ', ', ')}. Asked: every row."
        )


def doors():
    """What an administrator's context may ask about another's server."""
    table = rights({"admin": get_admin_context()}).query("server == 'biology up' and allowed")
    return list(table.asked)


#: Why an administrator's context may ask this, or may not.
_WHY = {
    "list all": "Policy asks for the role admin, and this context has no roles.",
    "stop": "Policy asks for the role admin, and this context has no roles.",
    "image": "What would glance be shown?",
    "read": "What does the database look at?",
    "save": "What does the database look at?",
}


QUESTIONS = (
    Question(
        "context-for-all",
        "Write a function of alice's context that returns a context which reads and saves every "
        "row, deleted ones too, asks glance as alice, and keeps her request id. Hers stays as it is.",
        _judge_wanted,
        (
            "Which of the ways keeps the token and the request id?",
            "elevated() can be told what to read.",
        ),
        lambda: (
            "return context.elevated(read_deleted='yes'). Tried with 6 users of 3 roles: every row, "
            "the user's own token and request id."
        ),
    ),
    Question(
        "admin-context-may",
        "Which of the five questions may get_admin_context() ask about another's server: "
        f"{', '.join(ASKED)}? Give a list.",
        choose(
            _WHY,
            doors,
            f"those that are allowed, of {', '.join(ASKED)}",
            lambda name, given: f"You gave {listed(given)}; {name} is not allowed. {_WHY[name]}",
            lambda name, given: f"You gave {listed(given)}; {name} is allowed. {_WHY[name]}",
        ),
        (
            "Three doors: policy looks at roles, the database at is_admin, glance at the token.",
            "What of these does get_admin_context() have?",
        ),
        lambda: f"{', '.join(doors())}. It has is_admin, and neither roles nor a token.",
    ),
)
