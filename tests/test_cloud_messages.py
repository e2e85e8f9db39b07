"""What a cloud's broker holds: queues, and the envelopes of messages."""

import json

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, RequestSpec
from labkit.nova.exception import NoValidHost

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
BIG = Flavor(vcpus=2, memory_mb=1024, root_gb=1, name="big")


@pytest.fixture
def cloud(root):
    return Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)


@pytest.fixture
def booted(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


def seq_of(cloud, method, kind=None):
    sent = cloud.messages.query("method == @method")
    return (sent if kind is None else sent.query("kind == @kind")).seq.iloc[-1]


def waiting(cloud):
    rows = cloud.queues.query("messages > 0")
    return dict(zip(rows.queue, rows.messages, strict=True))


def test_each_service_has_three_queues_and_a_compute_two_topics(cloud):
    queues = cloud.queues
    assert list(queues) == ["exchange", "queue", "routing_key", "messages"]
    assert queues.query("exchange == 'nova'").queue.tolist() == [
        "conductor",
        "conductor.controller",
        "scheduler",
        "scheduler.controller",
        "compute",
        "compute.cn-1",
        "compute-alt",
        "compute-alt.cn-1",
        "compute.cn-2",
        "compute-alt.cn-2",
    ]
    fanouts = queues[queues.exchange.str.endswith("_fanout")]
    assert len(fanouts) == 6
    assert set(fanouts.routing_key) == {""}
    assert queues.messages.sum() == 0


def test_who_calls_has_a_queue_for_the_answers(booted):
    (name,) = booted.queues.query("exchange == ''").queue
    call = booted.envelope(seq_of(booted, "select_destinations", "call"))
    reply = booted.envelope(seq_of(booted, "select_destinations", "reply"))
    assert call.message["_reply_q"] == reply.routing_key == name
    assert call.message["_msg_id"] == reply.message["_msg_id"]
    assert (call.expiration, reply.expiration, reply.exchange) == ("1800000", None, "")


def test_a_cast_to_a_dead_host_waits_in_its_queue(booted):
    host = booted.show("web-1")["host"]
    booted.host_down(host)
    booted.act("web-1", "stop")
    booted.settle()
    assert waiting(booted) == {f"compute.{host}": 1}
    booted.host_up(host)
    booted.settle()
    assert waiting(booted) == {}
    assert booted.show("web-1")["status"] == "SHUTOFF"


def test_a_call_to_a_dead_host_is_gone_when_nobody_waits_any_more(booted):
    host = booted.show("web-1")["host"]
    booted.host_down(host)
    booted.at(booted.now + 1, "web-1", "changePassword")
    booted.run(booted.now + 30)
    assert waiting(booted) == {f"compute.{host}": 1}
    booted.run(booted.now + 60)
    assert waiting(booted) == {}
    assert booted.requests.status.iloc[-1] == 500
    booted.host_up(host)
    booted.settle()
    assert "compute_set_admin_password" not in booted.actions.event.tolist()


def test_an_envelope_is_text_that_holds_text_with_the_token_in_clear(booted):
    envelope = booted.envelope(seq_of(booted, "build_and_run_instance"))
    outer = json.loads(envelope.body)
    assert list(outer) == ["oslo.version", "oslo.message"]
    message = json.loads(outer["oslo.message"])
    assert message == envelope.message
    assert message["_context_auth_token"].startswith("gAAAAAB")
    assert message["_context_request_id"] == booted.requests.request_id[0]
    assert sum(key.startswith("_context_") for key in message) == 25
    assert (message["method"], message["version"]) == ("build_and_run_instance", "6.0")
    instance = message["args"]["instance"]
    assert instance["nova_object.name"] == "Instance"
    assert instance["nova_object.data"]["flavor"]["nova_object.data"]["memory_mb"] == 512
    (alternate,) = message["args"]["host_list"]
    assert alternate["nova_object.data"]["service_host"] != booted.show("web-1")["host"]


def test_an_envelope_shows_what_was_sent_whatever_came_later(booted):
    seq = seq_of(booted, "build_and_run_instance")
    text = booted.envelope(seq).body
    assert '\\"task_state\\": \\"scheduling\\"' in text
    booted.act("web-1", "stop")
    booted.settle()
    assert booted.envelope(seq).body == text


def test_a_reply_carries_the_hosts_or_the_exception(booted):
    reply = booted.envelope(seq_of(booted, "select_destinations", "reply")).message
    (hosts,) = reply["result"]
    assert hosts[0]["nova_object.data"] == {"service_host": booted.show("web-1")["host"]}
    booted.create("web-2", RequestSpec(Flavor(vcpus=1, memory_mb=1 << 30)))
    booted.settle()
    reply = booted.envelope(seq_of(booted, "select_destinations", "reply")).message
    failure = json.loads(reply["failure"])
    assert (reply["result"], failure["class"]) == (None, NoValidHost.__name__)


def test_every_message_of_a_long_life_can_be_opened_and_says_only_what_nova_asks(root):
    fleet = Fleet.read(root / "data" / "four_hosts")
    cloud = Cloud(fleet, faults=[Fault("spawn", times=1)])
    cloud.create("web", SPEC.replace(num_instances=2))
    cloud.settle()
    for action, arguments in (
        ("createImage", {}),
        ("resize", {"flavor": BIG}),
        ("confirmResize", {}),
        ("migrateLive", {}),
        ("shelve", {}),
        ("unshelve", {}),
        ("rebuild", {}),
    ):
        cloud.act("web-1", action, **arguments)
        cloud.settle()
    cloud.act("web-1", "delete")
    cloud.settle()
    sent = cloud.messages
    assert len(sent) > 25
    for seq, kind, method, args in sent[["seq", "kind", "method", "args"]].itertuples(index=False):
        envelope = cloud.envelope(seq)
        assert json.loads(envelope.body)["oslo.version"] == "2.0"
        if kind != "reply":
            assert envelope.message["method"] == method
            assert sorted(envelope.message["args"]) == args.split(", ")


def test_what_is_no_message_has_no_envelope(booted):
    with pytest.raises(ValueError, match=r"^seq = 0 is no message; those are in the column seq"):
        booted.envelope(0)


def test_the_same_seed_gives_the_same_bytes(root):
    bodies = []
    for _ in range(2):
        cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)
        cloud.create("web-1", SPEC)
        cloud.settle()
        bodies.append([cloud.envelope(seq).body for seq in cloud.messages.seq])
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(("seconds", "status"), [(100, "ACTIVE"), (2000, "ERROR")])
def test_a_long_call_waits_on_while_its_server_lives(root, seconds, status):
    fleet = Fleet.read(root / "data" / "two_hosts")
    cloud = Cloud(fleet, durations={"select_destinations": seconds})
    cloud.create("web-1", SPEC)
    cloud.settle()
    assert cloud.show("web-1")["status"] == status
    call = cloud.envelope(seq_of(cloud, "select_destinations", "call"))
    assert (call.expiration, call.message["_timeout"]) == ("1800000", 60)
