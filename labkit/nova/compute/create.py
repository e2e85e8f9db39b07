"""What the API does with a request for servers (nova/compute/api.py)."""

import uuid as uuids
from dataclasses import dataclass

from labkit.nova.clock import BuildRequest as Written
from labkit.nova.clock import Call, InstanceMapping
from labkit.nova.compute import power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.db import Mapping
from labkit.nova.exception import (
    ComputeHostNotFound,
    FlavorDiskSmallerThanImage,
    FlavorDiskSmallerThanMinDisk,
    FlavorMemoryTooSmall,
    ImageNotActive,
)
from labkit.nova.exception_neighbours import HTTPBadRequest
from labkit.nova.objects.instance import EXTRA, FIELDS, Instance
from labkit.nova.quota import check_num_instances_quota

_HERE = "compute/api.py:"
_GIB = 1024**3


@dataclass
class BuildRequest:
    """A server that is in no cell yet: what the API shows until the conductor has a row.

    Source: ``BuildRequest`` in nova/objects/build_request.py, Nova 34.0.0.
    """

    name: str
    spec: object
    values: dict

    def get_new_instance(self, service) -> Instance:
        """Return the server, all its columns still to be written."""
        instance = Instance(service, self.name, self.spec, self.values)
        instance.power_state = power_state.NOSTATE
        return instance


class Create:
    """The part of API that creates.

    Source: ``create`` and ``_provision_instances`` in nova/compute/api.py, Nova 34.0.0.
    """

    def create(self, names, spec, networks="auto"):
        """Note what is wanted and ask the conductor for it; nothing is in a cell yet.

        Raises Nova's refusal of a zone, a host, an image or a quota that does not fit.
        """
        if spec.availability_zone and spec.availability_zone not in self.site.zones():
            raise HTTPBadRequest("The requested availability zone is not available")
        service, db, first = self.service, self.site.db, names[0]
        service.note(Call, first, "glance", "get", by=_HERE + "_get_image")
        if networks != "none":
            by = _HERE + "_check_requested_networks"
            service.note(Call, first, "neutron", "validate_networks", by=by)
        by = _HERE + "_validate_and_build_base_options"
        service.note(Call, first, "neutron", "create_resource_requests", by=by)
        self._validate(spec)
        check_num_instances_quota(self.site, spec)
        by = _HERE + "_create_reqspec_buildreq_instmapping"
        build_requests = []
        for name in names:
            request = BuildRequest(name, spec, _new(name, spec, self.site.env.now))
            uuid = request.values["uuid"]
            db.build_requests[uuid] = request
            service.note(Written, name, "create", vm.BUILDING, task.SCHEDULING, by=by)
            db.instance_mappings[uuid] = Mapping()
            service.note(InstanceMapping, name, "create", by=by)
            if networks == "none":
                self.site.without_network.add(uuid)
            build_requests.append(request)
        self.site.bus.cast(
            service,
            "schedule_and_build_instances",
            build_requests=build_requests,
            request_specs=[spec] * len(names),
        )
        return
        yield

    def _validate(self, spec):
        if spec.image is not None and not spec.is_bfv:
            check_image(spec.flavor, spec.image)
        destination = spec.requested_destination
        host = destination.host if destination is not None else None
        if host is not None and host not in self.site.fleet.rows:
            raise ComputeHostNotFound(host=host)


def check_image(flavor, image, status=None):
    """Compare what an image asks for with the flavor.

    Source: ``_validate_flavor_image_nostatus`` in nova/compute/api.py, Nova 34.0.0.
    """
    if (status or image.status) != "active":
        raise ImageNotActive(image_id=image.id)
    if flavor.memory_mb < image.min_ram:
        raise FlavorMemoryTooSmall
    size, least = flavor.root_gb * _GIB, image.min_disk * _GIB
    if size and image.size > size:
        raise FlavorDiskSmallerThanImage(flavor_size=size, image_size=image.size)
    if size and least > size:
        raise FlavorDiskSmallerThanMinDisk(flavor_size=size, image_min_disk=least)


def server_uuid(name: str) -> str:
    """Return the uuid of a server of that name: the same in every run."""
    return str(uuids.uuid5(uuids.NAMESPACE_DNS, f"server/{name}"))


def _new(name, spec, now):
    values, flavor = dict.fromkeys((*FIELDS, *EXTRA)), spec.flavor
    return values | {
        "flavor": flavor,
        "instance_type_id": flavor.name,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "image_ref": spec.image and spec.image.id,
        "uuid": server_uuid(name),
        "display_name": name,
        "vm_state": vm.BUILDING,
        "task_state": task.SCHEDULING,
        "power_state": None,
        "system_metadata": {"image_base_image_ref": spec.image and spec.image.id},
        "locked": False,
        "progress": 0,
        "project_id": spec.project_id,
        "created_at": now,
    }
