"""One cloud: API, conductor, scheduler, placement and computes, real but for the hypervisor."""

import contextlib
import datetime
import json
import pathlib
import sys
import time
import unittest
from unittest import mock

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import context as nova_context
from nova.compute import power_state
from nova.conf import CONF
from nova.db.main import api as db_api
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers
from nova.virt import event as virtevent
from oslo_concurrency import lockutils
from oslo_policy import opts as policy_opts
from oslo_utils import timeutils

from tools.record.lives import driver, hooks_messages, hooks_neighbours, hooks_rows, hooks_steps
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import FAULTS, Fault
from tools.record.lives.hooks_messages import Work
from tools.record.lives.recorder import REC, set_service

IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
IMAGE2 = "a2459075-d96c-40d5-893e-577ff92e721c"
NETWORK = nova_fixtures.NeutronFixture.network_1["id"]
FLAVORS = {
    # name: RAM in MiB, vCPUs, disk in GiB
    "small": (512, 1, 1),
    "big": (1024, 2, 1),
    "huge": (512, 1, 5000),
}
# In the wheel the paste file does not lie where Nova's fixtures look for it.
PASTE = str(pathlib.Path(sys.prefix, "etc", "nova", "api-paste.ini"))
ROUNDS = 10  # that the cloud must be idle in a row before it counts as quiet
PAUSE_S = 0.01
LIMIT_S = 120.0

for hooks in (hooks_rows, hooks_messages, hooks_neighbours, hooks_steps, driver):
    hooks.install()


