"""One conversation of services: labkit beside the real oslo.messaging, key by key.

The real one speaks over kombu+memory://, over the broker that LAB_TRANSPORT_URL names, and in
data/nova-34/rpc.json.gz (tools/record/rpc.py).
"""

import gzip
import json
import os

import pytest

from labkit import messaging
from labkit.nova import context, exception
from tests.helpers import conversation

#: The transport of a broker that runs somewhere; the tests that need one are skipped without.
BROKER = os.environ.get("LAB_TRANSPORT_URL")


class Kit:
    """What the conversation needs, of the lab."""

    Target = messaging.Target
    exception = exception
    expected_exceptions = staticmethod(messaging.expected_exceptions)

    def __init__(self):
        self.broker = messaging.Broker(latency_s=0.001)
        self.transport = messaging.Transport(self.broker)
        self.handled, self.sent, self.running, self.queues = [], [], {}, {}

    def nap(self, seconds, result):
        yield self.broker.env.timeout(seconds)
        return result

    def start(self, address, endpoints):
        target = messaging.Target(topic=address[0], server=address[1])
        self.running[address] = messaging.RPCServer(self.transport, target, endpoints)
        self.running[address].start()

    def stop(self, address):
        self.running.pop(address).stop()

    def send(self, step):
        target = messaging.Target(topic=step["topic"])
        if step["topic"] == "compute":
            target = target(version="6.0")
        client = messaging.RPCClient(
            self.transport, target, version_cap=step.get("cap"), monitor_s=step.get("monitor_s")
        )
        asker = context.RequestContext(**conversation.CONTEXT, is_admin=False)
        try:
            prepared = client.prepare(**step.get("prepare", {}))
            came = getattr(prepared, step["style"])(asker, step["method"], **step["args"])
            if step["style"] == "call":
                came = self.broker.run(came)
        except Exception as error:
            return conversation.outcome(error)
        return {"returned": came}

    def settle(self, _handled, _sent):
        self.broker.env.run(until=self.broker.env.now + 1)
        for envelope in self.broker.log:
            told = envelope._asdict() | {"body": envelope.body}
            own = ("t_s", "content", "context", "sender", "by")
            self.sent.append({k: v for k, v in told.items() if k not in own})
        self.broker.log.clear()


def held_by_the_lab(steps=conversation.STEPS):
    """The lab's conversation, its ids masked."""
    kit = Kit()
    steps = conversation.hold(kit, steps)
    kinds = kit.broker.exchanges
    queues = [
        {
            "queue": queue,
            "exchange": exchange,
            "type": kinds[exchange],
            "routing_key": key,
            "arguments": kit.broker.queues[queue].arguments,
        }
        for exchange, bound in kit.broker.bindings.items()
        for key, names in bound.items()
        for queue in names
        if exchange or queue.startswith("reply_")
    ]
    for queue in queues:  # the default exchange leads to a queue by its own name
        queue["routing_key"] = queue["routing_key"] if queue["exchange"] else ""
    return conversation.masked({"steps": steps, "queues": queues})


def ordered(value):
    """The order of keys counts as well."""
    if isinstance(value, dict):
        return [[key, ordered(one)] for key, one in value.items()]
    return [ordered(one) for one in value] if isinstance(value, list) else value


def differences(ours, theirs):
    """Where two conversations differ, step by step."""
    found = []
    assert [one["step"] for one in ours["steps"]] == [one["step"] for one in theirs["steps"]]
    for mine, real in zip(ours["steps"], theirs["steps"], strict=True):
        for part in ("came", "ran"):
            if mine[part] != real[part]:
                found.append((mine["step"], part, mine[part], real[part]))
        if len(mine["sent"]) != len(real["sent"]):
            found.append((mine["step"], "sent", len(mine["sent"]), len(real["sent"])))
            continue
        for sent, envelope in zip(mine["sent"], real["sent"], strict=True):
            assert sent.keys() == envelope.keys()
            for key, value in sent.items():
                if ordered(value) != ordered(envelope[key]):
                    found.append((mine["step"], key, value, envelope[key]))
    for mine, real in zip(ours["queues"], theirs["queues"], strict=True):
        if any(mine[key] != real[key] for key in mine):
            found.append(("queues", None, mine, real))
    return found


@pytest.fixture(scope="module")
def ours():
    return held_by_the_lab()


@pytest.fixture(scope="module")
def oracle():
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools.oracle import rpc

    return rpc


@pytest.mark.nova
def test_the_recorded_conversation_is_the_same(ours, root):
    file = root / "data" / "nova-34" / "rpc.json.gz"
    if not file.is_file():
        pytest.skip("data/nova-34 was moved away: labkit is tested on its own")
    recorded = json.loads(gzip.decompress(file.read_bytes()))
    assert recorded.pop("nova") == "34.0.0"
    assert recorded.pop("oslo.messaging") == "18.3.1"
    assert differences(ours, recorded) == []


@pytest.mark.nova
def test_the_real_one_says_the_same_in_memory(ours, oracle):
    assert differences(ours, oracle.hold()) == []


@pytest.mark.nova
@pytest.mark.skipif(not BROKER, reason="LAB_TRANSPORT_URL names no broker")
def test_the_real_one_says_the_same_over_rabbitmq(ours, oracle):
    assert differences(ours, oracle.hold(BROKER)) == []


@pytest.mark.nova
@pytest.mark.skipif(not BROKER, reason="LAB_TRANSPORT_URL names no broker")
def test_rabbitmq_throws_away_the_call_that_nobody_waits_for(oracle):
    told = oracle.hold(BROKER, conversation.EXPIRING)
    assert differences(held_by_the_lab(conversation.EXPIRING), told) == []


@pytest.mark.nova
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("kombu+memory://", id="memory"),
        pytest.param(
            BROKER,
            id="rabbitmq",
            marks=pytest.mark.skipif(not BROKER, reason="LAB_TRANSPORT_URL names no broker"),
        ),
    ],
)
def test_what_is_taken_from_a_queue_is_what_was_put_in(oracle, url):
    """Keys, nesting and properties of a call, cast, fanout, reply and error stay on the way."""
    kit = oracle.Kit()
    oracle.hold(url, conversation.STEPS[:12], kit)
    left = list(kit.put)
    (fanout,) = (envelope for envelope in left if envelope["exchange"] == "scheduler_fanout")
    left.append(fanout)  # two schedulers
    assert len(kit.taken) == len(left) > 20
    for envelope in kit.taken:
        left.remove(envelope)
    assert left == []


def test_a_cast_waits_for_a_host_and_a_call_no_longer_than_its_caller():
    last = held_by_the_lab(conversation.EXPIRING)["steps"][-1]
    assert [args["number"] for _, _, _, args, _ in last["ran"]] == [1, 2]


def test_the_conversation_is_the_same_every_time(ours):
    assert held_by_the_lab() == ours


def test_a_difference_would_be_found(ours):
    other = json.loads(json.dumps(ours))
    del other["steps"][0]["sent"][0]["message"]["_context_auth_token"]
    other["steps"][1]["came"] = {"returned": 43}
    assert [found[:2] for found in differences(ours, other)] == [
        ("cast to a host", "message"),
        ("call a host", "came"),
    ]


def test_25_fields_of_the_context_travel_with_every_message(ours):
    asked = [sent["message"] for one in ours["steps"] for sent in one["sent"] if sent["exchange"]]
    assert len(asked) > 20
    for message in asked:
        fields = [key for key in message if key.startswith("_context_")]
        assert len(fields) == 25
        assert message["_context_auth_token"] == conversation.CONTEXT["auth_token"]
