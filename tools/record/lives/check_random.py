"""Random sequences of actions through a whole live Nova; played for tools/record/random_lives.py."""

import json
import re

from tools.record.lives import cloud as nova_cloud
from tools.record.lives import sequences

# isort: split
from nova import objects
from nova.compute import power_state

from tools.record.lives import hooks_moves  # noqa: F401  moves can be made to fail
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import RAISES
from tools.record.lives.hooks_messages import Work
from tools.record.lives.lifecycle import tidy
from tools.record.lives.trace import NAMES, Trace

GUESTS = {"guest_stops": power_state.SHUTDOWN, "guest_starts": power_state.RUNNING}


def record(name):
    """The steps of sequences; *name* is the seed and their numbers, as in "1:0,1,2"."""
    seed, _, numbers = name.partition(":")
    return run_sequences([sequences.draw(seed, int(number)) for number in numbers.split(",")])


def run_sequences(wanted, hosts=sequences.HOSTS):
    """The steps of several sequences, one after the other in one cloud."""
    traces = []

    def body(cloud):
        cloud.api_fixture.api.microversion = "latest"
        for sequence in wanted:
            traces.append(run_sequence(cloud, sequence))
            tidy(cloud)
            release(cloud)

    nova_cloud.run(body, (), hosts)
    return traces


def release(cloud):
    """Take from placement what a move left there: the next sequence begins with empty hosts."""
    for provider in cloud._get_all_providers():
        for consumer in cloud._get_allocations_by_provider_uuid(provider["uuid"]):
            cloud.placement.delete(f"/allocations/{consumer}")


def run_sequence(cloud, sequence):
    """The steps of one sequence, in the form of the scenarios in data/nova-34."""
    trace, before = Trace(cloud), max(migrations(cloud), default=0)
    for group, name, value in sequence.options:
        cloud.flag(group, name, value)
    RecordDriver.snapshot_model = sequence.snapshot_model
    for number, action in enumerate(sequence.actions):
        if sequence.fault and number == sequence.fault_from:
            step, raises, host, times = sequence.fault
            fails = {"raises": RAISES[raises]} if raises else {"lost": True}
            cloud.fault(step, host=host, times=times, **fails)
        play(cloud, trace, action)
    # The first migration of a sequence is number 1, as in a cloud of its own.
    number = lambda found: f"Migration {max(int(found[1]) - before, 0)} "  # noqa: E731
    return json.loads(re.sub(r"Migration (\d+) ", number, json.dumps(trace.steps)))


def migrations(cloud, **filters):
    """The numbers of migrations, also of those that servers took with them."""
    with cloud.cell_context() as context:
        context.read_deleted = "yes"
        return sorted(each.id for each in objects.MigrationList.get_by_filters(context, filters))


def play(cloud, trace, action):
    """One step of a sequence, or two: after an evacuate the nova-compute starts again."""
    name = action.removesuffix(sequences.AS_USER)
    api = cloud.api_fixture.api if name != action else None
    host = (cloud.show() or {}).get("OS-EXT-SRV-ATTR:host") or sequences.HOSTS[0]
    if name == "power_sync" or name in GUESTS:
        if name in GUESTS and cloud.server_id in cloud.computes[host].driver.instances:
            cloud.guest(host).state = GUESTS[name]
        trace.periodic("_sync_power_states", host)
        return
    if name == "evacuate":
        cloud.take_down(host)
    with trace.step(action):
        if name == "create":
            trace.create(api)
        elif name == "delete":
            trace.delete(api)
        elif name == "update":
            trace.ask("update", "PUT", "/servers/{id}", {"server": {"name": "renamed"}}, api)
        elif name in sequences.OF_MIGRATIONS:
            of_migration(cloud, trace, name, api)
        elif name in sequences.IN_THE_MIDDLE:
            in_the_middle(cloud, trace, *sequences.IN_THE_MIDDLE[name])
        else:
            trace.ask(name, "POST", "/servers/{id}/action", body(name), api)
    if name == "evacuate":
        with trace.step("nova-compute starts again"):
            Work.stopped_hosts.discard(host)
            cloud.start_again(host)
        service = cloud.admin_api.get_services(host=host, binary="nova-compute")[0]
        cloud.admin_api.put_service(service["id"], {"forced_down": False})


def of_migration(cloud, trace, name, api=None):
    """Ask for the end of the server's newest live migration; 0 is the number of none."""
    found = migrations(cloud, instance_uuid=cloud.server_id, migration_type="live-migration")
    path = f"/servers/{{id}}/migrations/{max(found, default=0)}"
    if name == "live_migration_abort":
        trace.ask(name, "DELETE", path, api=api)
    else:
        trace.ask(name, "POST", f"{path}/action", {"force_complete": None}, api)


def in_the_middle(cloud, trace, step, name):
    """Ask for a live migration and, if it comes as far as a step, there for its end."""
    held = cloud.hold(step)
    trace.ask("migrateLive", "POST", "/servers/{id}/action", body("migrateLive"))
    cloud.quiet(held)
    cloud.stalled()
    of_migration(cloud, trace, name)
    cloud.stalled()
    held.let_go()


def body(name):
    """What is sent for an action, with the ids of the images."""
    text = json.dumps(sequences.BODIES[name])
    for value, placeholder in NAMES.items():
        text = text.replace(placeholder, value)
    return json.loads(text)
