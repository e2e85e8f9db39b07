"""Read what a learner gave, and judge it.

A reader raises Uncheckable for what it cannot read, with what was asked. A judge is the check of a
Question, made from what is right and from the sentence for each mistake.
"""

import difflib
import math
import re
from collections.abc import Mapping

from labkit.exercises import meaning
from labkit.exercises.judging import Question, Uncheckable, Wrong
from labkit.exercises.meaning import TOLERANCE, word
from labkit.neighbours import arguments

LONGEST = 200  # characters of a name

#: What is said of numbers that are not whole.
ROUNDED = "Three decimals are enough."


def shown(one):
    """Say what was given, and of which type it is."""
    return f"{arguments.shown(one)} ({type(one).__name__})"


def listed(names):
    """Return names in their order, in one text."""
    return ", ".join(sorted(names)) or "an empty list"


# -- readers ----------------------------------------------------------------------------------
def number(one, asked, where="You gave"):
    """Return one number as a float, also from a text or a list of one."""
    value = meaning.number(_alone(one))
    if value is None:
        raise Uncheckable(f"{where} {shown(one)}. Asked: {asked}.")
    return value


def text(one, asked):
    """Return one text without the blanks and quotes around it, also from a list of one."""
    given = _alone(one)
    if not isinstance(given, str) or len(given) > LONGEST:
        raise Uncheckable(f"You gave {shown(one)}. Asked: {asked}.")
    return given.strip().strip("'\"`").strip()


def _alone(one):
    return meaning.parts(one)[0] if meaning.is_list(one) and len(one) == 1 else one


def in_order(answer, count, asked):
    """Return the *count* parts of a list, an array, a dict, or a text with commas."""
    if not (isinstance(answer, str | Mapping) or meaning.is_list(answer)) or isinstance(
        answer, set | frozenset
    ):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {asked}.")
    given = meaning.parts(answer)
    if len(given) != count:
        raise Wrong(f"You gave {len(given)} of {count}. Asked: {asked}.")
    return given


def by_name(answer, keys):
    """Return one float for each of *keys*, from a list, tuple, array, Series, text, or dict by key."""
    asked = f"one number for each of {', '.join(keys)}"
    if hasattr(answer, "to_dict") and not set(keys).isdisjoint(getattr(answer, "index", ())):
        answer = answer.to_dict()
    if isinstance(answer, Mapping):
        told = {known(key, keys): value for key, value in answer.items()}
        answer = [told.get(key) for key in keys]
    given = in_order(answer, len(keys), f"{asked}, in a list")
    return [number(one, asked, f"For {key} you gave") for key, one in zip(keys, given, strict=True)]


def known(one, names):
    """Return which of *names* is meant: in any case, and as a figure calls it, "compute@cn-2"."""
    if isinstance(one, str) and len(one) <= LONGEST:
        spelt = {word(name): name for name in names}
        for given in (word(one), word(one).removeprefix("nova "), *word(one).split("@")):
            if given in spelt:
                return spelt[given]
        near = difflib.get_close_matches(word(one), spelt, 1, 0.85)
        if near and re.findall(r"\d", near[0]) == re.findall(r"\d", one):  # a slip of spelling
            raise Uncheckable(
                f"{arguments.shown(one)} is not known here. Is it spelt {spelt[near[0]]!r}?"
            )
    raise Uncheckable(f"{arguments.shown(one)} is not one of these: {', '.join(names)}.")


def names(answer, choices, asked):
    """Return the names in a list, or in one text with commas, as they stand in *choices*."""
    if isinstance(answer, str) and word(answer) in ("none", "nothing", "no", "all"):
        return list(choices) if word(answer) == "all" else []
    if not (isinstance(answer, str) or meaning.is_list(answer)):
        raise Uncheckable(f"You gave {shown(answer)}. Asked: {asked}.")
    return [known(one, choices) for one in meaning.parts(answer)]


def function(answer, asked):
    """Return a function that was given as it is, and not called."""
    if not callable(answer) or isinstance(answer, type):
        raise Uncheckable(f"You gave {shown(answer)}. Asked: {asked}, without calling it.")
    return answer


