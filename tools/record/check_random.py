"""Random sequences of actions through a whole live Nova; played for tools/record/compare_random.py."""

from tools.record import cloud as nova_cloud
from tools.record import sequences

# isort: split
from nova.compute import power_state

from tools.record.driver import RecordDriver
from tools.record.faults import RAISES
from tools.record.lifecycle import tidy
from tools.record.trace import Trace

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

    nova_cloud.run(body, (), hosts)
    return traces


def run_sequence(cloud, sequence):
    """The steps of one sequence, in the form of the scenarios in data/nova-34."""
    trace = Trace(cloud)
    for group, name, value in sequence.options:
        cloud.flag(group, name, value)
    RecordDriver.snapshot_model = sequence.snapshot_model
    if sequence.fault:
        step, raises, host = sequence.fault
        fails = {"raises": RAISES[raises]} if raises else {"lost": True}
        cloud.fault(step, host=host, **fails)
    for action in sequence.actions:
        play(cloud, trace, action)
    return trace.steps


def play(cloud, trace, action):
    """One step of a sequence."""
    name = action.removesuffix(sequences.AS_USER)
    api = cloud.api_fixture.api if name != action else None
    if name == "power_sync" or name in GUESTS:
        host = (cloud.show() or {}).get("OS-EXT-SRV-ATTR:host") or sequences.HOSTS[0]
        if name in GUESTS and cloud.server_id in cloud.computes[host].driver.instances:
            cloud.guest(host).state = GUESTS[name]
        trace.periodic("_sync_power_states", host)
        return
    with trace.step(action):
        if name == "create":
            trace.create(api)
        elif name == "delete":
            trace.delete(api)
        elif name == "update":
            trace.ask("update", "PUT", "/servers/{id}", {"server": {"name": "renamed"}}, api)
        else:
            trace.ask(name, "POST", "/servers/{id}/action", sequences.ACTIONS[name], api)
