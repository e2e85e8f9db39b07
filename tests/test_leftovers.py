"""The rules about what is left of a server: that each can fail, and what Nova itself left."""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, RequestSpec
from labkit.cloud.leftovers import RULES, Left
from tests.helpers.mistakes import ALWAYS, mistakes

RECORDED = Path(__file__).parents[1] / "data" / "nova-34" / "lifecycle.json.gz"
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
ROW = {"vm_state": "active", "task_state": None, "host": "cn-1", "launched_at": 5.0}
MAPPED = SimpleNamespace(cell="cell1", queued_for_delete=False)
WELL = {
    "row": ROW,
    "cell": "cell1",
    "deleted": False,
    "request": None,
    "mapping": MAPPED,
    "held": ["cn-1"],
    "moves": [],
    "ports": ["cn-1"],
    "wants_port": True,
    "guests": ["cn-1"],
    "images": {"image-1": "active"},
    "actions": [],
}
REQUEST = {"vm_state": "building", "task_state": "scheduling"}
GONE = {"deleted": True, "held": [], "ports": [], "guests": []}
NEVER = {"row": None, "cell": None, "held": [], "ports": [], "guests": []}


def row(**changes):
    return {"row": ROW | changes}


def action(result, message=None):
    event = {"event": "compute_stop_instance", "host": "cn-1", "result": result}
    return {"actions": [SimpleNamespace(action="stop", message=message, events=[event])]}


def moved(status, held=False):
    return {"moves": [("resize", status, "cn-2", held)]}


MOVED = moved("confirmed")


def broken(left, rules=(*ALWAYS, *RULES)):
    """The names of the rules that do not hold."""
    return {rule.__name__ for rule in rules for _ in rule(left)}


def test_all_is_well_with_a_server_that_is_up_and_one_that_is_gone():
    assert not broken(Left(**WELL))
    queued = {"mapping": SimpleNamespace(cell="cell1", queued_for_delete=True)}
    assert not broken(Left(**WELL | GONE | queued))
    assert not broken(Left(**WELL | NEVER | {"mapping": None}))


def test_all_is_well_with_a_server_that_is_resized_and_one_that_is_offloaded():
    both = {"guests": ["cn-1", "cn-2"]}
    assert not broken(Left(**WELL | row(vm_state="resized") | moved("finished", True) | both))
    nowhere = {"held": [], "guests": [], "ports": [None]}
    assert not broken(Left(**WELL | row(vm_state="shelved_offloaded", host=None) | nowhere))


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"mapping": None}, "mapping_names_the_cell", "no mapping"),
        ({"cell": "cell0"}, "mapping_names_the_cell", "is in cell0, its mapping says cell1"),
        (row(vm_state="alive"), "states_are_novas", "'alive'"),
        (row(task_state="flying"), "states_are_novas", "'flying'"),
        (row(launched_at=None), "built_has_a_host", "is active and was never launched"),
        ({"held": ["cn-2"]}, "holds_on_its_own_host", "is on cn-1 and holds resources on cn-2"),
        ({"guests": ["cn-1", "cn-2"]}, "one_guest", "is on cn-1, its guest on cn-1, cn-2"),
        (action("Error"), "failed_part_marks_the_action", "a part of its stop that failed"),
        (NEVER | {"request": REQUEST, "ports": ["cn-1"]}, "early_request_has_nothing", "more than"),
        (row(task_state="pausing"), "nothing_hangs", "its task pausing, and nobody is at it"),
        (NEVER | {"request": REQUEST}, "nothing_hangs", "its task scheduling"),
        (GONE | {"held": ["cn-1"]}, "gone_holds_nothing", "is gone and still holds"),
        (GONE | {"ports": ["cn-1"]}, "gone_has_no_port", "is gone and still has a port"),
        (GONE | {"guests": ["cn-1"]}, "gone_has_no_guest", "its guest is still on cn-1"),
        (NEVER, "gone_has_no_mapping", "never had a row"),
        (GONE, "deleted_is_queued_for_delete", "its mapping does not say so"),
        (row(vm_state="error", host=None), "homeless_holds_nothing", "holds resources on cn-1"),
        ({"held": []}, "holds_what_it_uses", "is on cn-1 and holds nothing there"),
        ({"guests": []}, "has_a_guest", "is on cn-1 and has no guest"),
        ({"ports": []}, "has_a_guest", "is on cn-1 and has no port"),
        ({"ports": ["cn-1", "cn-2"]}, "ports_are_on_its_host", "and has a port on cn-2"),
        (MOVED | {"held": ["cn-2"]}, "moved_holds_on_its_own_host", "holds resources on cn-2"),
        (MOVED | {"guests": ["cn-1", "cn-2"]}, "moved_has_one_guest", "its guest on cn-1, cn-2"),
        (row(vm_state="shelved_offloaded", host=None), "offloaded_has_nothing", "is offloaded"),
        (moved("confirmed", True), "over_holds_nothing", "that is confirmed and still holds"),
        (action(None), "every_part_ended", "without an end, compute_stop_instance"),
        ({"images": {"image-1": "queued"}}, "no_image_waits", "whose data never came, image-1"),
    ],
)
def test_each_rule_can_fail_and_says_what_is_wrong(changes, rule, words):
    (tried,) = [each for each in (*ALWAYS, *RULES) if each.__name__ == rule]
    said = list(tried(Left(**WELL | changes)))
    assert any(words in sentence for sentence in said)


