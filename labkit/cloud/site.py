"""What the services of one cloud share: clock, database, messages, neighbours, fleet, faults."""

import uuid as uuids
from contextlib import suppress

from labkit.cloud.durations import Durations
from labkit.cloud.faults import Faults
from labkit.neighbours.glance import Glance
from labkit.neighbours.keystone import Keystone
from labkit.neighbours.messaging import Broker
from labkit.neighbours.neutron import Neutron
from labkit.neighbours.placement import Allocations
from labkit.nova import conf, exception, rpc, servicegroup
from labkit.nova.clock import Clock
from labkit.nova.context import RequestContext
from labkit.nova.db.api import models as api_models
from labkit.nova.db.main import models
from labkit.nova.objects.instance import Instance
from labkit.nova.rpc import message_of, reply_of

#: Where API, conductor and scheduler run.
CONTROLLER = "controller"


class Site:
    """Everything around the services, in one place.

    ``envelopes`` holds each message by the number of its record; ``servers`` maps a name to
    (uuid, spec), ``homes`` to the project that its request named, ``names`` a uuid to its name;
    ``projects_asking`` the id of a request to the project of who asks. ``service_changes`` are (records so far, t_s, host, field, value before) of each change
    of what Nova believes of a nova-compute; ``held_changes`` are the rows of
    ``holdings`` about guests and allocations (labkit/cloud/past.py).
    """

    def __init__(self, fleet, options, durations, seed, quota, user_quota):
        self.clock = Clock()
        self.options = options
        self.service_changes = []
        self.held_changes = []
        self.fleet = fleet
        self.durations = Durations(durations, seed)
        self.faults = Faults(fleet.rows, self._host_of)
        self.db = models.Database()
        self.api_db = api_models.Database()
        self.broker = Broker(self._latency_s, self.clock.env, seed, self._published)
        self.envelopes = {}
        self._calls = {}
        self.allocations = Allocations(fleet.inventories)
        self.keystone = Keystone(self.clock.env, seed, RequestContext)
        self.own_context = RequestContext(is_admin=True, request_id="req-none")
        self.quota = quota
        self.user_quota = {self.keystone.user_id(who): each for who, each in user_quota.items()}
        self.glance = Glance()
        self.neutron = Neutron()
        self.computes = {}
        self.reports = {}
        self.servers = {}
        self.homes = {}
        self.projects_asking = {}
        self.names = {}
        self.without_network = set()
        self._groups = {}
        self.conductor = None

    @property
    def under_way(self) -> int:
        """How many messages are on their way and threads at work."""
        return self.clock.busy + self.broker.on_the_way

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
        self.envelopes[len(self.clock.records)] = envelope
        self.clock.records.append(record)
        return lost, late_s

    # -- servers --------------------------------------------------------------------------
    def uuid_of(self, name) -> str:
        """Return the uuid of a server."""
        return self.servers[name][0]

    def project_asking(self, name, as_user):
        """Return the project of who asks about a server, unless the user has one of his own."""
        if as_user is not None and name in self.homes:
            return self.homes[name]
        return self.servers[name][1].project_id if name in self.servers else None

    def spec_of(self, name):
        """Return the request spec of one server as Nova keeps it: without where it was to go."""
        spec = self.servers[name][1]
        return spec.replace(num_instances=1, requested_destination=None, ignore_hosts=None)

    def save_spec(self, name, spec):
        """Keep another request spec for a server: what moves from now on are asked with."""
        self.servers[name] = self.servers[name][0], spec

    def instances_allocated(self, compute) -> list[Instance]:
        """Return the servers that hold something of the host in placement."""
        found = []
        for uuid in self.allocations.on_host(self.fleet.rows[compute.host]):
            if uuid in self.names:  # a migration holds something too
                with suppress(exception.InstanceNotFound):
                    found.append(Instance.get_by_uuid(compute, uuid))
        return found

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

    def touch_deleted(self):
        """Let the hosts report on which a server holds something that was deleted meanwhile."""
        hosts = list(self.fleet.rows)
        for uuid in self.db.deleted_since:
            self.db.touched.update(hosts[row] for row in self.allocations.held.get(uuid, ()))
        self.db.deleted_since.clear()

    def group_of(self, group, project_id) -> str:
        """Return the uuid of the server group that the cloud has for the one of a request.

        It is made when it is first asked for, with the members and hosts that it has by then, in
        the project that asks if it names none; from then on it is the cloud's own.
        """
        if id(group) not in self._groups:
            uuid = str(uuids.uuid5(uuids.NAMESPACE_DNS, f"group/{len(self._groups) + 1}"))
            self._groups[id(group)] = uuid, group  # kept, so that no other gets its id
            own = self.api_db.instance_groups[uuid] = group.copy()
            own.uuid, own.project_id = uuid, own.project_id or project_id
        return self._groups[id(group)][0]

    def _host_of(self, name):
        row = self._row_of(name)
        return row and row["host"]

    def _row_of(self, name):
        return self.db.instances.get(self.uuid_of(name)) if name in self.servers else None

    # -- what objects tell ----------------------------------------------------------------
    def compute_node_saved(self, service, row, old):
        """Let schedulers see what a nova-compute has written about its host."""
        self.fleet.update_from_compute_node(self.fleet.rows[service.host], row, old)
