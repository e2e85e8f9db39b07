"""What a lesson says of services that talk: who waits, what waits, what is shared."""

import pytest

from labkit import messaging, plots
from labkit.nova.context import RequestContext
from tests.helpers.readable import complaints

ALICE = RequestContext("alice", "physics", roles=["member"])


class Slow:
    """Answers after ten seconds."""

    def __init__(self, env):
        self.env = env
        self.done = 0

    def work(self, ctxt):
        yield self.env.timeout(10)
        self.done += 1
        return self.done


@pytest.fixture
def broker():
    return messaging.Broker(latency_s=0.5)


def serve(broker, endpoint, server="host1"):
    target = messaging.Target(topic="compute", server=server)
    one = messaging.RPCServer(messaging.Transport(broker), target, [endpoint])
    one.start()
    return one


def asking(broker, **more):
    return messaging.RPCClient(
        messaging.Transport(broker), messaging.Target(topic="compute"), **more
    )


def test_a_call_takes_the_way_there_the_work_and_the_way_back(broker):
    serve(broker, Slow(broker.env))
    assert broker.run(asking(broker).call(ALICE, "work")) == 1
    assert broker.env.now == 11


def test_an_absent_host_and_a_slow_one_look_the_same(broker):
    slow = Slow(broker.env)
    serve(broker, slow)
    texts = []
    for host in ("host1", "host9"):
        client = asking(broker, timeout_s=5).prepare(server=host)
        with pytest.raises(messaging.MessagingTimeout) as caught:
            broker.run(client.call(ALICE, "work"))
        texts.append(str(caught.value).rsplit(" ", 1)[0])
    assert texts == ["Timed out waiting for a reply to message ID"] * 2
    broker.env.run(until=60)
    assert slow.done == 1  # it did work, and nobody knows


def test_a_patient_caller_is_kept_waiting_by_signs_of_life(broker):
    serve(broker, Slow(broker.env))
    client = asking(broker, timeout_s=60, monitor_s=4)
    assert broker.run(client.call(ALICE, "work")) == 1
    signs = [e for e in broker.log if not e.exchange and not e.message["ending"]]
    assert [e.t_s for e in signs] == [2.5, 4.5, 6.5, 8.5]


def test_a_watched_caller_gives_up_early_on_a_host_that_is_gone(broker):
    client = asking(broker, timeout_s=1800, monitor_s=60)
    with pytest.raises(messaging.MessagingTimeout):
        broker.run(client.prepare(server="host1").call(ALICE, "work"))
    assert broker.env.now == 60


def test_what_waits_is_seen_and_a_call_no_longer_than_its_caller(broker):
    server = serve(broker, Slow(broker.env))
    server.stop()
    client = asking(broker, timeout_s=5).prepare(server="host1")
    client.cast(ALICE, "work")
    with pytest.raises(messaging.MessagingTimeout):
        broker.run(client.call(ALICE, "work"))
    assert broker.waiting() == {"compute.host1": 1}


def test_the_calls_of_a_process_share_a_reply_queue_and_each_gets_its_own_answer(broker):
    class Echo:
        def echo(self, ctxt, number):
            yield broker.env.timeout(10 - number)
            return number

    serve(broker, Echo())
    client = asking(broker)
    calls = [broker.env.process(client.call(ALICE, "echo", number=n)) for n in range(5)]
    broker.env.run()
    assert [call.value for call in calls] == [0, 1, 2, 3, 4]
    assert len({e.routing_key for e in broker.log if not e.exchange}) == 1


def test_two_processes_do_not_take_each_others_answers(broker):
    serve(broker, Slow(broker.env))
    calls = [broker.env.process(asking(broker).call(ALICE, "work")) for _ in range(4)]
    broker.env.run()
    assert sorted(call.value for call in calls) == [1, 2, 3, 4]
    assert len({e.routing_key for e in broker.log if not e.exchange}) == 4


