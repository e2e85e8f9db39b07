"""Lesson 10: how long to wait for a call, who hears of a failure, and what a dead host does later."""

import functools
import math

from labkit.exercises.answers import choose, listed, number_is
from labkit.exercises.judging import Question
from labkit.neighbours.messaging import (
    Broker,
    MessagingException,
    MessagingTimeout,
    RPCClient,
    RPCServer,
    Target,
    Transport,
)
from labkit.nova.context import RequestContext

#: Seconds of a message's way, and of the work, in the question of the patience.
LATENCY_S, WORK_S = 0.6, 8.9
#: What is sent, and whether the sender may hear of it: how, to whom, what, and with which client.
SENT = {
    "call to a dead host": ("call", {"server": "cn-2"}, "stop_instance"),
    "cast to a dead host": ("cast", {"server": "cn-2"}, "stop_instance"),
    "call of an unknown method": ("call", {"server": "cn-1"}, "fly"),
    "cast of an unknown method": ("cast", {"server": "cn-1"}, "fly"),
    "cast above the cap": ("cast", {"version": "6.5", "version_cap": "6.4"}, "stop_instance"),
    "fanout to nobody": ("cast", {"topic": "moon", "fanout": True}, "stop_instance"),
}
LATER = ("cast web-1", "call", "cast web-2")
_ALICE = RequestContext("alice", "physics")


class _Manager:
    target = Target(version="6.5")

    def __init__(self, broker):
        self.broker = broker
        self.ran = []

    def stop_instance(self, context, what="cast web-1"):
        self.ran.append(what)
        yield self.broker.env.timeout(WORK_S)


def _cloud(latency_s=0.1):
    # A broker, a client of compute, the manager of cn-1, and the server of cn-2, which is down.
    broker = Broker(latency_s=latency_s)
    manager = _Manager(broker)
    for host in ("cn-1", "cn-2"):
        server = RPCServer(Transport(broker), Target(topic="compute", server=host), [manager])
        server.start()
    server.stop()
    client = RPCClient(Transport(broker, name="api"), Target(topic="compute", version="6.0"))
    return broker, client, manager, server


@functools.cache
def patience():
    """The smallest whole number of seconds that is enough."""
    for seconds in range(1, 60):
        broker, client, _, _ = _cloud(LATENCY_S)
        try:
            broker.run(client.prepare(timeout=seconds).call(_ALICE, "stop_instance"))
        except MessagingTimeout:
            continue
        return seconds
    raise AssertionError("60 s are enough")


@functools.cache
def heard():
    """What the sender hears of: something is raised where it was sent."""
    found = []
    for name, (style, prepared, method) in SENT.items():
        broker, client, _, _ = _cloud()
        try:
            come = getattr(client.prepare(**prepared), style)(_ALICE, method)
            if style == "call":
                broker.run(come)
        except MessagingException:
            found.append(name)
    return found


@functools.cache
def after():
    """What a host that was down for an hour runs when it is back."""
    broker, client, manager, server = _cloud()
    host = client.prepare(server="cn-2", timeout=5)
    for what in LATER:
        if what == "call":
            broker.env.process(_unheard(host.call(_ALICE, "stop_instance", what=what)))
        else:
            host.cast(_ALICE, "stop_instance", what=what)
    broker.env.run(until=3600)
    server.start()
    broker.env.run()
    return list(manager.ran)


def _unheard(call):
    try:
        yield from call
    except MessagingTimeout:
        return


# -- judging --------------------------------------------------------------------------------
def _patience_slip(given, exact):
    if not math.isfinite(given) or given != int(given):
        return "Asked: a whole number of seconds."
    if given == math.ceil(WORK_S):
        return "That is the work alone. The message has a way."
    if given == math.ceil(WORK_S + LATENCY_S):
        return "That is the way there and the work. The reply has a way too."
    if given > exact:
        return "That is enough, but a smaller number is, too."
    return "The call takes its way, the work, and the reply's way."


def _not_heard(name, given):
    words = "Who is there to raise an error for the sender, and where to?"
    if name == "cast of an unknown method":
        words = "The server does refuse it; but a cast names no queue for a reply."
    return f"You gave {name}. {words}"


def _also_heard(name, given):
    words = "One call is missing: silence is an answer, after 60 s."
    if name.startswith("cast"):
        words = "One is missing: who compares a version with the cap, and when?"
    elif name == "call of an unknown method":
        words = "One call is missing: a refusal is an answer too."
    return f"You gave {listed(given)}. {words}"


QUESTIONS = (
    Question(
        "after-the-restart",
        "A host is down for an hour. Meanwhile it is sent: cast web-1, call (patience 5 s), cast web-2. "
        "Which of them does it run when it is back? Give a list.",
        choose(
            LATER,
            after,
            "some of these, in a list: " + ", ".join(LATER),
            lambda name, given: (
                f"You gave {listed(given)}. One of them nobody wants any more. For how long does "
                "anybody wait for its answer?"
            ),
            lambda name, given: (
                f"You gave {listed(given)}. One is missing: what would take it out of its queue?"
            ),
        ),
        (
            "The queue stays when its reader goes.",
            "A call's message has an expiration: the patience of its caller. A cast's has none.",
        ),
        lambda: ", ".join(after()) + ". The call's message expired after 5 s; a cast never does.",
    ),
    Question(
        "enough-patience",
        f"Each message is {LATENCY_S:g} s on its way, and the method works for {WORK_S:g} s. Which is "
        "the smallest whole number of seconds for timeout= with which the call is answered?",
        number_is(patience, "a whole number of seconds", _patience_slip),
        (
            "A call is two messages, and both are on their way for some time.",
            "Patience > way there + work + way back.",
        ),
        lambda: (
            f"{patience()}: the answer is there after {LATENCY_S:g} + {WORK_S:g} + {LATENCY_S:g} = "
            f"{2 * LATENCY_S + WORK_S:g} s."
        ),
    ),
    Question(
        "who-hears",
        f"Of which of these does the sender ever get an error or a timeout: {', '.join(SENT)}? Give a list.",
        choose(
            SENT,
            heard,
            "some of these, in a list: " + ", ".join(SENT),
            _not_heard,
            _also_heard,
        ),
        (
            "Who waits for a reply hears of an error, or of silence.",
            "Before anything is sent the client compares the version with its cap.",
        ),
        lambda: (
            ", ".join(heard())
            + ". A call brings an error, or MessagingTimeout; the cap is checked by "
            "the sender itself. Whatever else happens to a cast, its sender has gone on."
        ),
    ),
)
