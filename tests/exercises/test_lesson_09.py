"""The answers to the questions of lesson 09: right, wrong, and not checkable."""

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_09
from labkit.nova.virt.libvirt.host import GI
from tests.helpers import tracker_cases
from tests.helpers.asked import Asked

SEEN = [31900 - 512 - 2 * 8192, (199 - 122) * 1024, 8]
WAITING = ["memory added", "disk fills up", "CPU goes offline"]
RIGHT = {
    "host-state-of-a-report": [
        SEEN,
        np.array(SEEN),
        dict(zip(("free_ram_mb", "free_disk_mb", "vcpus_used"), SEEN, strict=True)),
    ],
    "how-many-fit": [10, 10.0, np.int64(10)],
    "waits-for-the-report": [WAITING, set(WAITING), ", ".join(WAITING), pd.Series(WAITING)],
    "who-refuses": [["nova-compute", "placement"], "nova-compute, placement"],
}
WRONG = {
    "host-state-of-a-report": [
        ([15516, 78848, 8], "512 MiB"),
        ([15004, 76 * 1024, 8], "after each server"),
        ([15004, 78540.8, 8], "whole numbers"),
        ([15004, 79 * 1024, 8], "swap"),
        ([15004, 120 * 1024, 8], "the smaller one"),
        ([15004, 78848, 2], "For vcpus_used you gave 2"),
    ],
    "how-many-fit": [
        (11, "comes off first"),
        (12, "reserved"),
        (7, "a ratio, too"),
        (16, "for the CPUs"),
        (1, "For each resource"),
        (float("nan"), "For each resource"),
    ],
    "waits-for-the-report": [
        ([*WAITING, "server arrives"], "writes the row at once"),
        (WAITING[:2], "who tells nova-compute"),
    ],
    "who-refuses": [
        (
            ["placement", "nova-compute"],
            "For then you gave placement. In the notes' Nova it is not asked",
        ),
        (["nova-scheduler", "placement"], "another scheduler has read"),
        (["nova-conductor", "placement"], "passes on"),
        (["placement", "placement"], "not asked"),
        (["nova-compute", "nova-compute"], "NUMA and PCI"),
        (["placement"], "1 of 2"),
    ],
}
NOT_CHECKABLE = [
    ("host-state-of-a-report", 1, "one int"),
    ("how-many-fit", "ten", "'ten' (str)"),
    ("how-many-fit", True, "(bool)"),
    ("waits-for-the-report", ["memory"], "one of these: server arrives"),
    ("waits-for-the-report", 3, "You gave 3"),
    ("waits-for-the-report", [3], "3 is not one of these"),
    ("who-refuses", ["nova-compute", "keystone"], "not one of these"),
]
SOLUTIONS = {
    "host-state-of-a-report": "free_ram_mb 15004, free_disk_mb 78848, vcpus_used 8. ",
    "how-many-fit": "10. ",
    "waits-for-the-report": "memory added, disk fills up, CPU goes offline: ",
    "who-refuses": "nova-compute, then placement. ",
}


class TestAnswers(Asked):
    lesson = lesson_09


@pytest.mark.parametrize("name", RIGHT)
def test_hints_do_not_give_the_answer_away(name):
    first = judging.hint(name).text
    assert not any(word in first for word in ("15004", "78848", "10.", "offline", "placement"))


# -- what the real Nova and the real Placement say -------------------------------------------
def flavor(flavor):
    """A flavor as the stand-ins for Nova's rows take it."""
    names = ("vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap")
    return {"id": 1} | {name: getattr(flavor, name) for name in names}


def instance(name, **more):
    """A row of a server on cn-9, as Nova's tracker reads it."""
    return {
        "uuid": name, "vm_state": "active", "task_state": None, "os_type": None,
        "project_id": "project", "host": "cn-9", "node": "cn-9", "launched_on": None,
        "compute_id": 1, "deleted": False, "flavor": flavor(lesson_09.FLAVOR), "old_flavor": None,
        "new_flavor": None, "volume_backed": False, "pci_requests": 0, "migration": None,
    } | more  # fmt: skip