class Cloud(integrated_helpers.ProviderUsageBaseTestCase):
    """A test case of Nova's whose test is `body`, called with the case once everything is up."""

    compute_driver = "fake.RecordDriver"
    REQUIRES_LOCKING = True
    body = None
    options = ()  # of (group, name, value)
    hosts = ("host1", "host2")  # or a dict of them with their cells

    def setUp(self):
        reset_process()
        self.flags(api_paste_config=PASTE, group="wsgi")
        # Placement's fixture turns this off for the whole process.
        policy_opts.set_defaults(CONF)
        self.flags(enforce_new_defaults=True, group="oslo_policy")
        # The hosts in the order of their names, whatever they have.
        self.useFixture(nova_fixtures.HostNameWeigherFixture())
        for group, name, value in self.options:
            self.flag(group, name, value)
        super().setUp()
        # A fixture's default must not undo ours, nor Nova's own.
        self.flags(api_paste_config=PASTE, group="wsgi")
        self.flags(build_failure_weight_multiplier=1000000.0, group="filter_scheduler")
        for group, name, value in self.options:
            self.flag(group, name, value)
        for host in self.hosts:
            self._start_compute(host, self.hosts[host] if isinstance(self.hosts, dict) else None)
        self.flavors = {}
        for name, (memory_mb, vcpu, disk) in FLAVORS.items():
            self.flavors[name] = self._create_flavor(
                id=name, name=name, memory_mb=memory_mb, vcpu=vcpu, disk=disk, ephemeral=0, swap=0
            )
        self.server_id = None
        self.server_ids = []

    def test_it(self):
        type(self).body(self)

    def flag(self, group, name, value):
        """Set an option until the cloud is gone."""
        self.flags(**{name: value}, **({"group": group} if group else {}))

    # -- asking -------------------------------------------------------------------------
    def request(self, method, path, body=None, api=None):
        """Send a request, with {id} for the server; the status and what came back."""
        kwargs = {"method": method}
        if body is not None:
            kwargs["headers"] = {"Content-Type": "application/json"}
            kwargs["body"] = json.dumps(body)
        response = (api or self.admin_api).api_request(
            path.replace("{id}", self.server_id or ""), **kwargs
        )
        try:
            return response.status_code, response.json()
        except ValueError:
            return response.status_code, None

    def create_body(self, flavor="small", **extra):
        """The body of a request for a server."""
        body = {"name": "web", "imageRef": IMAGE, "networks": [{"uuid": NETWORK}]}
        body["flavorRef"] = flavor
        body.update(extra)
        return {"server": body}

    def created(self, reply):
        """Remember the server of a reply to a create, and its siblings."""
        self.server_id = reply["server"]["id"]
        self.server_ids.append(self.server_id)

    def boot(self, **extra):
        """Create a server and wait until it is up, or in error."""
        status, reply = self.request("POST", "/servers", self.create_body(**extra))
        if status != 202:
            raise AssertionError(f"create: {status} {reply}")
        self.created(reply)
        self.settle(lambda server: server["status"] in ("ACTIVE", "ERROR"))

    def act(self, name, value=None):
        """Ask for an action and wait until nothing moves any more."""
        status, reply = self.request("POST", "/servers/{id}/action", {name: value})
        if status >= 400:
            raise AssertionError(f"{name}: {status} {reply}")
        self.settle()

    def show(self):
        """The server as the API shows it; None when it is gone."""
        status, reply = self.request("GET", "/servers/{id}")
        return reply["server"] if status == 200 else None

    # -- waiting ------------------------------------------------------------------------
    def quiet(self, fault=None):
        """Wait until nothing is under way, but for who waits at a fault or for a lock.

        With a *fault* only until somebody has come to it, if that is earlier.
        """
        end = time.monotonic() + LIMIT_S
        calm = seen = 0
        while calm < ROUNDS and not (fault and fault.arrived.is_set()):
            time.sleep(PAUSE_S)
            calm = calm + 1 if Work.idle() and REC.count == seen else 0
            seen = REC.count
            if time.monotonic() > end:
                raise AssertionError(f"still {Work.running} at work, {FAULTS.waiting} wait")

    def stalled(self):
        """Wait until nothing moves, though somebody may wait for a lock that another holds."""
        calm = seen = 0
        while calm < 3 * ROUNDS:
            time.sleep(PAUSE_S)
            calm = calm + 1 if REC.count == seen and not Work.waiting_messages() else 0
            seen = REC.count

    def settle(self, done=None):
        """Wait until nothing is under way; `done`, asked with the server, must then hold."""
        self.quiet()
        if done is None:
            return
        server = self.show() or {"status": None}
        if not done(server):
            shown = {k: v for k, v in server.items() if "status" in k or "STS" in k}
            raise AssertionError(f"did not get there; {shown} {server.get('fault')}")

    # -- breaking -----------------------------------------------------------------------
    def fault(self, step, **fields):
        """Add a fault; it is forgotten when the scenario is over."""
        fault = Fault(step, **fields)
        FAULTS.append(fault)
        return fault

    def hold(self, step, host=None):
        """Let the next one at *step* wait there."""
        return self.fault(step, host=host, times=1)

    def wait_for(self, fault):
        """Wait until somebody has arrived at a fault."""
        end = time.monotonic() + LIMIT_S
        while not fault.arrived.is_set():
            time.sleep(PAUSE_S)
            if time.monotonic() > end:
                raise AssertionError(f"nobody came to {fault.step}")
        self.stalled()

    def take_down(self, host, forced=True):
        """Stop a compute service; *forced*: and tell Nova that it is down."""
        self.computes[host].stop()
        Work.stopped_hosts.add(host)
        if forced:
            service = self.admin_api.get_services(host=host, binary="nova-compute")[0]
            self.admin_api.put_service(service["id"], {"forced_down": True})

    def crash(self, host):
        """Let a nova-compute die: what it was doing ends where it stands."""
        FAULTS.die()
        self.computes[host].rpcserver.stop()
        self.computes[host].rpcserver_alt.stop()
        # Its locks die with it; here they would outlive it.
        lockutils._semaphores = lockutils.Semaphores()
        lockutils._fair_locks = lockutils.FairLocks()

    def start_again(self, host):
        """Start a new nova-compute where one died; the guests are still there."""
        old = self.computes[host].manager.driver
        load = mock.patch("nova.virt.driver.load_compute_driver", return_value=old)
        with load, working_as(f"compute@{host}"):
            cell = self.host_mappings[host].cell_mapping.name
            self.computes[host] = self.start_service("compute", host, cell)

    # -- on the computes ----------------------------------------------------------------
    def guest(self, host):
        """The server as the hypervisor knows it; its `state` may be set."""
        return self.computes[host].driver.instances[self.server_id]

    def periodic(self, task, host):
        """Run a periodic task of a nova-compute once."""
        with working_as(f"compute@{host}"), self.cell_context() as ctxt:
            getattr(self.computes[host].manager, task)(ctxt)

    def event(self, transition, host="host1"):
        """Let the driver tell its nova-compute what has become of the server's guest."""
        event = virtevent.LifecycleEvent(self.server_id, transition)
        with working_as(f"compute@{host}"):
            self.computes[host].driver.emit_event(event)

    def age(self, column):
        """Move a time in the server's row an hour into the past."""
        with self.cell_context() as ctxt:
            past = timeutils.utcnow() - datetime.timedelta(hours=1)
            db_api.instance_update(ctxt, self.server_id, {column: past})

    def mend(self):
        """After a failed action: the guest runs, and the row says so."""
        self.guest("host1").state = power_state.RUNNING
        with self.cell_context() as ctxt:
            values = {"vm_state": "active", "task_state": None, "power_state": power_state.RUNNING}
            db_api.instance_update(ctxt, self.server_id, values)

    def forget_server(self):
        """Delete the server; the next one is counted as the first again."""
        self.request("DELETE", "/servers/{id}")
        self.quiet()
        self.server_ids = []
        REC.forget()

    def cell_context(self):
        """An admin's context in the cell of the computes; to be used with `with`."""
        return nova_context.target_cell(
            nova_context.get_admin_context(), self.cell_mappings["cell1"]
        )


@contextlib.contextmanager
def working_as(name):
    """What is called inside counts as work of the named service."""
    before = set_service(name)
    try:
        yield
    finally:
        set_service(before)


def reset_process():
    """Nothing of an earlier cloud in this process may be left."""
    FAULTS.clear()
    RecordDriver.snapshot_model = "flat"
    Work.running = 0
    Work.stopped_hosts.clear()
    REC.stop()
    REC.forget()


def run(body, options=(), hosts=("host1", "host2")):
    """Call body(cloud) in a fresh cloud; raise if that failed."""
    members = {"body": staticmethod(body), "options": tuple(options), "hosts": hosts}
    members["NUMBER_OF_CELLS"] = len(set(hosts.values())) if isinstance(hosts, dict) else 1
    case = type("Cloud", (Cloud,), members)("test_it")
    result = unittest.TestResult()
    case.run(result)
    FAULTS.clear()
    sys.excepthook = sys.__excepthook__
    problems = result.errors + result.failures
    if problems:
        raise RuntimeError("\n".join(text for _, text in problems)[-6000:])
