"""Tables of what a nova-compute does by itself: after a restart, when power states differ, and when
its driver tells of a guest.

For each pair of states the row of a server and its guest are put there and Nova's own method is
called once; what it saved, sent and asked of the hypervisor is kept, and the row if it changed
(null: it is gone). Equal outcomes are kept once. Before each call the row says running.
"""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import objects
from nova.compute import power_state
from nova.db.main import api as db_api
from nova.virt import event as virtevent
from nova.virt import fake
from oslo_utils import timeutils

from tools.record.lives import cloud as nova_cloud
from tools.record.lives.cloud import working_as
from tools.record.lives.guards import TASK_STATES, VM_STATES
from tools.record.lives.hooks_messages import Work
from tools.record.lives.hooks_rows import power_name
from tools.record.lives.recorder import REC

# These look for a migration, which the row of a server does not tell of.
MOVING = ("resize_migrating", "migrating")
GUESTS = ("running", "shutdown", "paused")
MISSING = "missing"  # the hypervisor has no such guest
POWER = {name: value for value, name in power_state.STATE_MAP.items()}


class Table:
    """Answers, each kept once, in the order in which they were first given."""

    def __init__(self):
        self.rows = []

    def index(self, answer):
        """The place of an answer among the rows."""
        if answer not in self.rows:
            self.rows.append(answer)
        return self.rows.index(answer)


def restart():
    """What ComputeManager._init_instance makes of each pair of states, by state of the guest."""
    found = {}

    def body(cloud):
        table, tasks = Table(), [task for task in TASK_STATES if task not in MOVING]
        for guest in GUESTS:
            found[guest] = {}
            for state in VM_STATES:
                # a row that says deleted is deleted, whatever the task
                row = [
                    table.index(init_instance(cloud, state, task, guest))
                    for task in (tasks if state != "deleted" else [None])
                ]
                found[guest][state] = row
        found.update(outcomes=table.rows, task_states=tasks)

    nova_cloud.run(body)
    return found


def power_sync():
    """What ComputeManager._sync_power_states does, by vm_state and state of the guest."""
    found = {}

    def body(cloud):
        table = Table()
        for state in VM_STATES:
            found[state] = {
                guest: table.index(sync(cloud, state, guest)) for guest in (*POWER, MISSING)
            }
        found["outcomes"] = table.rows

    nova_cloud.run(body)
    return found


def lifecycle_events():
    """What ComputeManager.handle_events does, by event, vm_state and state of the guest.

    With each vm_state the server has no task, and one.
    """
    found = {"task_states": [None, "image_uploading"]}

    def body(cloud):
        table = Table()
        for transition, name in virtevent.NAMES.items():
            found[str(name)] = {
                state: {
                    guest: [
                        table.index(event(cloud, transition, state, task, guest))
                        for task in (found["task_states"] if state != "deleted" else [None])
                    ]
                    for guest in GUESTS
                }
                for state in VM_STATES
            }
        found["outcomes"] = table.rows

    nova_cloud.run(body)
    return found


def event(cloud, transition, vm_state, task_state, guest):
    """Let the driver tell of a guest that is in a power state, maybe another one by now."""
    before = put(cloud, vm_state, task_state, guest)
    return outcome(cloud, lambda ctxt: cloud.event(transition), before)


def init_instance(cloud, vm_state, task_state, guest):
    """Start a nova-compute again, as far as one server goes."""
    before = put(cloud, vm_state, task_state, guest)
    manager = cloud.computes["host1"].manager

    def call(ctxt):
        attributes = ["info_cache", "metadata", "system_metadata", "flavor", "numa_topology"]
        instance = objects.Instance.get_by_uuid(ctxt, cloud.server_id, expected_attrs=attributes)
        manager._init_instance(ctxt, instance)

    return outcome(cloud, call, before)


def sync(cloud, vm_state, guest):
    """Let the periodic task compare one server's row with its guest."""
    before = put(cloud, vm_state, None, guest)
    return outcome(cloud, cloud.computes["host1"].manager._sync_power_states, before)


def put(cloud, vm_state, task_state, guest):
    """Put the row and the guest of a server into states; make a server if there is none."""
    if cloud.server_id is None:
        cloud.boot()
    with cloud.cell_context() as ctxt:
        values = {
            "vm_state": vm_state,
            "task_state": task_state,
            "power_state": power_state.RUNNING,
            "host": "host1",
            "node": "host1",
            "launched_at": timeutils.utcnow(),
        }
        db_api.instance_update(ctxt, cloud.server_id, values)
    guests = cloud.computes["host1"].driver.instances
    guests.clear()
    if guest != MISSING:
        uuid = cloud.server_id
        guests[uuid] = fake.FakeInstance("web", POWER[guest], uuid)
    return [vm_state, task_state, "running"]


def outcome(cloud, call, before):
    """What a call saved, sent and asked, and the row if that is not what it was before."""
    REC.start()
    raised = None
    with working_as("compute@host1"), cloud.cell_context() as ctxt:
        try:
            call(ctxt)
        except Exception as exc:
            raised = type(exc).__name__
    if not Work.idle():
        cloud.quiet()
    events = REC.stop()
    found = {"saves": [], "sent": [], "virt": []}
    for event in events:
        if event["kind"] == "db" and event.get("new"):
            new = event["new"]
            found["saves"].append(
                [new["vm_state"], new["task_state"], new["power_state"], event["where"]]
            )
        elif event["kind"] == "rpc":
            found["sent"].append(event["method"])
        elif event["kind"] == "virt":
            found["virt"].append(event["call"])
    if raised is not None:
        found["raised"] = raised
    row = row_of(cloud)
    if row != before:
        found["row"] = row
    return found


def row_of(cloud):
    """The three states of the row; None if it is gone."""
    with cloud.cell_context() as ctxt:
        rows = db_api.instance_get_all_by_host(ctxt, "host1")
    if not rows:
        cloud.server_id = None
        return None
    return [rows[0]["vm_state"], rows[0]["task_state"], power_name(rows[0]["power_state"])]