def case(instances):
    """The host of the first question, as the installed Nova is asked (tools/oracle/tracker.py)."""
    disk = {"total": int(lesson_09.DISK_GB * GI), "free": int(lesson_09.FREE_GB * GI)}
    disk["used"] = disk["total"] - disk["free"]
    host = {
        "hostname": "cn-9", "host_ip": "192.0.2.9", "uuid": tracker_cases.uuid(9), "cpus": [1] * 16,
        "memory_mb": lesson_09.MEMORY_MB, "avail_kb": 1024, "disk": disk, "type": "QEMU",
        "version": 8000000, "uptime": "up 9 days", "guests": [], "capabilities": [],
        "cpu": {"arch": "x86_64", "model": "EPYC", "vendor": "AMD", "sockets": 1, "cores": 16,
                "threads": 1, "features": []},
    }  # fmt: skip
    return {"name": "cn-9", "service": 1, "host": host, "options": {}, "node": None,
            "instances": instances, "migrations": [], "allocations": []}  # fmt: skip


@pytest.fixture
def oracle():
    """Nova's own ResourceTracker on a case's host."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools.oracle.tracker import Oracle

    return Oracle


@pytest.mark.nova
def test_nova_believes_the_same_of_the_host_of_the_first_question(oracle):
    rows = [instance(tracker_cases.uuid(number)) for number in (101, 102)]
    with oracle(case(rows)) as nova:
        state = nova.step("report")["state"]
    assert [state[name] for name in ("free_ram_mb", "free_disk_mb", "vcpus_used")] == SEEN


@pytest.mark.nova
@pytest.mark.parametrize(
    ("steps", "seen"),
    [
        ([("claim", tracker_cases.uuid(102), "cn-9")], True),
        ([("update_usage", tracker_cases.uuid(101), {"vm_state": "deleted"})], True),
        ([("host", {"memory_mb": 63800})], False),
        ([("host", {"cpus": [1] * 15 + [0]})], False),
        ([("host", {"disk": {"total": 200 * GI, "free": GI, "used": 199 * GI}})], False),
    ],
)
def test_nova_writes_at_once_what_it_does_itself_and_nothing_else(oracle, steps, seen):
    rows = [instance(tracker_cases.uuid(101))]
    rows.append(instance(tracker_cases.uuid(102), host=None, node=None))
    with oracle(case(rows)) as nova:
        before = nova.step("report")["state"]
        for step in steps:
            after = nova.step(*step)["state"]
        reported = nova.step("report")["state"]
    assert (after != before) == seen
    assert reported != before


@pytest.mark.nova
def test_placement_lets_as_many_servers_in_and_refuses_the_next():
    pytest.importorskip("placement", reason="the installed Placement is not there (extra nova)")
    from tools.oracle.placement import running

    totals = zip(("VCPU", "MEMORY_MB", "DISK_GB"), lesson_09.HOST.values(), strict=True)
    ratios = dict(zip(("VCPU", "MEMORY_MB", "DISK_GB"), (4.0, 1.5, 1.0), strict=True))
    inventories = {
        name: {"total": total, "max_unit": total, "allocation_ratio": ratios[name],
               "reserved": 8192 if name == "MEMORY_MB" else 0}
        for name, total in totals
    }  # fmt: skip
    provider, fill = tracker_cases.uuid(9), lesson_09.FILL
    wanted = {"VCPU": fill.vcpus, "MEMORY_MB": fill.memory_mb, "DISK_GB": fill.root_gb}
    answers = []
    with running() as client:
        client.send("POST", "/resource_providers", {"uuid": provider, "name": "cn-9"})
        client.put(
            f"/resource_providers/{provider}/inventories",
            {"resource_provider_generation": 0, "inventories": inventories},
        )
        for number in range(11):
            body = {"allocations": {provider: {"resources": wanted}}, "project_id": "p"}
            body |= {"user_id": "u", "consumer_generation": None}
            url = f"/allocations/{tracker_cases.uuid(100 + number)}"
            answers.append(client.put(url, body, accept=()))
    assert [answer.status_code for answer in answers] == [204] * 10 + [409]
    assert "The requested amount would exceed the capacity" in answers[-1].text
