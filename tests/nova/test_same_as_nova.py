"""labkit beside the installed Nova 34.0.0 on random requests, compared exactly.

The same hosts pass each filter, every weight is equal bit for bit, and so are order, picks,
alternates, the numbers afterwards and the words of a refusal. What was seen is counted, and
too little of it fails. tools/record/random_decisions.py makes the same comparison at greater length.
"""

from collections import Counter

import pytest

from labkit import NoValidHost, select_destinations
from tests.helpers import answers, counting, length, scenarios

pytestmark = pytest.mark.nova
pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")

DECISIONS = length.few(4300, 12)
ALONE = length.few(500, 16)
TABLES = length.few(100, 4)


@pytest.fixture(scope="module")
def oracle():
    from tools.oracle import scheduler

    return scheduler


def built(number):
    """Return (fleet, spec_obj, options, seed, names) of a scenario."""
    fleet, spec_obj, options, seed = scenarios.build(scenarios.scenario(number))
    return fleet, spec_obj, options, seed, answers.server_names(spec_obj, None)


@pytest.fixture(scope="module")
def compared(oracle):
    """Return (counts, differences by the scenario's number)."""
    counts, wrong = Counter(), {}
    for number in range(DECISIONS):
        asked = built(number)
        nova = oracle.answer(*asked)
        found = answers.differences(nova, answers.answer(*asked))
        if found:
            wrong[number] = found
        counting.count(counts, *asked[:3], nova)
    return counts, wrong


def test_every_decision_is_the_same(compared):
    _, wrong = compared
    few = [f"scenario {number}: {found[0]}" for number, found in list(wrong.items())[:10]]
    assert not wrong, "\n".join([f"{len(wrong)} of {DECISIONS} differ", *few])


def test_enough_was_seen(compared):
    counts, _ = compared
    print(counting.report(counts))  # noqa: T201 - seen with pytest -s, and when it fails
    found = counting.too_few(counts, 1 if length.ALL else 1 / 50)
    assert not found, "\n".join(found)


def test_each_filter_and_weigher_alone_says_the_same_of_every_host(oracle):
    rejected, wrong = Counter(), []
    for number in range(ALONE):
        fleet, spec_obj, options, _, names = built(number)
        if spec_obj.image is None:
            continue
        nova = oracle.alone(fleet, spec_obj, options, names)
        lab = answers.alone(fleet, spec_obj, options, names)
        wrong += [f"scenario {number}: {it}" for it in answers.alone_differences(nova, lab)]
        for name in oracle.FILTERS:
            rejected[name] += len(nova[name]) < len(fleet)
    assert not wrong, "\n".join(wrong[:10])
    assert set(rejected) == set(oracle.FILTERS)
    for name in set(oracle.FILTERS) - counting.NEVER_REJECT:
        assert rejected[name] >= length.few(10, 16), (
            f"{name} rejected a host in {rejected[name]} scenarios only"
        )


def test_the_tables_say_what_nova_said(oracle):
    weighed = 0
    for number in range(TABLES):
        asked = built(number)
        fleet, spec_obj, options, seed, names = asked
        nova = oracle.answer(*asked)
        try:
            decision, said = select_destinations(fleet, spec_obj, options, seed, names), None
        except NoValidHost as error:
            decision, said = error.decision, ["NoValidHost", str(error)]
        except Exception:  # noqa: S112 - compared above; there are no tables to compare
            continue
        assert nova["raised"] == said
        filters, weights = decision.filters, decision.weights
        for name, one in zip(names, nova["rounds"], strict=False):
            mine = filters[filters.instance == name]
            for filter_, entered, passed in one["filters"]:
                part = mine[mine["filter"] == filter_]
                assert part.host.tolist()[: len(entered)] == entered
                assert set(part.host[part.passed]) == set(passed)
                assert all(
                    bool(reason) is not ok for reason, ok in part[["reason", "passed"]].values
                )
            for step in one.get("weighers", []):
                part = weights[(weights.instance == name) & (weights.weigher == step["weigher"])]
                assert part.host.tolist() == one["filtered"]
                for key in ("raw", "normalized", "multiplier"):
                    assert answers.bits(part[key]) == answers.bits(step[key])
                weighed += 1
    assert weighed > TABLES