def test_every_rule_is_tried_above():
    tried = test_each_rule_can_fail_and_says_what_is_wrong.pytestmark[0].args[1]
    assert {rule for _, rule, _ in tried} == {rule.__name__ for rule in (*ALWAYS, *RULES)}


# -- the cloud as a whole -------------------------------------------------------------------
@pytest.fixture
def cloud(root):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


def test_a_quiet_cloud_has_no_imbalance_and_no_mistake(cloud):
    assert cloud.imbalances() == []
    assert mistakes(cloud) == []


def test_as_long_as_something_is_under_way_nothing_is_missing(cloud):
    cloud.act("web-1", "stop")
    assert cloud.imbalances() == []
    cloud.host_down(cloud.show("web-1")["host"])
    cloud.settle()
    assert cloud.imbalances() == [
        "web-1 is active, its task powering-off, and nobody is at it",
    ]


def _used(site):
    site.fleet.inventories["VCPU"].used[0] += 1


def _free(site):
    site.fleet["cn-2"].free_ram_mb -= 1


def _port(site):
    site.neutron.ports["web-9"] = ["cn-1"]


def _busy(site):
    site.clock.busy += 1


def _lock(site):
    next(iter(site.computes.values()))._locks["uuid"] = object()


def _turn(site):
    next(iter(site.computes.values())).build_semaphore.request()


def _index(site):
    site.allocations.by_host.clear()


def _row_index(site):
    site.db.by_host.clear()


def _stranger(site):
    site.db.actions["nobody"] = []


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_used, "VCPU of cn-1 is"),
        (_free, "free_ram_mb of cn-2"),
        (_port, "a port of no server"),
        (_busy, "1 things are still under way"),
        (_lock, "keeps a lock of 1 servers"),
        (_turn, "keeps 1 turns of its build_semaphore"),
        (_index, "the allocations by host"),
        (_row_index, "the rows by host"),
        (_stranger, "an action log of no server"),
    ],
)
def test_a_mistake_in_the_books_is_found(cloud, harm, words):
    harm(cloud.site)
    assert any(words in sentence for sentence in mistakes(cloud))


def test_what_a_delete_on_the_way_to_an_alternate_leaves_behind(root):
    # As recorded in delete_while_rescheduling.
    faults = [Fault("spawn"), Fault("message", at="build_instances", delay_s=30)]
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), faults=faults)
    cloud.create("web-1", SPEC)
    cloud.run(20)
    cloud.act("web-1", "delete")
    cloud.settle()
    assert [sentence for sentence in cloud.imbalances() if "gone" in sentence] == [
        f"web-1 is gone and still holds resources on {next(iter(cloud.books('web-1')['allocations']))}"
    ]