def result(called, *args, of):
    """Return what a learner's function makes of *args*; *of* says which case that is."""
    try:
        return called(*args)
    except Exception as error:  # whatever a learner's function raises
        raise Wrong(f"For {of} the function that you gave raises {raised(error)}.") from None


def raised(error):
    """Say which error it is."""
    return arguments.shown(f"{type(error).__name__}: {error}").strip("'\"")


# -- judges -----------------------------------------------------------------------------------
# *right* computes what is right; the other functions make the sentence for a mistake.
def number_is(right, asked, slip, close=0.0):
    """Judge one number; *slip(given, exact)* is for a wrong one."""

    def judge(answer):
        given, exact = number(answer, asked), right()
        if not math.isclose(given, exact, rel_tol=close, abs_tol=TOLERANCE):
            raise Wrong(f"You gave {given:g}. {_rounded(given, exact) or slip(given, exact)}")

    return judge


def each(cases, right, asked, slip, read=number, within=0.0):
    """Judge a list with one part for each of *cases*, a dict of things by their words.

    *slip(thing, given, exact)* is for the first part that is wrong.
    """

    def same(one, exact):
        return one == exact or (
            read is number and math.isclose(one, exact, rel_tol=0, abs_tol=within)
        )

    def judge(answer):
        given = [read(one, asked) for one in in_order(answer, len(cases), asked)]
        for (words, thing), one, exact in zip(cases.items(), given, right(), strict=True):
            if not same(one, exact):
                told = one if isinstance(one, str) else f"{one:g}"
                why = _rounded(one, exact) if read is number else ""
                raise Wrong(f"For {words} you gave {told}. {why or slip(thing, one, exact)}")

    return judge


def _rounded(given, exact):
    # A number that is right but for its decimals.
    digits = next((n for n in range(3) if given == round(exact, n) != exact), None)
    return "" if digits is None else "That is rounded; asked are more decimals."


def too_high_or_low(given, exact):
    """Say on which side of the right number a wrong one lies."""
    return f"That is too {'high' if given > exact else 'low'}."


def one_of(choices, right, asked, why):
    """Judge one name of *choices*; *why* has the sentence for each wrong one."""

    def judge(answer):
        given = known(text(answer, asked), choices)
        if given != right():
            raise Wrong(f"You gave {given!r}. {why[given]}")

    return judge


def choose(choices, right, asked, too_many, too_few):
    """Judge a list of some of *choices*; *too_many* and *too_few* are of (name, given)."""

    def judge(answer):
        given, exact = names(answer, choices, asked), right()
        for wrong, sentence in (
            (set(given) - set(exact), too_many),
            (set(exact) - set(given), too_few),
        ):
            for name in choices:
                if name in wrong:
                    raise Wrong(sentence(name, given))

    return judge


def by_host(name, asks, *, wanted, compute, because, hints, slips=list, in_short=ROUNDED):
    """Make a question whose answer is one number per host.

    *wanted* says for each host what its number is; *compute* returns the numbers; *slips* returns
    pairs of what comes out of a common mistake and the sentence that points to it; *in_short*
    says how exact the numbers are to be.
    """

    def judge(answer):
        given, exact = by_name(answer, list(wanted)), compute()
        if _close(given, exact):
            return
        for slip, sentence in slips():
            if _close(given, slip):
                raise Wrong(f"You gave {_show(wanted, given)}. {sentence}")
        for host, one, number in zip(wanted, given, exact, strict=True):
            if not _close([one], [number]):
                near = _close([one], [number], 10 * TOLERANCE)
                asked = "three decimals, and this is close" if near else wanted[host]
                raise Wrong(f"For {host} you gave {one:.6g}. Asked: {asked}.")

    asks = f"{asks} Give a list: {', '.join(wanted)}. {in_short}"
    return Question(name, asks, judge, hints, lambda: f"{_show(wanted, compute())}. {because}")


def _close(given, exact, within=TOLERANCE):
    return all(
        math.isclose(a, b, rel_tol=0, abs_tol=within) for a, b in zip(given, exact, strict=True)
    )


def _show(hosts, numbers):
    return ", ".join(f"{host} {number:.6g}" for host, number in zip(hosts, numbers, strict=True))
