"""A cloud on one simulated clock: API, conductor, scheduler, placement and computes."""

import difflib
import gc
import random
from contextlib import contextmanager, suppress

from simpy.core import EmptySchedule

from labkit.cloud import arguments, hosts, leftovers, past
from labkit.cloud import faults as faulty
from labkit.cloud.durations import SnapshotCosts, actions, with_changes
from labkit.cloud.site import CONTROLLER, Site
from labkit.neighbours.arguments import is_whole, shown, truth
from labkit.neighbours.messaging.envelope import Envelope
from labkit.nova import exception
from labkit.nova.api.openstack import servers
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.clock import Request, ServiceStoppedError
from labkit.nova.compute import power_state
from labkit.nova.compute.api import API, server_uuid
from labkit.nova.compute.manager import ComputeManager
from labkit.nova.conductor.manager import ComputeTaskManager
from labkit.nova.db.main import api as db
from labkit.nova.objects.instance import Instance
from labkit.nova.scheduler.fast import FastSchedulerManager
from labkit.nova.scheduler.host_manager import HostManager
from labkit.nova.service import Service, expected
from labkit.tables import broker as broker_tables
from labkit.tables import cloud as tables
from labkit.tables import hosts as host_tables

#: Seconds between two rounds of a periodic task that has no interval of its own.
PERIODIC_S = 60


