"""The books of a cloud: what is left of a server, in every place that keeps something of it."""

import copy

from labkit.nova import exception
from labkit.nova.compute import power_state
from labkit.nova.compute import vm_states as vm
from labkit.nova.objects.instance_action import as_shown


def of_server(site, drivers, name) -> dict:
    """Return what is left of one server; see ``Cloud.books``."""
    uuid, db = site.uuid_of(name), site.db
    mapping, held = db.instance_mappings.get(uuid), site.allocations.held.get(uuid, {})
    return {
        "row": _row(site, uuid),
        "build_request": uuid in db.build_requests,
        "instance_mapping": mapping and vars(mapping).copy(),
        "allocations": {site.fleet.texts["host"][row]: held[row].resources for row in held},
        "ports": [site.neutron.ports[name]] if name in site.neutron.ports else [],
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


def imbalances(site, drivers) -> list[str]:
    """Return a sentence for each thing that is left of a server that is gone, or is missing.

    Nova itself leaves some behind when the wrong thing fails at the wrong time.
    """
    found = []
    for name, (uuid, _) in site.servers.items():
        row, held = site.db.instances.get(uuid), site.allocations.held.get(uuid)
        gone = uuid in site.db.deleted or (row is None and uuid not in site.db.build_requests)
        guests = [host for host, driver in drivers.items() if uuid in driver.guests]
        if gone:
            if held:
                found.append(f"{name} is gone and still holds resources in placement")
            if name in site.neutron.ports:
                found.append(f"{name} is gone and still has a port")
            found += [f"{name} is gone and its guest is still on {host}" for host in guests]
            continue
        if row is None or row["vm_state"] in (vm.BUILDING, vm.ERROR):
            continue
        if row["vm_state"] == vm.SHELVED_OFFLOADED:
            if held or guests:
                found.append(f"{name} is offloaded and a host still has something of it")
            continue
        sources = [
            move["source_compute"]
            for move in site.db.migrations.values()
            if move["instance_uuid"] == uuid and move["status"] in ("finished", "done")
        ]
        guests = [host for host in guests if host not in sources or host == row["host"]]
        if not held or site.fleet.rows.get(row["host"]) not in held:
            found.append(f"{name} is on {row['host']} and holds nothing there in placement")
        if guests not in ([row["host"]], []):
            found.append(f"{name} is on {row['host']}, its guest on {', '.join(guests)}")
        try:
            site.db.instance_get_by_uuid(uuid)
        except exception.InstanceNotFound:
            found.append(f"{name} has no row")
    return found
