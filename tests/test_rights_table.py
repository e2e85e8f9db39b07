"""The table of rights: what is asked, and in which words it is answered."""

import pytest

from labkit import rights
from labkit.nova.context import RequestContext, get_admin_context
from labkit.studies.rights import COLUMNS, QUESTIONS, SERVERS

ALICE = RequestContext("alice", "physics", roles=["member"])


def test_each_question_is_asked_of_each_context_and_server():
    table = rights({"alice": ALICE, "nova": get_admin_context()})
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * len(SERVERS) * len(QUESTIONS) == 40
    assert table.seq.tolist() == list(range(40))


def test_an_answer_is_an_error_in_novas_words_or_nothing():
    table = rights({"alice": ALICE}).query("server == 'biology up'").set_index("asked")
    assert table.answer["stop"] == (
        "PolicyNotAuthorized: Policy doesn't allow os_compute_api:servers:stop to be performed."
    )
    assert table.answer["read"] == "InstanceNotFound: Instance biology-0 could not be found."
    assert rights({"nova": get_admin_context()}).query("allowed").answer.unique() == [""]


def test_nothing_is_changed_by_asking():
    before = ALICE.to_dict()
    assert rights({"alice": ALICE}).equals(rights({"alice": ALICE}))
    assert ALICE.to_dict() == before
    assert ALICE.db_connection is None
    assert not any("display_name" in row for row in SERVERS.values())


def test_something_else_is_refused():
    with pytest.raises(TypeError, match="'alice' is no RequestContext"):
        rights({"alice": "alice"})