# -- what the real Nova left ----------------------------------------------------------------
def left_by_nova(theirs, scenario):
    """What was recorded of a server, for the rules; of its images only the names were."""
    found = theirs["row"]
    row = found and found | {"launched_at": found["launched"] or None}
    return Left(
        row=row,
        cell=row and row["cell"],
        deleted=bool(row and row["deleted"]),
        request=REQUEST if theirs["build_request"] else None,
        mapping=theirs["instance_mapping"] and SimpleNamespace(**theirs["instance_mapping"]),
        held=list(theirs["allocations"]),
        moves=[],
        ports=[port["host"] for port in theirs["ports"]],
        wants_port=scenario != "create_without_network",
        guests=list(theirs["guests"]),
        images={},
        actions=[SimpleNamespace(**{"message": None} | each) for each in theirs["actions"]],
    )


#: What Nova left behind when nothing moved any more, by scenario and step.
LEFT_BY_NOVA = {
    ("create_over_quota_in_the_meantime", "create"): {"homeless_holds_nothing"},
    ("create_reset_while_spawning", "create, reset in the middle"): {"homeless_holds_nothing"},
    ("create_reset_while_spawning", "delete"): {"gone_has_no_guest"},
    ("create_reset_while_spawning", "reboot_hard"): {"homeless_holds_nothing", "nothing_hangs"},
    ("create_when_host_down_unnoticed", "create"): {"nothing_hangs"},
    ("create_when_the_message_is_lost", "create"): {"nothing_hangs"},
    ("delete_after_ports_were_left", "create"): {"ports_are_on_its_host"},
    ("delete_when_host_down", "delete"): {"gone_has_no_guest"},
    ("delete_when_the_message_is_lost", "delete"): {"nothing_hangs"},
    ("delete_while_rescheduling", "create, delete in the middle"): {"gone_holds_nothing"},
    ("restart_before_claim", "starts again"): {"homeless_holds_nothing", "every_part_ended"},
    ("restart_while_block_device_mapping", "starts again"): {"every_part_ended"},
    ("restart_while_deleting", "starts again"): {"every_part_ended"},
    ("restart_while_networking", "starts again"): {"every_part_ended"},
    ("restart_while_rebooting", "starts again"): {"every_part_ended"},
    ("restart_while_spawning", "starts again"): {"every_part_ended"},
    ("restart_while_uploading", "dies in the middle"): {"nothing_hangs"},
}
LEFT_BY_NOVA |= {
    (scenario, "dies in the middle"): {"nothing_hangs", "every_part_ended"}
    for scenario in (
        "restart_before_claim",
        "restart_while_block_device_mapping",
        "restart_while_deleting",
        "restart_while_networking",
        "restart_while_powering_off",
        "restart_while_rebooting",
        "restart_while_spawning",
    )
}


def recorded():
    """Yield ((scenario, step), what was left of a server)."""
    scenarios = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"]
    for scenario, recording in scenarios.items():
        for step in recording["steps"]:
            label = step["label"].removeprefix("nova-compute ")
            label = "dies in the middle" if label.endswith("dies in the middle") else label
            for theirs in step["books"]:
                yield (scenario, label), left_by_nova(theirs, scenario)


@pytest.mark.nova
def test_what_always_holds_held_in_every_recorded_scenario():
    assert not [(where, broken(left, ALWAYS)) for where, left in recorded() if broken(left, ALWAYS)]


@pytest.mark.nova
def test_what_nova_left_behind_is_what_the_rules_call_so():
    # In create_times_out the driver is still at it.
    found = {where: broken(left, RULES) for where, left in recorded() if broken(left, RULES)}
    assert {w: rules for w, rules in found.items() if w[0] != "create_times_out"} == LEFT_BY_NOVA
