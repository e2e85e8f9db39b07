"""Compare what a learner predicted with what happened."""

from labkit.exercises.feedback import Feedback
from labkit.exercises.meaning import TOLERANCE, is_blank, same, told
from labkit.neighbours import arguments

HEAD = "Your prediction, and what happened:"


def compare(prediction, answer, why="", within=TOLERANCE) -> Feedback:
    """Say what was predicted, what happened, and whether they are the same.

    In: a prediction, ``...`` for no prediction; the *answer*: a text, a number, True or False, None,
    a list of these, or a dict; in a set the order does not count; *why*: more sentences; *within*:
    how far a number may be off, in its own unit. Out: a Feedback; no prediction raises an error. An
    answer of more than four words is not judged: the learner compares.

    >>> compare("cn-4", "cn-2")
    Your prediction, and what happened:
    ✗ You said cn-4. It is cn-2.
    >>> compare(..., [0.75, 1.0]).text
    'You made no prediction. It is 0.75, 1.'

    Source: the lesson's model, which makes the answer.
    """
    arguments.of_type(why, str, "not a text", "why")
    outcome, said = "not tried yet", "You made no prediction."
    try:
        if not is_blank(prediction) or (answer is None and prediction is None):
            said = f"You said {told(prediction)}."
            outcome = "right" if same(prediction, answer, within) else "wrong"
    except Exception:  # whatever a learner's object raises when it is looked at
        outcome, said = "not checkable", f"Your prediction is {type(prediction).__name__}."
    if outcome == "wrong" and isinstance(answer, str) and len(answer.split()) > 4:
        outcome, why = "not checkable", f"Compare them yourself. {why}".strip()
    it = told(answer)
    text = f"{said} It is {it}{'' if it.endswith(('.', '!', '?')) else '.'} {why}".strip()
    return Feedback(outcome, text, HEAD)