@contextmanager
def _collecting_seldom():
    # A cloud keeps what happened: Python's garbage collector would look through all of it, again and again.
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Cloud:
    """A Nova with all its services, on a copy of a fleet; time is simulated.

    In: a Fleet, Options (Nova's defaults), a seed for durations and ties, Faults,
    ``{step: (seconds, jitter)}`` for steps that shall not last as data/durations.csv says, and
    ``snapshot_model`` "flat" (files) or "direct" (rbd), ``quota`` for each project as a dict of
    instances, cores, ram in MiB and server_group_members (none by default, -1 is no limit), ``user_quota``, such a dict
    for each of some users, ``driver``, a function of Options that
    returns the hypervisor of a host (LibvirtDriver; by default guests without disks), and how many
    ``schedulers`` take turns: "scheduler", "scheduler@controller-2", ... Raises TypeError or
    ValueError for anything else, KeyError for a fault on an unknown host.

    Each request has a context of its own with a new request id, the same in every run: that of an
    administrator of the server's own project, or with ``is_admin=False`` of an ordinary member.
    ``as_user=`` says more: "admin" is of another project, as administrators are, "other" a member
    of another one; "owner" and his "colleague" are members of the project that the request for the
    server named, "manager" and "reader" have more and less to say in it; or a RequestContext asks
    as it is. Who creates a server has it in his project. Policy answers each as Nova's does.
    The tables (``states``, ``messages``, ...) are DataFrames, built when they are read; their
    columns are described in labkit/tables/__init__.py. ``site`` holds what the services share
    (labkit/cloud/site.py), ``drivers`` the hypervisors by host.

    >>> from labkit import Flavor, Fleet, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"))
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    202
    >>> cloud.settle()
    >>> cloud.show("web-1")["status"]
    'ACTIVE'

    Source: the services of Nova 34.0.0, one conductor; the requests are those of
    nova/api/openstack/compute/servers.py. Unlike Nova, what the fleet says of metrics and PCI
    devices stays as it is: no host reports any.
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
        user_quota=None,
    ):
        site = self.site = Site(
            arguments.fleet(fleet).of_a_cloud(),
            arguments.options(options),
            with_changes(durations),
            int(arguments.seed(seed)),
            arguments.quota(quota),
            arguments.user_quota(user_quota),
        )
        make = arguments.driver(driver, arguments.snapshot_model(snapshot_model))
        with _collecting_seldom():
            self.drivers = {host: make(site.options) for host in fleet.rows}
        past.watch(site, self.drivers)
        self._api = API(Service(site, "api", CONTROLLER))
        site.conductor = ComputeTaskManager(site, CONTROLLER)
        site.conductor.serve("conductor")
        self._schedulers = _schedulers(site, int(seed), schedulers)
        for scheduler in self._schedulers:
            scheduler.serve("scheduler")
        costs = SnapshotCosts.read()
        with _collecting_seldom():
            for host, row in fleet.rows.items():
                hosts.prepare(site, row, self.drivers[host], costs)
                site.reports[host] = hosts.Reports(site.clock.env, self.drivers[host])
                compute = site.computes[host] = ComputeManager(site, host, self.drivers[host])
                compute.rt.stats["failed_builds"] = int(fleet[host].failed_builds)
                compute.update_available_resource()
                compute.serve("compute", "compute-alt")
        site.allocations.mark()
        site.faults.strike["delete"] = lambda host, name: self._later(0.0, name, "delete", {})
        site.faults.strike["host_down"] = lambda host, name: self.host_down(host)
        for fault in faulty.checked(faults):
            self.add_fault(fault)
        if site.options.update_resources_interval >= 0:
            site.clock.env.process(
                self._report(site.options.update_resources_interval or PERIODIC_S)
            )
        interval = site.options.sync_power_state_interval
        self._every("_sync_power_states", interval or PERIODIC_S)
        self._every("_reclaim_queued_deletes", PERIODIC_S)
        if site.options.instance_build_timeout:
            self._every("_check_instance_build_time", PERIODIC_S)
        if site.options.track_instance_changes:
            interval = site.options.scheduler_instance_sync_interval
            if interval >= 0:
                site.clock.env.process(self._sync_schedulers(interval or PERIODIC_S))
        if site.options.resize_confirm_window:
            self._every("_poll_unconfirmed_resizes", PERIODIC_S)
        if site.options.shelved_offload_time > 0:
            self._every("_poll_shelved_instances", site.options.shelved_poll_interval)
        interval = site.options.running_deleted_instance_poll_interval
        self._every("_cleanup_running_deleted_instances", interval or PERIODIC_S)

    # -- the clock ------------------------------------------------------------------------
    @property
    def now(self) -> float:
        """The simulated time in seconds."""
        return self.site.clock.env.now

    def run(self, until_s=60):
        """Let time pass until *until_s*. Raises ValueError for a time that is over."""
        if arguments.time(until_s, self.now, "until_s") > self.now:
            with _collecting_seldom():
                self.site.clock.env.run(until=until_s)

    def settle(self):
        """Let time pass until nothing is under way any more, apart from periodic tasks."""
        with _collecting_seldom(), suppress(EmptySchedule):
            while self.site.under_way:
                self.site.clock.env.step()

    # -- requests to the API --------------------------------------------------------------
    def create(self, name, spec, networks="auto", is_admin=True, as_user=None) -> int:
        """Ask for a server, or for ``spec.num_instances`` of them: "web-1", "web-2" of "web".

        Returns the HTTP status when the API has answered; ``networks="none"`` wants no port. A
        host is forced by ``spec.force_hosts`` or by a zone "zone:host:node".
        Raises Nova's refusal, with its ``code``; ValueError for a name that is taken, TypeError for
        something else than a RequestSpec.

        Source: ``create`` in nova/api/openstack/compute/servers.py, Nova 34.0.0.
        """
        arguments.creation(name, spec, networks, is_admin, as_user)
        return self._until_answered(self._create(name, spec, networks, is_admin, as_user))

    def act(self, name, action, /, is_admin=True, as_user=None, **given) -> int:
        """Ask for an action of a server; return the HTTP status when the API has answered.

        In: an action of the API without "os-" ("stop", "reboot" with ``reboot_type="HARD"``,
        "rename" with ``name=``, "resize" with ``flavor=``, "rebuild" with ``image=``, "migrate",
        "migrateLive" and "evacuate" with ``host=``, "unshelve" with ``host=`` and
        ``availability_zone=``, "lock" with ``locked_reason=``). Raises Nova's refusal, with its ``code``;
        KeyError for an unknown server, ValueError for an unknown action.
        """
        self._check_action(name, action, {"is_admin": is_admin, "as_user": as_user} | given)
        arguments.complete(action, given)
        return self._until_answered(self._request(name, action, is_admin, given, as_user))

    def answer(self, name, action, /, is_admin=True, as_user=None, **given) -> tuple[int, str]:
        """Return what the API would answer to an action now: status, and the words of a refusal.

        In: as for ``act``. Nothing happens. Knows also actions that the lab does not do
        ("getConsoleOutput"). What an action is refused by a host alone, while the API waits for
        it (changePassword), is not foreseen.
        """
        self._check_action(name, action, {"is_admin": is_admin, "as_user": as_user} | given)
        # Without its argument: whether it may at all, whatever the flavor or the migration.
        whole = given or action not in arguments.ABOUT
        if whole:
            arguments.complete(action, given)
        wanted, site = servers.find(action, given), self.site
        context = site.keystone.asking(site.project_asking(name, as_user), is_admin, as_user)
        happened = len(site.clock.records)
        try:
            with site.clock.within(context):
                instance = self._get(name)
                facts = servers.facts_of(self._api, instance)
                servers.refuse(context, action, wanted, instance, facts, given)
                if whole:
                    servers.refuse_arguments(self._api, action, wanted, instance, given)
        except Exception as error:
            if not expected(error):
                raise
            return servers.status_of(error), servers.words_of(error)
        finally:
            del site.clock.records[happened:]  # nobody has asked anything
        return wanted.status, ""

    def at(self, t_s, name, action, /, **given):
        """Ask for an action, or "create" with ``spec=``, at a time to come.

        A refusal is noted in ``requests``. Raises ValueError for a time that is over.
        """
        arguments.time(t_s, self.now, "t_s")
        if not isinstance(action, str) or action != "create":
            arguments.text("name of a server", name)
            self._check_action(name, action, given, may_come=True)
            arguments.complete(action, given)
        else:
            for argument in given:
                arguments.known(
                    argument,
                    ("spec", "networks", "is_admin", "as_user"),
                    "'create' takes no argument",
                )
            arguments.creation(name, **given)
        self._later(t_s - self.now, name, action, given)

    def show(self, name) -> dict | None:
        """Return a server as the API shows it; None when it is deleted or in no cell."""
        uuid = self._uuid(name)
        request = self.site.api_db.build_requests.get(uuid)
        try:
            context = self._api.service.db_context
            row = request.values if request else db.instance_get_by_uuid(context, uuid)
        except exception.InstanceNotFound:
            return None
        power = row["power_state"]
        return {
            "name": row["display_name"],
            "id": uuid,
            "status": status_from_state(row["vm_state"], row["task_state"]),
            "vm_state": row["vm_state"],
            "task_state": row["task_state"],
            "power_state": power_state.STATE_MAP.get(power),
            "host": row["host"],
            "locked": bool(row["locked"]),
        }

    # -- hosts, guests and faults ---------------------------------------------------------
    def driver(self, host):
        """Return the hypervisor driver of a host. Raises KeyError for an unknown host."""
        self.site.fleet[host]
        return self.drivers[host]

    def hypervisor(self, host):
        """Return what a host has; what is changed in it shows in the next report.

        Raises KeyError for an unknown host.

        >>> from labkit import Cloud, Fleet
        >>> cloud = Cloud(Fleet.read("data/two_hosts"))
        >>> cloud.hypervisor("cn-1").memory_mb = 16384
        >>> cloud.run(until_s=59)
        >>> cloud.host_states.free_ram_mb.tolist()
        [3072, 4096]
        >>> cloud.run(until_s=61)
        >>> cloud.host_states.free_ram_mb.tolist()
        [11264, 4096]
        """
        return self.driver(host).host.hypervisor

    def guest_stops(self, name):
        """Let a guest stop by itself; Nova hears of it some seconds later, as libvirt's guests tell.

        With ``handle_virt_lifecycle_events`` off, or while nova-compute is down, only the next
        comparison of the power states finds it.
        """
        self._set_guest(name, power_state.SHUTDOWN)

    def guest_starts(self, name):
        """Let a guest start by itself."""
        self._set_guest(name, power_state.RUNNING)

    def image_deleted(self, image):
        """Let somebody delete an image in glance, whatever is still uploaded to it.

        In: an id of ``images``. Raises KeyError for an unknown one.
        """
        images = self.site.glance.images
        if not isinstance(image, str) or image not in images:
            raise KeyError(f"no image {shown(image)}; there are {', '.join(images)}")
        del images[image]

    def periodic(self, task, host):
        """Run a periodic task of a nova-compute now.

        In: one of ``labkit.cloud.arguments.PERIODIC``. Raises ValueError for another, and for a
        nova-compute that is down.
        """
        arguments.known(task, arguments.PERIODIC, "unknown periodic task")
        compute = self._compute(host)
        if compute.stopped:
            raise ValueError(
                f"the nova-compute of {host} is down, it runs no {task}; host_up first"
            )
        with self.site.clock.within(compute.periodic_context()):
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
        if faulty.checked_one(fault).host is not None:
            self._compute(fault.host)
        if fault.step == "host_down" and fault.at is None:
            self.host_down(fault.host)
            self.site.faults.add(fault, struck=fault.times)
        else:
            self.site.faults.add(fault)

    def host_down(self, host, forced=False):
        """Let a nova-compute die; Nova notices after ``service_down_time``, if *forced* at once.

        What was under way there is never finished; messages wait. The guests go on.
        """
        compute = self._compute(host)
        truth("forced", forced)
        if not compute.stopped:
            compute.stop()
        if forced:
            self._set_service(host, "forced_down", True)
        else:
            self.site.clock.env.process(self._notice(host, compute))

    def host_up(self, host):
        """Start a nova-compute (again): it looks after each of its servers, then reads messages.

        Then it compares each server with its guest and looks for guests of deleted servers, at once;
        Nova waits up to ``periodic_fuzzy_delay``, 60 s, a random time.
        """
        self._compute(host).stop()
        self._set_service(host, "forced_down", False)
        compute = self.site.computes[host] = ComputeManager(self.site, host, self.drivers[host])
        with self.site.clock.within(self.site.keystone.admin_context()):
            compute.start(self._come_up(compute))

    # -- what is left of a server ---------------------------------------------------------
    def books(self, name) -> dict:
        """Return what is left of a server, in every place that keeps something of it.

        Out: ``row`` (None when there never was one), ``build_request``, ``instance_mapping``,
        ``allocations`` by host, ``ports`` (the hosts that they are bound to), ``guests`` by host,
        ``images``, ``actions`` (its action log).
        """
        self._uuid(name)
        return leftovers.of_server(self.site, self.drivers, name)

    def imbalances(self) -> list[str]:
        """Return a sentence for each thing that a server left behind or should have and has not."""
        return leftovers.imbalances(self.site, self.drivers)

    # -- tables of what happened: labkit/tables/cloud.py ----------------------------------
    @property
    def states(self):
        """What each server showed."""
        return tables.states(self.site.clock.records)

    @property
    def saves(self):
        """Every write of a server's row."""
        return tables.saves(self.site.clock.records)

    @property
    def messages(self):
        """Every message between services."""
        return tables.messages(self.site.clock.records)

    @property
    def notifications(self):
        """The notifications that Nova emitted."""
        return tables.notifications(self.site.clock.records)

    @property
    def actions(self):
        """The action logs of all servers."""
        return tables.actions(self.site.clock.records)

    @property
    def calls(self):
        """The calls to the neighbours and the hypervisors."""
        return tables.calls(self.site.clock.records)

    @property
    def migrations(self):
        """Every write of a move's row."""
        return tables.migrations(self.site.clock.records)

    @property
    def holdings(self):
        """What each host has of each server, and since when."""
        return tables.holdings(self.site.clock.records, self.site.held_changes)

    @property
    def faults(self):
        """The errors that the API shows."""
        return tables.faults(self.site.clock.records)

    @property
    def planned_faults(self):
        """The faults that were asked for, how often each has struck so far, and what can meet it."""
        return tables.planned_faults(self.site.faults.struck(), actions())

    @property
    def requests(self):
        """The requests to the API and their answers."""
        return tables.requests(self.site.clock.records)

    @property
    def events(self):
        """Everything in order."""
        return tables.events(self.site.clock.records)

    @property
    def stages(self):
        """The stages of the snapshots."""
        return tables.stages(self.site.clock.records)

    @property
    def host_log(self):
        """What the hosts of libvirt drivers did."""
        return tables.host_log(self.site.clock.records)

    @property
    def images(self):
        """The images that servers were made into."""
        return tables.images(self.site.glance.images)

    # -- tables of how it is now: labkit/tables/hosts.py and broker.py --------------------
    @property
    def reports(self):
        """What the hosts reported of themselves."""
        return host_tables.reports(self.site.reports)

    @property
    def compute_nodes(self):
        """The hosts' rows in the database."""
        return host_tables.compute_nodes(self.site.db.compute_nodes.values())

    @property
    def host_states(self):
        """What a scheduler would read now."""
        return host_tables.host_states(self.site.fleet, self.site.db.compute_nodes.values())

    @property
    def inventories(self):
        """What placement knows of each host and resource class."""
        return host_tables.inventories(self.site.fleet)

    @property
    def queues(self):
        """The queues of the broker, and what waits in them."""
        return broker_tables.queues(self.site.broker)

    def envelope(self, seq) -> Envelope:
        """Return the envelope of a message as it is on the wire: ``body`` is its text.

        In: the ``seq`` of a row of ``messages``. ``message`` is the inner layer: the method and its
        arguments, objects among them with their versions and fields, and under ``_context_`` who
        asks, the token in clear. Raises ValueError for a *seq* that is no message's.

        Unlike in Nova, an argument that the lab does not model is null, and of an object travel
        the fields that the lab models.

        >>> from labkit import Cloud, Flavor, Fleet, RequestSpec
        >>> cloud = Cloud(Fleet.read("data/two_hosts"))
        >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
        202
        >>> envelope = cloud.envelope(cloud.messages.seq[0])
        >>> envelope.exchange, envelope.routing_key, envelope.message["method"]
        ('nova', 'conductor', 'schedule_and_build_instances')

        Source: ``serialize_msg`` in oslo_messaging/_drivers/common.py, 18.3.1.
        """
        envelope = self.site.envelopes.get(seq) if is_whole(seq) else None
        if envelope is None:
            raise ValueError(
                f"seq = {shown(seq)} is no message; those are in the column seq of messages"
            )
        return envelope

    # -- inside: requests -----------------------------------------------------------------
    def _until_answered(self, work):
        return self.site.clock.env.run(until=self._api.service.start(work))

    def _later(self, delay_s, name, action, given):
        self._api.service.start(self._delayed(delay_s, name, action, dict(given)))

    def _delayed(self, delay_s, name, action, given):
        yield self.site.clock.env.timeout(delay_s)
        if action == "create":
            yield from self._create(name, **given)
        else:
            is_admin, as_user = given.pop("is_admin", True), given.pop("as_user", None)
            yield from self._request(name, action, is_admin, given, as_user)

    def _begin_request(self, project_id, is_admin, as_user):
        context = self.site.keystone.context(project_id, is_admin, as_user)
        self.site.projects_asking[context.request_id] = context.project_id
        self.site.clock.env.active_process.context = context
        return context

    def _create(self, name, spec, networks="auto", is_admin=True, as_user=None):
        home = spec.project_id
        context = self._begin_request(home, is_admin, as_user)
        if context.project_id != spec.project_id:
            spec = spec.replace(project_id=context.project_id)
        site, number = self.site, spec.num_instances
        names = [name] if number == 1 else [f"{name}-{k + 1}" for k in range(number)]
        for each in names:
            if each in site.servers:
                raise ValueError(f"there is, or was, a server {each!r}; take another name")
        for each in names:
            uuid = server_uuid(each)
            site.servers[each] = uuid, spec
            site.homes[each] = home
            site.names[uuid] = each
        try:
            yield from self._api.service.step("api", names=names)
            status = yield from servers.create(self._api, context, names, spec, networks)
        except Exception as error:
            for each in names:
                del site.names[site.servers.pop(each)[0]]
            if expected(error):
                self._answered(names, "create", error)
            raise
        self._answered(names, "create", status=status)
        return status

    def _request(self, name, action, is_admin, given, as_user=None):
        project_id = self.site.project_asking(name, as_user)
        context = self._begin_request(project_id, is_admin, as_user)
        try:
            yield from self._api.service.step("api", names=(name,))
            instance = self._get(name)
            status = yield from servers.handle(self._api, context, action, instance, given)
        except Exception as error:
            if expected(error):
                self._answered([name], action, error)
            raise
        self._answered([name], action, status=status)
        return status

    def _answered(self, names, action, error=None, status=202):
        words = ""
        if error is not None:
            status, words = servers.status_of(error), servers.words_of(error)
        for name in names:
            self._api.service.note(Request, name, action, status, words)

    def _get(self, name):
        """The server as the API reads it: from its build request, or from its cell."""
        if name not in self.site.servers:
            raise exception.InstanceNotFound(instance_id=name)
        uuid = self._uuid(name)
        request = self.site.api_db.build_requests.get(uuid)
        if request is not None:
            return request.get_new_instance(self._api.service)
        return Instance.get_by_uuid(self._api.service, uuid)

    def _uuid(self, name):
        if not isinstance(name, str) or name not in self.site.servers:
            near = difflib.get_close_matches(shown(name).strip("'"), self.site.servers, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"no server {shown(name)} was created{hint}")
        return self.site.uuid_of(name)

    def _check_action(self, name, action, given, may_come=False):
        arguments.known(action, tuple(servers.ACTIONS), "unknown action")
        allowed = ("is_admin", "as_user", *servers.ACTIONS[action].arguments)
        for argument, value in given.items():
            arguments.known(argument, allowed, f"{action!r} takes no argument")
            arguments.argument(argument, value)
        if action == "rename" and "name" not in given:
            raise ValueError("'rename' needs a name: act('web-1', 'rename', name='web-2')")
        if not may_come:
            self._uuid(name)

    # -- inside: hosts --------------------------------------------------------------------
    def _compute(self, host):
        self.site.fleet[host]  # a KeyError with the names, if there is no such host
        return self.site.computes[host]

    def _come_up(self, compute):
        # As ``start`` of Service in nova/service.py: if init_host fails, the service is down again.
        try:
            yield from compute.init_host()
        except Exception:
            compute.stop()
            raise
        self._set_service(compute.host, "heartbeat_age_s", 0.0)
        compute.serve("compute", "compute-alt")
        if self.site.options.sync_power_state_interval >= 0:
            self.periodic("_sync_power_states", compute.host)
        if self.site.options.running_deleted_instance_poll_interval >= 0:
            self.periodic("_cleanup_running_deleted_instances", compute.host)

    def _set_guest(self, name, state):
        uuid, host = self._uuid(name), (self.show(name) or {}).get("host")
        # Between a resize and its end there are two; the server's own host comes first.
        for each in sorted(self.drivers, key=lambda each: each != host):
            if uuid in self.drivers[each].guests:
                self.drivers[each].guests[uuid] = state
                return
        raise ValueError(f"{name} has no guest on any host")

    def _set_service(self, host, field, value):
        site, fleet = self.site, self.site.fleet
        before = fleet[host].service[field]
        site.service_changes.append(
            (len(site.clock.records), site.clock.env.now, host, field, before)
        )
        fleet.set_service(host, field, value)

    def _notice(self, host, compute):
        wait = self.site.options.service_down_time  # without a heartbeat
        yield self.site.clock.env.timeout(wait)
        if self.site.computes[host] is compute:
            self._set_service(host, "heartbeat_age_s", float(wait + 1))

    def _every(self, task, interval_s):
        if interval_s > 0:
            self.site.clock.env.process(self._periodically(task, interval_s))

    def _periodically(self, task, interval_s):
        while True:
            yield self.site.clock.env.timeout(interval_s)
            for host, compute in self.site.computes.items():
                if compute.stopped:
                    continue
                if self.site.db.by_host.get(host) or compute.driver.guests:
                    self.periodic(task, host)

    def _sync_schedulers(self, interval_s):
        """Let every host tell the schedulers which servers it has, again and again.

        Unlike Nova, it is no message, and a host that never had a server tells nothing.
        """
        site = self.site
        while True:
            yield site.clock.env.timeout(interval_s)
            for host in list(site.db.by_host):
                if host is not None and not site.computes[host].stopped:
                    uuids = site.computes[host].uuids_of_host()
                    for scheduler in self._schedulers:
                        scheduler.sync_instance_info(host, uuids)

    def _report(self, interval_s):
        """Let every host that has changed report, again and again.

        Unlike Nova, all hosts report at the same moment.
        """
        site = self.site
        while True:
            yield site.clock.env.timeout(interval_s)
            site.touch_deleted()
            touched, site.db.touched = site.db.touched, set()
            for host, compute in site.computes.items():
                if compute.stopped:
                    if host in touched:
                        site.db.touched.add(host)
                elif host in touched or site.reports[host].due:
                    compute.update_available_resource()


def _schedulers(site, seed, count):
    hosts = HostManager(site.options)

    def scheduler(name, host, rng):
        return FastSchedulerManager(hosts, rng, site=site, name=name, host=host)

    services = [scheduler("scheduler", CONTROLLER, random.Random(seed))]
    for number in range(2, arguments.schedulers(count) + 1):
        host = f"{CONTROLLER}-{number}"
        rng = random.Random(f"{seed} {host}")
        services.append(scheduler(f"scheduler@{host}", host, rng))
    return services
