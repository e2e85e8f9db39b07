"""What cannot be in a Nova, whatever went wrong: to be asked of a cloud in which all is quiet."""

from collections import Counter

import numpy as np

from labkit.cloud.leftovers import imbalances
from labkit.nova.compute import task_states
from labkit.nova.compute import vm_states as vm
from labkit.nova.scheduler.host_manager import NUMBERS, HostState


def mistakes(cloud) -> list[str]:
    """Return a sentence for each thing that cannot be in a Nova: a mistake of the lab's.

    To be asked when nothing is under way: a server that breaks a rule of ALWAYS; a sum that is
    not that of its parts; a lock or a turn that nobody gives back.
    """
    site = cloud.site
    found = imbalances(site, cloud.drivers, ALWAYS)
    found += _sums(site) + _indexes(site) + _strangers(site, cloud.drivers)
    if site.under_way:
        found.append(f"{site.under_way} things are still under way")
    for host, compute in site.computes.items():
        if not compute.stopped:
            found += [f"{host} {what}" for what in _kept(compute)]
    return found


def _sums(site):
    """What placement has given away is what consumers hold; what schedulers read is in the rows."""
    fleet, inventories = site.fleet, site.allocations.inventories
    wanted = {name: used.copy() for name, used in site.allocations.others.items()}
    for held in site.allocations.held.values():
        for row, resources in held.items():
            for name, amount in resources.items():
                wanted[name][row] += amount
    actual = {name: inventories[name].used for name in wanted}
    states = []
    for node in site.db.compute_nodes.values():
        state = HostState(node.host, node.hypervisor_hostname, None)
        state.update(compute=node)
        states.append(state)
    for name in NUMBERS:
        wanted[name] = np.array([getattr(state, name) for state in states], dtype=float)
        actual[name] = np.array([getattr(state, name) for state in fleet], dtype=float)
    names, hosts = list(wanted), list(fleet.rows)
    parts, whole = (np.array([of[name] for name in names], dtype=float) for of in (wanted, actual))
    return [
        f"{names[n]} of {hosts[row]} is {whole[n, row]:g}, its parts are {parts[n, row]:g}"
        for n, row in np.argwhere(~np.isclose(whole, parts, equal_nan=True)).tolist()
    ]


def _indexes(site):
    """What is found by host is what is found by server."""
    db, held = site.db, site.allocations.held
    rows = Counter(
        (row["host"], uuid)
        for uuid, row in db.instances.items()
        if not row["deleted"] and row["host"] is not None
    )
    by_host = Counter((host, uuid) for host, of in db.by_host.items() if host for uuid in of)
    amounts = Counter((row, uuid) for uuid, rows in held.items() for row in rows)
    by_row = Counter((row, uuid) for row, of in site.allocations.by_host.items() for uuid in of)
    pairs = ((rows, by_host, "rows"), (amounts, by_row, "allocations"))
    return [f"the {what} by host are not those by server" for a, b, what in pairs if a != b]


def _strangers(site, drivers):
    """Nothing belongs to a server that nobody asked for."""
    known = set(site.names)
    moves = {move["uuid"] for move in site.db.migrations.values()}
    places = {
        "a row": site.db.instances,
        "a build request": site.api_db.build_requests,
        "a mapping": site.api_db.instance_mappings,
        "an allocation": site.allocations.held.keys() - moves,
        "an action log": site.db.actions,
    } | {f"a guest on {host}": driver.guests for host, driver in drivers.items()}
    found = [f"{what} of no server" for what, of in places.items() if not known.issuperset(of)]
    if not set(site.servers).issuperset(site.neutron.ports):
        found.append("a port of no server")
    return found


def _kept(compute):
    """A nova-compute that has nothing to do keeps no lock and no turn."""
    if compute._locks:
        yield f"keeps a lock of {len(compute._locks)} servers"
    for name in ("build_semaphore", "snapshot_semaphore", "live_migration_semaphore"):
        turns = getattr(compute, name)
        if turns is not None and (turns.count or turns.queue):
            yield f"keeps {turns.count} turns of its {name}"
    if compute.threads:
        yield f"has {len(compute.threads)} things under way"


# -- rules of one server, as those in labkit/cloud/leftovers.py ------------------------------
def mapping_names_the_cell(left):
    """The mapping of a row names its cell; none as long as the build request is there."""
    if left.row is None:
        return
    if left.mapping is None:
        yield "has a row and no mapping"
    elif left.mapping.cell not in (left.cell, None):
        yield f"is in {left.cell}, its mapping says {left.mapping.cell}"
    elif left.mapping.cell is None and left.request is None and not left.deleted:
        yield "has a row that nobody can find"


def states_are_novas(left):
    """A row has one of Nova's vm_states and one of its task_states, or no task."""
    if left.row is None:
        return
    if left.row["vm_state"] not in vm.ALL:
        yield f"has the vm_state {left.row['vm_state']!r}"
    if left.row["task_state"] not in (None, *task_states.ALL):
        yield f"has the task_state {left.row['task_state']!r}"


def built_has_a_host(left):
    """What was built has a host and was launched; resetState says of anything that it was built."""
    if any(action.action == "resetState" for action in left.actions):
        return
    homeless = left.host is None and not left.offloaded
    if left.lives and (homeless or left.row["launched_at"] is None):
        yield f"is {left.row['vm_state']} and was never launched on a host"


def holds_on_its_own_host(left):
    """What a server holds that never moved it holds on the host that its row names, if any."""
    others = left.elsewhere(left.held)
    if not left.moves and left.host is not None and others:
        yield f"is on {left.host} and holds resources on {', '.join(others)}"


def one_guest(left):
    """A server that never moved has one guest at most, and none elsewhere than its row says."""
    others = left.elsewhere(left.guests)
    if not left.moves and ((left.host is not None and others) or len(others) > 1):
        yield f"is on {left.host}, its guest on {', '.join(left.guests)}"


def failed_part_marks_the_action(left):
    """An action of which a part ended in an error says so."""
    for action in left.actions:
        failed = any(event["result"] == "Error" for event in action.events)
        if failed and action.message != "Error":
            yield f"has a part of its {action.action} that failed, and the action does not say so"


def early_request_has_nothing(left):
    """As long as there is only a build request there is neither port nor guest nor action."""
    early = left.row is None and left.request is not None
    if early and (left.ports or left.guests or left.actions):
        yield "is a build request, and has more than that"


ALWAYS = (
    mapping_names_the_cell,
    states_are_novas,
    built_has_a_host,
    holds_on_its_own_host,
    one_guest,
    failed_part_marks_the_action,
    early_request_has_nothing,
)
