"""The books of a cloud: what is left of a server, in every place that keeps something of it.

What must hold of them stands in labkit/cloud/invariants.py.
"""

import copy
from collections import Counter

import numpy as np

from labkit.cloud.invariants import ALWAYS, UNLESS, Left
from labkit.nova.compute import power_state
from labkit.nova.objects.instance_action import as_shown
from labkit.nova.scheduler.host_manager import NUMBERS, update_from_compute_node


def of_server(site, drivers, name) -> dict:
    """Return what is left of one server; see ``Cloud.books``."""
    uuid, db = site.uuid_of(name), site.db
    mapping, held = db.instance_mappings.get(uuid), site.allocations.held.get(uuid, {})
    return {
        "row": _row(site, uuid),
        "build_request": uuid in db.build_requests,
        "instance_mapping": mapping and vars(mapping).copy(),
        "allocations": {site.fleet.texts["host"][row]: held[row] for row in held},
        "ports": list(site.neutron.ports.get(name, ())),
        "guests": {
            host: power_state.STATE_MAP[driver.guests[uuid]]
            for host, driver in drivers.items()
            if uuid in driver.guests
        },
        "images": [key for key, image in site.glance.images.items() if image["instance"] == name],
        "actions": copy.deepcopy(as_shown(db.actions.get(uuid, ()))),
    }


def _row(site, uuid):
    row = site.db.instances.get(uuid)
    if row is None:
        return None
    return {
        "cell": site.db.cells[uuid],
        "deleted": uuid in site.db.deleted,
        "vm_state": row["vm_state"],
        "task_state": row["task_state"],
        "power_state": power_state.STATE_MAP[row["power_state"]],
        "host": row["host"],
        "node": row["node"],
        "launched": row["launched_at"] is not None,
        "terminated": row["terminated_at"] is not None,
        "locked_by": row["locked_by"],
        "progress": row["progress"],
        "faults": list(site.db.faults.get(uuid, ())),
    }


def imbalances(site, drivers, rules=UNLESS) -> list[str]:
    """Return a sentence for each thing that is left of a server that is gone, or is missing.

    In: the rules to look at. Empty as long as something is under way.
    """
    if site.under_way:
        return []
    return [
        f"{name} {what}"
        for name, left in _left(site, drivers)
        for rule in rules
        for what in rule(left)
    ]


def _left(site, drivers):
    """Yield each server and what is left of it."""
    guests, images = {}, {}
    for host, driver in drivers.items():
        for uuid in driver.guests:
            guests.setdefault(uuid, []).append(host)
    for key, image in site.glance.images.items():
        images.setdefault(image["instance"], {})[key] = image["status"]
    hosts, db = site.fleet.texts["host"], site.db
    for name, (uuid, _) in site.servers.items():
        request = db.build_requests.get(uuid)
        yield (
            name,
            Left(
                row=db.instances.get(uuid),
                cell=db.cells.get(uuid),
                deleted=uuid in db.deleted,
                request=request and request.values,
                mapping=db.instance_mappings.get(uuid),
                held=[hosts[row] for row in site.allocations.held.get(uuid, ())],
                moves=[
                    (move["migration_type"], move["status"], move["source_compute"], held)
                    for move in db.migrations.values()
                    if move["instance_uuid"] == uuid
                    for held in [move["uuid"] in site.allocations.held]
                ],
                ports=site.neutron.ports.get(name, []),
                wants_port=uuid not in site.without_network,
                guests=guests.get(uuid, []),
                images=images.get(name, {}),
                actions=db.actions.get(uuid, []),
            ),
        )


# -- of the cloud as a whole --------------------------------------------------------------
def mistakes(site, drivers) -> list[str]:
    """Return a sentence for each thing that cannot be in a Nova: a mistake of the lab's.

    To be asked when nothing is under way: a server that breaks a rule of ALWAYS; a sum that is
    not that of its parts; a lock or a turn that nobody gives back.
    """
    found = imbalances(site, drivers, ALWAYS)
    found += _sums(site) + _indexes(site) + _strangers(site, drivers)
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
    rows = [update_from_compute_node(node) for node in site.db.compute_nodes.values()]
    for name in NUMBERS:
        wanted[name] = np.array([row[name] for row in rows], dtype=float)
        actual[name] = fleet.columns[name]
    return [
        f"{name} of {fleet.texts['host'][row]} is {actual[name][row]:g}, its parts are {sums[row]:g}"
        for name, sums in wanted.items()
        for row in np.flatnonzero(~np.isclose(actual[name], sums, equal_nan=True)).tolist()
    ]


def _indexes(site):
    """What is found by host is what is found by server."""
    db, held = site.db, site.allocations.held
    rows = Counter(
        (row["host"], uuid)
        for uuid, row in db.instances.items()
        if uuid not in db.deleted and row["host"] is not None
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
        "a build request": site.db.build_requests,
        "a mapping": site.db.instance_mappings,
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
    if compute.busy:
        yield f"has {compute.busy} things under way"
