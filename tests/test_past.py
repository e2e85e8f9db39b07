"""A server at a moment that is over: the judge is what the cloud answered at that moment."""

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.cloud.past import History
from labkit.dials.player import TRIES

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
HUGE = RequestSpec(Flavor(vcpus=1, memory_mb=10**7))
#: What is asked for, at which time; the server is created at 0.
LIVES = {
    "created": ({}, []),
    "on and off": ({}, [(8, "stop"), (14, "start"), (20, "reboot"), (30, "pause"), (31, "delete")]),
    "locked": ({}, [(9, "lock"), (10, "stop"), (15, "unlock"), (16, "start")]),
    "snapshot": ({}, [(9, "createImage"), (30, "suspend"), (40, "resume")]),
    "reset": ({}, [(9, "resetState"), (10, "reboot")]),
    "rescued": ({}, [(9, "rescue"), (20, "unrescue")]),
    "rescheduled": ({"faults": [Fault("spawn")]}, [(20, "stop")]),
    "deleted while building": ({}, [(0.3, "delete")]),
    "deleted before there is a row": ({}, [(0.06, "delete")]),
    "aborted": ({"faults": [Fault("image")]}, [(20, "delete")]),
    "migrated": (
        {},
        [(9, "migrate"), (30, "confirmResize"), (35, "migrate"), (60, "revertResize")],
    ),
    "migrated live": ({}, [(9, "migrateLive"), (12, "live_migration_abort")]),
    "the source dies": (
        {"faults": [Fault("host_down", at="resize_finish")]},
        [(9, "migrate"), (200, "confirmResize")],
    ),
    "no valid host": ({"spec": HUGE}, [(5, "delete")]),
    "soft-deleted": (
        {"options": Options(reclaim_instance_interval=3600)},
        [(9, "delete"), (12, "restore"), (20, "forceDelete")],
    ),
}


def lived(life, watch):
    """Let a server live; call *watch* after each step of the clock at which something happened."""
    more, actions = LIVES[life]
    more = dict(more)
    spec = more.pop("spec", SPEC)
    cloud = Cloud(Fleet.read("data/four_hosts"), seed=17, **more)
    cloud.at(0, "web-1", "create", spec=spec)
    for t_s, action in actions:
        cloud.at(t_s, "web-1", action.split()[0], **TRIES[action])
    site, before = cloud.site, 0
    while site.under_way:
        site.clock.env.step()
        if len(site.clock.records) > before and "web-1" in site.servers:
            before = len(site.clock.records)
            watch(cloud, before - 1)
    return cloud


def answers(ask):
    return {
        (action, is_admin): ask(action.split()[0], is_admin=is_admin, **arguments)
        for action, arguments in TRIES.items()
        for is_admin in (True, False)
    }


@pytest.mark.parametrize("life", LIVES)
def test_every_answer_is_the_one_of_that_moment(life):
    then = {}

    def watch(cloud, seq):
        then[seq] = answers(lambda action, **more: cloud.answer("web-1", action, **more))

    history = History(lived(life, watch).site, "web-1")
    assert len(then) > 3
    for seq, expected in then.items():
        said = answers(lambda action, seq=seq, **more: history.answer(seq, action, **more))
        assert said == expected, history._site.clock.records[seq]


@pytest.mark.parametrize("life", LIVES)
def test_status_and_states_are_those_of_that_moment(life):
    then = {}

    def watch(cloud, seq):
        then[seq] = cloud.show("web-1") if "web-1" in cloud.site.servers else None

    history = History(lived(life, watch).site, "web-1")
    for seq, shown in then.items():
        instance = history.at(seq)
        assert (instance is None) == (shown is None)
        if shown:
            assert history.status(seq) == shown["status"]
            for name in ("vm_state", "task_state", "host", "locked"):
                assert getattr(instance, name) == shown[name]


def test_a_host_that_is_down_now_was_up_then():
    cloud = Cloud(Fleet.read("data/four_hosts"), seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    host, before = cloud.show("web-1")["host"], len(cloud.site.clock.records) - 1
    cloud.run(100)
    cloud.host_down(host, forced=True)
    cloud.act("web-1", "lock")
    down, answer = len(cloud.site.clock.records) - 1, cloud.answer("web-1", "evacuate")
    cloud.run(200)
    cloud.host_up(host)
    cloud.act("web-1", "unlock")
    up = len(cloud.site.clock.records) - 1
    history = History(cloud.site, "web-1")
    assert history.answer(before, "evacuate")[0] == 400
    assert history.answer(down, "evacuate") == answer == (200, "")
    assert history.answer(up, "evacuate") == cloud.answer("web-1", "evacuate")
    assert history.answer(up, "evacuate")[0] == 400


def test_of_two_servers_each_has_its_own_records():
    cloud = Cloud(Fleet.read("data/four_hosts"), seed=17)
    for name in ("web-1", "web-2"):
        cloud.create(name, SPEC)
    cloud.settle()
    records = [record for _, record in History(cloud.site, "web-1").records]
    assert {record.instance for record in records} == {"web-1"}


def test_a_confirm_was_refused_while_the_source_was_down():
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5)
    cloud.create("web-1", SPEC)
    cloud.settle()
    source = cloud.show("web-1")["host"]
    cloud.act("web-1", "migrate")
    cloud.settle()
    cloud.host_down(source, forced=True)
    cloud.act("web-1", "unlock")
    then, refused = len(cloud.site.clock.records) - 1, cloud.answer("web-1", "confirmResize")
    cloud.run(cloud.now + 1)
    cloud.host_up(source)
    cloud.settle()
    cloud.act("web-1", "confirmResize")
    cloud.settle()
    assert refused == (409, "Service is unavailable at this time.")
    assert History(cloud.site, "web-1").answer(then, "confirmResize") == refused


def test_whose_lock_it_was_is_known():
    cloud = Cloud(Fleet.read("data/four_hosts"), seed=17)
    cloud.create("web-1", SPEC, as_user="owner")
    cloud.settle()
    cloud.act("web-1", "lock", as_user="admin")
    then = len(cloud.site.clock.records) - 1
    refused = cloud.answer("web-1", "unlock", as_user="owner")
    cloud.act("web-1", "unlock", as_user="admin")
    cloud.act("web-1", "lock", as_user="owner")
    history = History(cloud.site, "web-1")
    assert (history.at(then).locked_by, history.at(10**6).locked_by) == ("admin", "owner")
    assert history.answer(then, "unlock", as_user="owner") == refused
    assert refused[0] == 403
