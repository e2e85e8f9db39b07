"""Every answer of the API beside the real Nova 34.0.0: each action in each pair of states."""

import gzip
import json
from pathlib import Path

import pytest

from labkit.nova.api.openstack import servers
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.compute import api as compute_api
from labkit.nova.compute import power_state, task_states, vm_states
from labkit.nova.exception import NovaException
from labkit.nova.objects import migration
from labkit.nova.objects.instance import Instance
from tests.helpers import length, lives, replay

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "api_states.json.gz"
API = json.loads(gzip.decompress(RECORDED.read_bytes())) if RECORDED.exists() else {"actions": {}}
#: What the lab calls an action otherwise, with which arguments.
ASKED = {
    "reboot_soft": ("reboot", {"reboot_type": "SOFT"}),
    "reboot_hard": ("reboot", {"reboot_type": "HARD"}),
    "live_migrate": ("migrateLive", {}),
    "resize": ("resize", {"flavor": lives.SIZES["big"]}),
    "softDelete": ("delete", {}),
    "rename": ("rename", {"name": "renamed"}),
}
#: The actions that are recorded with reclaim_instance_interval set.
RECLAIMED = ("softDelete", "restore", "forceDelete")
#: What is different about the row, and whether an administrator asks.
VARIANTS = {
    "locked_user": ({"locked": True, "locked_by": "owner"}, False),
    "locked_admin": ({"locked": True, "locked_by": "owner"}, True),
    "locked_by_admin_user": ({"locked": True, "locked_by": "admin"}, False),
    "user": ({}, False),
    "not_launched": ({"launched_at": None}, True),
    "no_host": ({"host": None, "node": None, "launched_at": None}, True),
    "host_down": ({}, True),
}


def deafen(cloud):
    """Let nobody hear what the API sends; return the methods that it sends from now on."""
    sent = []
    cloud.site.broker.publish = lambda envelope: sent.append(envelope.content["method"])
    cloud._api.service.transport.wait = lambda *more: iter(())
    return sent


class Desk:
    """A server whose row is put into states, as the recorder does, and the API that is asked."""

    def __init__(self, monkeypatch, **options):
        player = lives.Player(options=[("", *option) for option in options.items()])
        player.boot()
        self.cloud, self.site = player.cloud, player.cloud.site
        self.uuid = self.site.uuid_of("web")
        big = lives.SIZES["big"]
        row = self.site.db.instances[self.uuid] | {"host": "host1", "node": "host1"}
        row["old_flavor"] = row["flavor"]
        self.site.db.instances[self.uuid] = row
        values = {"migration_type": "resize", "status": "finished", "id": 1, "uuid": "migration"}
        values |= {"instance_uuid": self.uuid, "source_compute": "host1", "source_node": "host1"}
        values |= {"dest_compute": "host2", "dest_node": "host2", "new_flavor": big}
        self.finished = dict.fromkeys(migration.FIELDS) | values | {"old_flavor": row["flavor"]}
        self.sent = deafen(self.cloud)
        note = self.sent.append

        def local(*args):
            note("(local delete)")
            yield from ()

        monkeypatch.setattr(compute_api.API, "_local_delete", local)
        monkeypatch.setattr(compute_api.API, "_local_delete_cleanup", lambda *args: None)
        monkeypatch.setattr(Instance, "destroy", lambda *args: note("(row destroyed)"))

    def put(self, vm_state, task_state, values, up):
        """Put the row into a pair of states, with what that implies."""
        host = None if vm_state == "shelved_offloaded" else "host1"
        row = {
            "vm_state": vm_state,
            "task_state": task_state,
            "host": host,
            "node": host,
            "locked": False,
            "locked_by": None,
            "launched_at": None if vm_state == "building" else 1.0,
        }
        if vm_state == "resized":
            self.site.db.migrations[1] = self.finished
        else:
            self.site.db.migrations.clear()
        self.site.db.instances[self.uuid].update(row | values)
        self.cloud._set_service("host1", "forced_down", not up)


def answer(cloud, action, arguments, is_admin=True):
    """What the lab says that the API would say, in the form of the recording."""
    return said(*cloud.answer("web", action, is_admin=is_admin, **arguments))


def act(cloud, sent, action, arguments, is_admin=True):
    """What the API does say, what it sends, and what it makes of the states."""
    site = cloud.site
    sent.clear()
    before = dict(site.db.instances.get(site.uuid_of("web"), {}))
    try:
        status = cloud.act("web", action, is_admin=is_admin, **arguments)
    except NovaException as error:
        return said(servers.status_of(error), servers.words_of(error))
    row = site.db.instances.get(site.uuid_of("web"), {})
    changed = {k: row[k] for k in ("vm_state", "task_state") if row.get(k) != before.get(k)}
    return {"http_status": status, "sent": list(sent)} | changed


def said(status, words):
    return {"http_status": status} | ({"error": replay.masked(words)} if words else {})


