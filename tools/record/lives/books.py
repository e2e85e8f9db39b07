"""The books after a step: what is left of a server, in every place that keeps something of it."""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import context as nova_context
from nova import exception, objects
from nova.db.main import api as db_api

from tools.record.lives.hooks_rows import power_name, states
from tools.record.lives.recorder import mask

RESOURCES = ("vcpus_used", "memory_mb_used", "local_gb_used", "running_vms")


def of_server(cloud, uuid):
    """What is left of one server: its row, its claims at the neighbours, its faults, its actions."""
    ctxt = nova_context.get_admin_context(read_deleted="yes")
    return {
        "row": row(cloud, ctxt, uuid),
        "build_request": exists(objects.BuildRequest.get_by_instance_uuid, ctxt, uuid),
        "request_spec": exists(objects.RequestSpec.get_by_instance_uuid, ctxt, uuid),
        "instance_mapping": mapping(ctxt, uuid),
        "allocations": allocations(cloud, uuid),
        "ports": [
            {"host": port.get("binding:host_id"), "device_owner": port.get("device_owner")}
            for port in cloud.neutron._ports.values()
            if port.get("device_id") == uuid
        ],
        "guests": {
            host: power_name(compute.driver.instances[uuid].state)
            for host, compute in sorted(cloud.computes.items())
            if uuid in compute.driver.instances
        },
        "images": images(cloud, uuid),
        "actions": actions(cloud, uuid),
    }


def row(cloud, ctxt, uuid):
    """The server's row in whichever cell has one, deleted or not; None if there is none."""
    for cell in ("cell0", "cell1"):
        with nova_context.target_cell(ctxt, cloud.cell_mappings[cell]) as cctxt:
            try:
                ref = db_api.instance_get_by_uuid(cctxt, uuid)
            except exception.InstanceNotFound:
                continue
            faults = db_api.instance_fault_get_by_instance_uuids(cctxt, [uuid])[uuid]
            bdms = objects.BlockDeviceMappingList.get_by_instance_uuid(cctxt, uuid)
            return {
                "cell": cell,
                "deleted": bool(ref["deleted"]),
                **states(ref),
                "host": ref["host"],
                "node": ref["node"],
                "launched": ref["launched_at"] is not None,
                "terminated": ref["terminated_at"] is not None,
                "cleaned": bool(ref["cleaned"]),
                "locked_by": ref["locked_by"],
                "progress": ref["progress"],
                "block_device_mappings": sum(not bdm.deleted for bdm in bdms),
                # newest first
                "faults": [{"code": f["code"], "message": mask(f["message"])} for f in faults],
            }
    return None


def exists(get, *args):
    """Whether get(*args) finds something."""
    try:
        get(*args)
    except exception.NotFound:
        return False
    return True


def mapping(ctxt, uuid):
    """The cell that the API database names for the server, and whether it counts as deleted."""
    try:
        found = objects.InstanceMapping.get_by_instance_uuid(ctxt, uuid)
    except exception.InstanceMappingNotFound:
        return None
    cell = found.cell_mapping
    return {"cell": cell and cell.name, "queued_for_delete": found.queued_for_delete}


def allocations(cloud, uuid):
    """What the server holds in placement, by host."""
    names = {p["uuid"]: p["name"] for p in cloud._get_all_providers()}
    held = cloud._get_allocations_by_server_uuid(uuid)
    return {names[provider]: value["resources"] for provider, value in sorted(held.items())}


def images(cloud, uuid):
    """The names of the server's snapshots and backups."""
    return sorted(
        image["name"]
        for image in cloud.glance.images.values()
        if image.get("properties", {}).get("instance_uuid") == uuid
    )


def actions(cloud, uuid):
    """What GET os-instance-actions says, oldest first."""
    status, reply = cloud.request("GET", f"/servers/{uuid}/os-instance-actions")
    if status != 200:
        return []
    found = []
    for action in reversed(reply["instanceActions"]):
        path = f"/servers/{uuid}/os-instance-actions/{action['request_id']}"
        detail = cloud.request("GET", path)[1]["instanceAction"]
        events = [
            {"event": e["event"], "result": e["result"], "host": e.get("host")}
            for e in reversed(detail["events"])
        ]
        found.append({"action": action["action"], "message": action["message"], "events": events})
    return found


def of_hosts(cloud):
    """What each compute believes that it has given away, and how many builds failed there."""
    found = {}
    for host, compute in sorted(cloud.computes.items()):
        tracker = compute.manager.rt
        node = tracker.compute_nodes.get(host)
        if node is None:
            continue
        found[host] = {name: getattr(node, name) for name in RESOURCES}
        found[host]["failed_builds"] = int(tracker.stats[host].get("failed_builds", 0))
    return found