def test_an_incomplete_target_is_refused_in_the_real_words(broker):
    with pytest.raises(messaging.InvalidTarget, match="must have topic and server names specified"):
        messaging.RPCServer(messaging.Transport(broker), messaging.Target(topic="compute"), [])
    with pytest.raises(TypeError, match="colour"):
        asking(broker).prepare(colour="red")


def test_what_is_no_json_is_not_sent(broker):
    with pytest.raises(TypeError, match="not JSON serializable"):
        asking(broker).cast(ALICE, "work", what=object())
    with pytest.raises(TypeError, match="keywords must be strings"):
        asking(broker).cast(ALICE, "work", what={1: 2})
    assert broker.log == []


# -- the table ----------------------------------------------------------------------------
class Busy(Slow):
    """Fails, or takes time, or notes what all of its kind are told."""

    def fail(self, ctxt):
        raise ValueError("no")

    def update_instance_info(self, ctxt, host_name):
        self.done += 1


@pytest.fixture
def spoken(broker):
    for host in ("host1", "host2.example.org"):
        serve(broker, Busy(broker.env), host)
    api = messaging.Transport(broker, name="api")
    client = messaging.RPCClient(api, messaging.Target(topic="compute"), monitor_s=8)
    host2 = client.prepare(server="host2.example.org")
    broker.run(client.call(ALICE, "work"))
    client.prepare(fanout=True).cast(ALICE, "update_instance_info", host_name="cn-1")
    with pytest.raises(ValueError, match="no"):
        broker.run(host2.call(ALICE, "fail"))
    client.prepare(server="host9", version="1.0").cast(ALICE, "work")
    broker.env.run()
    return broker.messages


def test_each_message_is_a_row_and_a_fanout_one_for_each_who_took_it(spoken):
    told = spoken[["seq", "kind", "sender", "topic", "server", "method", "args"]].values.tolist()
    host2 = "host2.example.org"
    assert told == [
        [0, "call", "api", "compute", "host1", "work", ""],
        [1, "heartbeat", "compute@host1", None, None, "work", ""],
        [2, "heartbeat", "compute@host1", None, None, "work", ""],
        [3, "reply", "compute@host1", None, None, "work", ""],
        [4, "fanout", "api", "compute", "host1", "update_instance_info", "host_name"],
        [4, "fanout", "api", "compute", host2, "update_instance_info", "host_name"],
        [5, "call", "api", "compute", host2, "fail", ""],
        [6, "reply", "compute@host2.example.org", None, None, "fail", "ValueError"],
        [7, "cast", "api", "compute", "host9", "work", ""],
    ]


def test_the_table_tells_when_a_message_was_taken_and_what_is_lost(spoken):
    assert list(spoken.t_s) == [0, 4.5, 8.5, 10.5, 11, 11, 11, 11.5, 12]
    way = spoken.taken_s - spoken.t_s
    assert way.round(6).tolist()[:-1] == [0.5] * 8
    assert spoken.lost.tolist() == [False] * 8 + [True]
    assert spoken.taken_s.isna().tolist() == [False] * 8 + [True]
    assert spoken.exchange.tolist()[3:6] == ["", "compute_fanout", "compute_fanout"]


def test_what_waits_was_taken_when_its_server_is_back(broker):
    server = serve(broker, Slow(broker.env))
    server.stop()
    asking(broker).prepare(server="host1").cast(ALICE, "work")
    broker.env.run(until=100)
    assert broker.messages.taken_s.isna().all()
    server.start()
    broker.env.run()
    assert broker.messages.taken_s.tolist() == [100]
    assert not broker.messages.lost.any()


def test_a_broker_without_messages_has_an_empty_table(broker):
    assert broker.messages.empty
    assert "taken_s" in broker.messages


def test_the_table_can_be_drawn(spoken):
    figure = plots.sequence(spoken)
    assert "2 heartbeats" in figure.answer
    assert "compute@host2.example.org answers api with ValueError." in figure.answer
    assert complaints(figure) == []
