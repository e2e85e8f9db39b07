"""Choose hosts for a request (nova/scheduler/manager.py)."""

import copy
import itertools
import random
from dataclasses import dataclass, field

from labkit.neighbours.messaging import Target
from labkit.nova import conf, exception
from labkit.nova.compute import utils as compute_utils
from labkit.nova.db.main import api as db
from labkit.nova.objects.selection import Selection as SelectedHost
from labkit.nova.scheduler import request_filter, utils
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.scheduler.host_manager import Instance
from labkit.nova.service import Service, unforeseen


@dataclass
class Selection:
    """Where one server goes: the chosen host, and the alternates if its build fails.

    Source: ``Selection`` in nova/objects/selection.py, Nova 34.0.0.
    """

    instance: str
    host: str
    weight: float
    alternates: list[str] = field(default_factory=list)

    def obj_to_primitive(self) -> list[dict]:
        """Return what travels: a list of the hosts, best first."""
        hosts = (self.host, *self.alternates)
        return [SelectedHost(host).obj_to_primitive() for host in hosts]


class SchedulerManager(Service):
    """Chooses hosts: asks placement for candidates, filters, weighs, claims.

    In: a HostManager that reads a fleet, a random.Random, a client of placement. In a cloud it is
    also a service, with the cloud's Site, its name and its host, and has a client of its own.

    >>> from labkit import Cloud, Flavor, Fleet, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"), schedulers=2)
    >>> wide = RequestSpec(Flavor(vcpus=1, memory_mb=2560, root_gb=1))
    >>> for name in ("web-1", "web-2"):
    ...     cloud.at(0.0, name, "create", spec=wide)
    >>> cloud.settle()
    >>> claims = cloud.calls[cloud.calls.call.str.startswith("PUT /allocations")]
    >>> claims.http_status.tolist()
    [204, 409, 204]
    """

    target = Target(version="4.5")

    def __init__(
        self,
        host_manager,
        rng=None,
        placement_client=None,
        site=None,
        name="scheduler",
        host=None,
    ):
        self.site = site
        if site is not None:
            super().__init__(site, name, host)
            host_manager = host_manager.reading(site.fleet, self._get_instances_by_host)
        self.host_manager = host_manager
        self.rng = rng or random.Random(0)
        self.placement_client = placement_client or SchedulerReportClient(self)

    @property
    def options(self):
        """The options of the scheduler."""
        return self.host_manager.options

    def select_destinations(
        self, spec_obj, instance_uuids, return_alternates=True, return_objects=True
    ):
        """Choose a host and alternates for each server of a cloud, and claim the resources there.

        Placement and the rows are read first, and the claim comes later: what another request has
        claimed meanwhile is refused then, and the next host by weight is tried. For a rebuild of
        another image nothing is claimed: the server stays where it is. Raises NoValidHost; what
        was claimed is given back then. Raises TypeError after the claim for a rebuild of a server
        without a host: the conductor has not asked for the resources of its ports.
        """
        names = [self.site.names[uuid] for uuid in instance_uuids]
        candidates = self.get_allocation_candidates(spec_obj)
        found = candidates is None or len(candidates.rows) > 0
        hosts = self._get_all_host_states(candidates, spec_obj)
        if found:
            compute_utils.notify_about_scheduler_action(self, "start", names[0])
        yield from self.step("select_destinations", names=names)
        if not found:
            raise exception.NoValidHost(reason="")
        own = copy.copy(spec_obj)
        own.scheduler_hints = self._by_name(spec_obj.scheduler_hints)
        if own.instance_group is not None:
            own.instance_group = own.instance_group.copy()
        selections = self._schedule(own, names, candidates, hosts, return_alternates)
        compute_utils.notify_about_scheduler_action(self, "end", names[-1])
        return selections

    def update_instance_info(self, host_name, instance_info):
        """Hear that a host has new servers, or that they have changed."""
        told = [
            Instance(instance.name, **self._known(instance.name, instance))
            for instance in instance_info.objects
        ]
        self.host_manager.update_instance_info(host_name, told)

    def delete_instance_info(self, host_name, instance_uuid):
        """Hear that a server has left a host."""
        self.host_manager.delete_instance_info(host_name, self.site.names[instance_uuid])

    def sync_instance_info(self, host_name, instance_uuids):
        """Hear which servers a host has, all of them.

        Servers that the fleet came with are the host's too, but not among them.
        """
        names = [self.site.names[uuid] for uuid in instance_uuids]
        names += self.host_manager.fleet.instances_on(host_name)
        self.host_manager.sync_instance_info(host_name, names)

    def _get_instances_by_host(self, host_name):
        """Return the servers of a host, as the rows say; those that the fleet came with first."""
        rows = db.instance_get_all_by_host(self.db_context, host_name)
        names = (self.site.names[row["uuid"]] for row in rows)
        found = {name: Instance(name, self._read) for name in names}
        return self.site.fleet.instances_on(host_name) | found

    def _read(self, name):
        uuid = self.site.uuid_of(name)
        rows = db.instance_get_all_by_uuids(self.db_context, [uuid])
        if not rows:
            raise exception.InstanceNotFound(instance_id=uuid)
        return self._known(name, rows[0])

    def _by_name(self, hints):
        found = dict(hints)
        for key in found.keys() & {"same_host", "different_host"}:
            value = found[key]
            some = [value] if isinstance(value, str) else value
            if isinstance(some, list | tuple):
                found[key] = [self.site.names.get(each, each) for each in some]
        return found

    def _known(self, name, row):
        spec = self.site.servers[name][1]
        columns = ("host", "node", "flavor", "project_id", "vm_state", "task_state", "power_state")
        known = {column: row[column] for column in columns}
        return known | {"image_meta": spec.image, "user_id": spec.user_id}

    def decide(self, spec_obj, instance_uuids, return_alternates=True) -> list[Selection]:
        """Do what select_destinations does, at once and outside of a cloud. Raises NoValidHost."""
        candidates = self.get_allocation_candidates(spec_obj)
        if candidates is not None and not len(candidates.rows):
            raise exception.NoValidHost(reason="")
        hosts = self._get_all_host_states(candidates, spec_obj)
        return self._schedule(spec_obj, instance_uuids, candidates, hosts, return_alternates)

    def get_allocation_candidates(self, spec_obj):
        """Return the hosts that placement leaves, as Candidates; None for a rebuild.

        Raises NoValidHost for a request that asks for what there is not.
        """
        if utils.request_is_rebuild(spec_obj):
            return None
        try:
            request = request_filter.process_reqspec(
                self.host_manager.fleet, spec_obj, self.options
            )
        except exception.RequestFilterFailed as error:
            raise exception.NoValidHost(reason=str(error)) from None
        return self.placement_client.get_allocation_candidates(request)

    def _get_all_host_states(self, candidates, spec_obj):
        """Return fresh HostStates of the candidates; of all hosts for a rebuild."""
        hosts = self.host_manager.get_host_states(None if candidates is None else candidates.rows)
        if candidates is not None:
            for host in hosts:
                host.allocation_candidates = [candidates.allocation_request(host.uuid)]
        destination = spec_obj.requested_destination
        if destination is None or not destination.cell or destination.allow_cross_cell_move:
            return hosts
        return self.host_manager.only_in_cell(hosts, destination.cell)

    def _schedule(self, spec_obj, instance_uuids, candidates, hosts, return_alternates):
        """Choose a host for each server, and claim there what it needs.

        In: Candidates (None: nothing is claimed), and the HostStates that may be chosen.

        Source: ``_schedule`` and ``_legacy_find_hosts`` in nova/scheduler/manager.py, 34.0.0.
        """
        selections, selected_hosts, claimed, index = [], [], [], 0
        with conf.using(self.options):
            for index, instance in enumerate(instance_uuids):
                spec_obj.instance_uuid = instance
                weighed = self._get_sorted_hosts(spec_obj, hosts, index)
                hosts = [each.obj for each in weighed]
                chosen = None
                for each in weighed:
                    if candidates is not None and not each.obj.allocation_candidates:
                        continue  # a filter has removed them all
                    if self._claim(instance, each.obj, spec_obj, candidates, claimed):
                        chosen = each
                        break
                if chosen is None:
                    break
                selections.append(Selection(instance, chosen.obj.node_name, float(chosen.weight)))
                selected_hosts.append(chosen.obj)
                self._consume_selected_host(chosen.obj, spec_obj, instance)
            self._ensure_sufficient_hosts(selections, instance_uuids, claimed)
            if return_alternates and self.options.max_attempts > 1:
                if index > 0:
                    weighed = self._get_sorted_hosts(spec_obj, hosts, index)
                    hosts = [each.obj for each in weighed]
                if candidates is not None:
                    hosts = [host for host in hosts if host.allocation_candidates]
                self._get_alternate_hosts(selections, selected_hosts, hosts)
        return selections

    def _get_sorted_hosts(self, spec_obj, host_states, index):
        """Return the hosts that pass as WeighedHosts, the chosen one first, the rest by weight."""
        filtered = self.host_manager.get_filtered_hosts(host_states, spec_obj, index)
        if not filtered:
            return []
        weighed = self.host_manager.get_weighed_hosts(filtered, spec_obj)
        if self.options.shuffle_best_same_weighed_hosts:
            best = [each for each in weighed if each.weight == weighed[0].weight]
            self.rng.shuffle(best)
            weighed = best + weighed[len(best) :]
        chosen = self.rng.choice(weighed[: self.options.host_subset_size])
        weighed.remove(chosen)
        return [chosen, *weighed]

    def _claim(self, instance, host, spec_obj, candidates, claimed) -> bool:
        """Claim in placement what a server needs on a host; return whether it fitted.

        Source: ``claim_resources`` in nova/scheduler/utils.py, Nova 34.0.0.
        """
        if candidates is None:
            return True
        uuid = self.site.uuid_of(instance) if self.site else instance
        row = self.host_manager.fleet.rows[host.node_name]
        if not self.placement_client.claim_resources(instance, uuid, row, candidates.resources):
            return False
        claimed.append((instance, uuid))
        if spec_obj.requested_resources is None:
            raise unforeseen(TypeError("'NoneType' object is not iterable"))
        return True

    def _ensure_sufficient_hosts(self, selections, instance_uuids, claimed):
        if len(selections) == len(instance_uuids):
            return
        for name, uuid in claimed:
            self.placement_client.delete_allocation_for_instance(name, uuid, force=True)
        raise exception.NoValidHost(reason="There are not enough hosts available.")

    def _consume_selected_host(self, selected_host, spec_obj, instance_uuid):
        selected_host.consume_from_request(spec_obj)
        if spec_obj.instance_group is not None:
            spec_obj.instance_group.hosts.append(selected_host.host)
            selected_host.instances.setdefault(instance_uuid, Instance(instance_uuid))

    def _get_alternate_hosts(self, selections, selected_hosts, hosts):
        taken = {host.node_name for host in selected_hosts}
        for selection, selected in zip(selections, selected_hosts, strict=True):
            near = (
                host.node_name
                for host in hosts
                if host.cell_uuid == selected.cell_uuid and host.node_name not in taken
            )
            selection.alternates.extend(itertools.islice(near, self.options.max_attempts - 1))