def cases(name):
    """(vm_state, task_state, what the row has else, is the host up, is_admin, number of the answer)."""
    recorded, up = API["actions"][name], name != "evacuate"
    for vm_state, row in recorded["matrix"].items():
        for task_state, number in zip(API["task_states"], row, strict=True):
            yield vm_state, task_state, {}, up, True, number
    for variant, (values, is_admin) in VARIANTS.items():
        for pair, number in recorded["variants"][variant].items():
            vm_state, task_state = pair.split("/")
            task_state = None if task_state == "None" else task_state
            yield vm_state, task_state, values, up != (variant == "host_down"), is_admin, number


def differences(name, monkeypatch):
    """[(where, what Nova says, what the lab says)], how many answers and how many deeds there were."""
    action, arguments = ASKED.get(name, (name, {}))
    reclaim = {"reclaim_instance_interval": 300} if name in RECLAIMED else {}
    desk = Desk(monkeypatch, **reclaim)
    answers = API["actions"][name]["answers"]
    found, asked, deeds = [], 0, 0
    played = servers.find(action, arguments).modelled
    for vm_state, task_state, values, up, is_admin, number in cases(name):
        asked += 1
        nova, where = answers[number], (vm_state, task_state, values, up, is_admin)
        desk.put(vm_state, task_state, values, up)
        lab = answer(desk.cloud, action, arguments, is_admin)
        if lab != {key: nova[key] for key in ("http_status", "error") if key in nova}:
            found.append((where, nova, lab))
        if played and (length.ALL or asked % 6 == 0):
            deeds += 1
            lab = act(desk.cloud, desk.sent, action, arguments, is_admin)
            if lab != nova:
                found.append((where, nova, lab))
    return found, asked, deeds


@pytest.mark.parametrize("name", API["actions"])
def test_every_answer_is_the_same_in_every_pair_of_states(name, monkeypatch):
    found, asked, deeds = differences(name, monkeypatch)
    assert not found[:5], f"{len(found)} of {asked}"
    assert asked >= 12 * 43 + 70
    action, arguments = ASKED.get(name, (name, {}))
    if servers.find(action, arguments).modelled:
        assert deeds == length.few(asked, 6)


def test_the_lab_knows_every_recorded_action():
    known = {ASKED.get(name, (name, {}))[0] for name in API["actions"]}
    assert len(API["actions"]) >= 34
    not_recorded = {"live_migration_abort", "live_migration_force_complete"}
    assert known == set(servers.ACTIONS) - not_recorded
    assert set(next(iter(API["actions"].values()))["variants"]) == {*VARIANTS, "build_request"}


@pytest.mark.parametrize("name", API["actions"])
def test_the_answer_is_the_same_while_there_is_only_a_build_request(name):
    action, arguments = ASKED.get(name, (name, {}))
    player = lives.Player()
    player.lose("schedule_and_build_instances")
    player.cloud.create("web", lives.RequestSpec(lives.SIZES["small"]))
    recorded = API["actions"][name]
    nova = recorded["answers"][recorded["variants"]["build_request"]]
    lab = answer(player.cloud, action, arguments)
    assert lab == {key: nova[key] for key in ("http_status", "error") if key in nova}
    sent = deafen(player.cloud)
    if servers.find(action, arguments).modelled:
        assert act(player.cloud, sent, action, arguments) == nova


def test_the_table_of_guards_is_the_same():
    def listed(states):
        if states is None:
            return "any"
        return sorted(states, key=lambda state: (state is not None, str(state)))

    ours = {}
    for name, guard in compute_api.GUARDS.items():
        names = ("refused_when_locked", "needs_host", "needs_host_up")
        states = {
            "kind": "allow",
            "vm_state": listed(guard.vm_state),
            "task_state": listed(guard.task_state),
            "must_have_launched": guard.must_have_launched,
        }
        if guard.rejected_task_state:
            states = {"kind": "reject", "vm_state": []}
            states["task_state"] = listed(guard.rejected_task_state)
        elif guard.vm_state is guard.task_state is None and name not in _LOOKS_AND_ALLOWS_ALL:
            states = None
        ours[name] = {"checks": [n for n in names if getattr(guard, n)], "states": states}
    theirs = {
        name: {
            "checks": guard["checks"],
            "states": guard["states"]
            and {key: value for key, value in guard["states"].items() if key != "tried"},
        }
        for name, guard in API["guards"].items()
    }
    assert len(theirs) >= 49
    assert ours == theirs


#: Nova has check_instance_state around these, with nothing that it would refuse.
_LOOKS_AND_ALLOWS_ALL = ("delete", "soft_delete", "force_delete")


def test_the_status_of_every_pair_is_the_same():
    ours = {
        vm_state: {str(task): status_from_state(vm_state, task) for task in API["task_states"]}
        for vm_state in API["vm_states"]
    }
    assert len(ours) * len(API["task_states"]) == 12 * 43
    assert ours == API["status"]


def test_the_states_are_novas():
    assert sorted(vm_states.ALL) == sorted(API["vm_states"])
    assert {None, *task_states.ALL} == set(API["task_states"])
    assert len(task_states.ALL) == len(set(task_states.ALL)) == 42
    assert {str(key): value for key, value in power_state.STATE_MAP.items()} == {
        str(key): value for key, value in API["power_states"].items()
    }
