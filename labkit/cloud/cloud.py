"""A cloud on one simulated clock: API, conductor, scheduler, placement and computes."""

import math
import random

from labkit import fleet_hosts
from labkit.cloud import arguments as cloud_input
from labkit.cloud import (
    cloud_messages,
    cloud_reports,
    cloud_snapshots,
    cloud_tables,
    holdings,
)
from labkit.cloud import requests as cloud_requests
from labkit.cloud.faults import known
from labkit.cloud.site import CONTROLLER, Site
from labkit.nova.compute import power_state
from labkit.nova.compute.api import API
from labkit.nova.compute.manager import ComputeManager
from labkit.nova.conductor.manager import ComputeTaskManager
from labkit.nova.scheduler.service import SchedulerService
from labkit.nova.service import Service, ServiceStoppedError

#: Seconds between two rounds of a periodic task that has no interval of its own.
PERIODIC_S = 60


class Cloud(
    cloud_requests.CloudRequests,
    cloud_reports.CloudReports,
    cloud_snapshots.CloudSnapshots,
    cloud_tables.CloudTables,
    cloud_messages.CloudMessages,
):
    """A Nova with all its services, on a copy of a fleet; time is simulated.

    In: a Fleet, Options (Nova's defaults), a seed for durations and ties, Faults,
    ``{step: (seconds, jitter)}`` for steps that shall not last as data/durations.csv says, and
    ``snapshot_model`` "flat" (files) or "direct" (rbd), ``quota`` for each project as a dict of
    instances, cores and ram in MiB (none by default), ``driver``, a function of Options that
    returns the hypervisor of a host (LibvirtDriver; by default guests without disks), and how many
    ``schedulers`` take turns: "scheduler", "scheduler@controller-2", ... Raises TypeError or
    ValueError for what is none of these, KeyError for a fault on an unknown host.
    The tables are described in labkit/cloud/cloud_tables.py.

    >>> from labkit import Flavor, Fleet, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"))
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    202
    >>> cloud.settle()
    >>> cloud.show("web-1")["status"]
    'ACTIVE'

    Source: the services of Nova 34.0.0, one conductor. Unlike Nova, what the fleet says of metrics
    and PCI devices stays as it is: no host reports any.
    """

    def __init__(
        self,
        fleet,
        options=None,
        seed=0,
        faults=(),
        durations=None,
        snapshot_model="flat",
        quota=None,
        driver=None,
        schedulers=1,
    ):
        site = Site(
            _own(cloud_input.fleet(fleet)),
            cloud_input.options(options),
            cloud_input.durations(durations),
            cloud_input.seed(seed),
            cloud_input.quota(quota),
        )
        self._site = site
        make = cloud_input.driver(driver, cloud_input.snapshot_model(snapshot_model))
        self._drivers = {host: make(site.options) for host in fleet.rows}
        holdings.watch(site, self._drivers)
        self._api = API(Service(site, "api", CONTROLLER))
        site.conductor = ComputeTaskManager(site)
        site.bus.serve("conductor", None, site.conductor)
        site.bus.serve("scheduler", None, *_schedulers(site, seed, schedulers))
        for host, row in fleet.rows.items():
            site.host_drivers[host] = fleet_hosts.prepare(site, row)
            compute = site.computes[host] = ComputeManager(site, host, self._drivers[host])
            compute.rt.stats["failed_builds"] = int(fleet.columns["failed_builds"][row])
            compute.update_available_resource()
            site.bus.serve("compute", host, compute)
            site.bus.serve("compute-alt", host, compute)
        site.allocations.mark()
        site.strike["delete"] = lambda host, name: self._later(0.0, name, "delete", {})
        site.strike["host_down"] = lambda host, name: self.host_down(host)
        for fault in cloud_input.faults(faults):
            self.add_fault(fault)
        if site.options.update_resources_interval >= 0:
            site.env.process(self._report(site.options.update_resources_interval or PERIODIC_S))
        interval = site.options.sync_power_state_interval
        self._every("_sync_power_states", interval or PERIODIC_S)
        self._every("_reclaim_queued_deletes", PERIODIC_S)
        if site.options.resize_confirm_window:
            self._every("_poll_unconfirmed_resizes", PERIODIC_S)
        if site.options.shelved_offload_time > 0:
            self._every("_poll_shelved_instances", site.options.shelved_poll_interval)

    def run(self, until_s=60):
        """Let time pass until *until_s*. Raises ValueError for a time that is over."""
        if cloud_input.time(until_s, self.now, "until_s") > self.now:
            self._site.env.run(until=until_s)

    def settle(self):
        """Let time pass until nothing is under way any more, apart from what happens by itself."""
        env, site = self._site.env, self._site
        while site.busy and env.peek() < math.inf:
            env.step()

    @property
    def now(self) -> float:
        """The simulated time in seconds."""
        return self._site.env.now

    def driver(self, host):
        """Return the hypervisor driver of a host. Raises KeyError for an unknown host."""
        self._site.fleet[host]
        return self._drivers[host]

    # -- what happens by itself -----------------------------------------------------------
    def guest_stops(self, name):
        """Let a guest stop by itself, unseen by Nova until the power states are compared."""
        self._set_guest(name, power_state.SHUTDOWN)

    def guest_starts(self, name):
        """Let a guest start by itself."""
        self._set_guest(name, power_state.RUNNING)

    def image_deleted(self, image):
        """Let somebody delete an image in glance, whatever is still uploaded to it.

        In: an id of ``images``. Raises KeyError for an unknown one.
        """
        if image not in self._site.glance.images:
            raise KeyError(f"no image {image!r}; there are {', '.join(self._site.glance.images)}")
        del self._site.glance.images[image]

    def periodic(self, task, host):
        """Run a periodic task of a nova-compute now.

        In: one of ``labkit.cloud.arguments.PERIODIC``. Raises ValueError for another, and for a
        nova-compute that is down.
        """
        known(task, cloud_input.PERIODIC, "unknown periodic task")
        compute = self._compute(host)
        if compute.stopped:
            raise ValueError(
                f"the nova-compute of {host} is down, it runs no {task}; host_up first"
            )
        with self._site.within(compute.periodic_context()):
            try:
                work = getattr(compute, task)()
            except ServiceStoppedError:  # a fault: it died of it
                return
            if work is not None:
                compute.start(work)

    def add_fault(self, fault):
        """Add a fault to those that the cloud was made with.

        Raises TypeError for something else, KeyError for an unknown host.
        """
        if cloud_input.fault(fault).host is not None:
            self._compute(fault.host)
        if fault.step == "host_down" and fault.at is None:
            self.host_down(fault.host)
        else:
            self._site.faults.add(fault)

    def host_down(self, host, forced=False):
        """Let a nova-compute die; Nova notices after ``service_down_time``, if *forced* at once.

        What was under way there is never finished; messages wait. The guests go on.
        """
        compute, site = self._compute(host), self._site
        if not compute.stopped:
            compute.stop()
        if forced:
            self._set_service(host, "forced_down", True)
        else:
            site.env.process(self._notice(host, compute))

    def host_up(self, host):
        """Start a nova-compute (again): it looks after each of its servers, then reads messages."""
        self._compute(host).stop()
        self._set_service(host, "forced_down", False)
        compute = self._site.computes[host] = ComputeManager(self._site, host, self._drivers[host])
        with self._site.within(self._site.keystone.admin_context()):
            compute.start(self._come_up(host, compute))

    # -- inside ---------------------------------------------------------------------------
    def _compute(self, host):
        self._site.fleet[host]  # a KeyError with the names, if there is no such host
        return self._site.computes[host]

    def _come_up(self, host, compute):
        """Do what a nova-compute does before it serves; if that fails, it is down again.

        Source: ``start`` of Service in nova/service.py, Nova 34.0.0.
        """
        try:
            yield from compute.init_host()
        except Exception:
            compute.stop()
            raise
        self._set_service(host, "heartbeat_age_s", 0.0)
        self._site.bus.serve("compute", host, compute)
        self._site.bus.serve("compute-alt", host, compute)

    def _set_guest(self, name, state):
        uuid, host = self._uuid(name), (self.show(name) or {}).get("host")
        # Between a resize and its end there are two; the server's own host comes first.
        for each in sorted(self._drivers, key=lambda each: each != host):
            if uuid in self._drivers[each].guests:
                self._drivers[each].guests[uuid] = state
                return
        raise ValueError(f"{name} has no guest on any host")

    def _set_service(self, host, field, value):
        site, fleet = self._site, self._site.fleet
        column, row = fleet.texts[field], fleet.rows[host]
        site.service_changes.append((len(site.trace), site.env.now, host, field, column[row]))
        column[row] = value
        fleet._static = {}  # what a scheduler has read meanwhile keeps its own

    def _notice(self, host, compute):
        """After a while without heartbeats Nova takes the service for dead."""
        wait = self._site.options.service_down_time
        yield self._site.env.timeout(wait)
        if self._site.computes[host] is compute:
            self._set_service(host, "heartbeat_age_s", float(wait + 1))

    def _every(self, task, interval_s):
        if interval_s > 0:
            self._site.env.process(self._periodically(task, interval_s))

    def _periodically(self, task, interval_s):
        while True:
            yield self._site.env.timeout(interval_s)
            for host, compute in self._site.computes.items():
                if not compute.stopped and self._site.db.by_host.get(host):
                    self.periodic(task, host)

    def _report(self, interval_s):
        """Let every host report again and again; one of which nothing has changed is not asked.

        Unlike Nova, all hosts report at the same moment.
        """
        site = self._site
        while True:
            yield site.env.timeout(interval_s)
            site.touch_deleted()
            touched, site.db.touched = site.db.touched, set()
            for host, compute in site.computes.items():
                if compute.stopped:
                    if host in touched:
                        site.db.touched.add(host)
                elif host in touched or site.host_drivers[host].changed:
                    compute.update_available_resource()


def _schedulers(site, seed, count):
    """Return schedulers on hosts of their own, each with its own memory and dice."""
    services = [SchedulerService(site, "scheduler", CONTROLLER, random.Random(seed))]
    for number in range(2, cloud_input.schedulers(count) + 1):
        host = f"{CONTROLLER}-{number}"
        rng = random.Random(f"{seed} {host}")
        services.append(SchedulerService(site, f"scheduler@{host}", host, rng))
    return services


def _own(fleet):
    """Copy a fleet with all that a cloud changes in it."""
    own = fleet.copy()
    own.columns = {name: values.copy() for name, values in fleet.columns.items()}
    own.texts = {name: list(values) for name, values in fleet.texts.items()}
    own.inventories = {name: each.own() for name, each in fleet.inventories.items()}
    own._static = {}
    return own
