"""What the services of one cloud share: clock, database, messages, neighbours, fleet, faults."""

from contextlib import contextmanager

import simpy

from labkit.cloud.durations import Durations
from labkit.cloud.faults import Faults
from labkit.neighbours.glance import Glance
from labkit.neighbours.keystone import Keystone
from labkit.neighbours.messaging import Broker
from labkit.neighbours.neutron import Neutron
from labkit.neighbours.placement import Allocations
from labkit.nova import conf, exception, rpc, servicegroup
from labkit.nova.clock import ServiceStoppedError
from labkit.nova.compute import task_states
from labkit.nova.context import RequestContext
from labkit.nova.db.api import models as api_models
from labkit.nova.db.main import api as db
from labkit.nova.db.main import models
from labkit.nova.objects.instance import Instance
from labkit.nova.rpc import message_of, reply_of
from labkit.nova.scheduler import request_filter

DEFAULT_ZONE = "nova"
#: Where API, conductor and scheduler run.
CONTROLLER = "controller"


class Site:
    """Everything around the services, and what happened so far (``trace``, append only).

    ``busy`` counts what is under way; ``servers`` maps a name to (uuid, spec), ``names`` a uuid to
    its name. ``service_changes`` are (records so far, t_s, host, field, value before) of each change
    of what Nova believes of a nova-compute; ``held_changes`` are the rows of
    ``holdings`` about guests and allocations (labkit/cloud/past.py).
    """

    def __init__(self, fleet, options, durations, seed, quota):
        self.env = simpy.Environment()
        self.options = options
        self.trace = []
        self.service_changes = []
        self.held_changes = []
        self.fleet = fleet
        self.quota = quota
        self.durations = Durations(durations, seed)
        self.faults = Faults()
        self.db = models.Database()
        self.api_db = api_models.Database()
        self.broker = Broker(self._latency_s, self.env, seed, self._published)
        self.envelopes = {}
        self._calls = {}
        self.allocations = Allocations(fleet.inventories)
        self.keystone = Keystone(self.env, seed, RequestContext)
        self.glance = Glance()
        self.neutron = Neutron()
        self.computes = {}
        self.reports = {}
        self.busy = 0
        self.servers = {}
        self.names = {}
        self.without_network = set()
        self.strike = {}
        self._groups = {}
        self._context = None
        self.conductor = None

    @property
    def under_way(self) -> int:
        """How many messages are on their way and threads at work."""
        return self.busy + self.broker.on_the_way

    # -- contexts -------------------------------------------------------------------------
    @property
    def context(self):
        """The context of what is done now: a RequestContext, None when nobody asks.

        Unlike in Nova, it is not handed from function to function: it is the thread's, as the one
        that goes into Nova's log lines.

        Source: ``get_current`` in oslo_context/context.py, 6.5.0.
        """
        return self._context or getattr(self.env.active_process, "context", None)

    @contextmanager
    def within(self, context):
        """Do what follows at once in a context; threads that begin there keep it."""
        before, self._context = self._context, context
        try:
            yield
        finally:
            self._context = before

    # -- messages -------------------------------------------------------------------------
    def _latency_s(self, envelope):
        """Return how long an envelope travels. Unlike in Nova, an answer and a fanout take no time."""
        to_one = envelope.exchange == rpc.EXCHANGE
        return self.durations.draw("message") if to_one else 0.0

    def _published(self, envelope):
        """Note what is sent; return whether a fault loses it, and by how much it comes late."""
        content, lost, late_s = envelope.content, False, 0.0
        if envelope.exchange:
            record = message_of(envelope)
            lost, late_s = self.faults.at_message(record.method, record.server, record.instance)
            if lost:
                record = record._replace(lost=True)
            self._calls[content.get("_msg_id")] = record
        elif content["ending"]:
            record = reply_of(envelope, self._calls.pop(content["_msg_id"]))
        else:
            return lost, late_s
        self.envelopes[len(self.trace)] = envelope
        self.trace.append(record)
        return lost, late_s

    # -- servers --------------------------------------------------------------------------
    def uuid_of(self, name) -> str:
        """Return the uuid of a server."""
        return self.servers[name][0]

    def from_row(self, service, name, uuid) -> Instance:
        """Return a service's copy of a server. Raises InstanceNotFound when it is deleted."""
        return self.copy_of(service, name, db.instance_get_by_uuid(service.db_context, uuid))

    def copy_of(self, service, name, row) -> Instance:
        """Return a service's copy of a row that it has found."""
        return Instance(service, name, self.servers[name][1], row)

    def spec_of(self, name):
        """Return the request spec of one server as Nova keeps it: without where it was to go."""
        spec = self.servers[name][1]
        return spec.replace(num_instances=1, requested_destination=None, ignore_hosts=None)

    def save_spec(self, name, spec):
        """Keep another request spec for a server: what moves from now on are asked with."""
        self.servers[name] = self.servers[name][0], spec

    def _named(self, service, uuids):
        found = []
        for uuid in uuids:
            if uuid not in self.names:
                continue  # a migration holds something too
            try:
                found.append(self.from_row(service, self.names[uuid], uuid))
            except exception.InstanceNotFound:
                continue
        return found

    def instances_on(self, compute) -> list[Instance]:
        """Return the servers whose row names the host of a nova-compute."""
        rows = db.instance_get_all_by_host(compute.db_context, compute.host)
        return [self.copy_of(compute, self.names[row["uuid"]], row) for row in rows]

    def instances_allocated(self, compute) -> list[Instance]:
        """Return the servers that hold something of the host in placement."""
        row = self.fleet.rows[compute.host]
        return self._named(compute, self.allocations.on_host(row))

    def wants_network(self, instance) -> bool:
        """Return whether ports were asked for."""
        return instance.uuid not in self.without_network

    # -- hosts ----------------------------------------------------------------------------
    def service_is_up(self, host) -> bool:
        """Return whether Nova believes that the nova-compute of a host is alive."""
        return self.is_up(self.fleet[host].service)

    def is_up(self, service) -> bool:
        """Return whether Nova believes that a service of which it knows this is alive."""
        with conf.using(self.options):
            return servicegroup.API().service_is_up(service)

    def cell_of(self, host) -> str:
        """Return the cell of a host."""
        return self.fleet[host].cell_uuid

    def zones(self) -> set:
        """Return the availability zones that there are."""
        return {self.zone_of(host) for host in self.fleet.rows}

    def zone_of(self, host) -> str:
        """Return the availability zone of a host: what its aggregates say, else "nova".

        Source: ``get_host_availability_zone`` in nova/availability_zones.py, Nova 34.0.0.
        """
        for aggregate in self.fleet[host].aggregates:
            if "availability_zone" in aggregate.metadata:
                return aggregate.metadata["availability_zone"]
        return DEFAULT_ZONE

    def resources_of(self, spec) -> dict:
        """Return the amounts that a request takes, by resource class."""
        return request_filter.resources_from_flavor(spec)[0]

    def touch_deleted(self):
        """Let the hosts report on which a server holds something that was deleted meanwhile."""
        hosts = list(self.fleet.rows)
        for uuid in self.db.deleted_since:
            self.db.touched.update(hosts[row] for row in self.allocations.held.get(uuid, ()))
        self.db.deleted_since.clear()

    def group_of(self, spec, names):
        """Return the cloud's own copy of the server group of a request, with the new members."""
        if spec.instance_group is None:
            return None
        key = id(spec.instance_group)
        if key not in self._groups:
            self._groups[key] = (spec.instance_group.copy(), spec.instance_group)
        group = self._groups[key][0]
        group.members += [name for name in names if name not in group.members]
        if names[0] in self.servers and self.uuid_of(names[0]) in self.db.instances:
            group = group.copy()  # a move: where it is now does not count
            rows = [self._row_of(name) for name in group.members if name not in names]
            group.hosts = [row["host"] for row in rows if row and row["host"]]
        return group

    def _row_of(self, name):
        return self.db.instances.get(self.uuid_of(name)) if name in self.servers else None

    # -- faults ---------------------------------------------------------------------------
    def may_conflict(self, instance, updates, guards):
        """Let a guarded save come too late, if a fault says so."""
        expected = guards[0]
        if expected is None:
            return
        host = instance.service.host
        at = updates.get("task_state"), updates.get("vm_state")
        if self.faults.conflicts(host, instance.name, at):
            actual = task_states.REBOOTING_HARD if None in expected else None
            expected = {"task_state": list(expected)}
            raise db.conflict(instance.uuid, expected, {"task_state": actual})

    def saved(self, instance):
        """Let what waits for a task state strike, now that it is saved."""
        self.reached(instance.service, instance.name, (instance.task_state, instance.vm_state))

    def reached(self, service, name, at):
        """Let a delete arrive or a host die, if a fault says so.

        The host is the one that is at work or, where the controller is, that of the server.
        Raises ServiceStoppedError when it was the service itself that died.
        """
        if self.faults.none:
            return
        host = service.host
        if host not in self.fleet.rows:
            row = self.db.instances.get(self.uuid_of(name)) if name in self.servers else None
            host = row and row["host"]
        if name is not None and self.faults.strikes("delete", host, name, at):
            self.strike["delete"](host, name)
        if host is not None and self.faults.strikes("host_down", host, name, at):
            self.strike["host_down"](host, name)
        if service.stopped:
            raise ServiceStoppedError
