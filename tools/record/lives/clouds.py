"""Clouds of several servers in a whole real Nova: cases of tools/record/lives/cloud_cases.py, played.

A case is data: hosts, options and steps. What Nova answered to each step, and how all stood when
nothing moved any more, is what is recorded.
"""

import copy
import datetime

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import context as nova_context
from nova import exception, objects
from nova.compute import power_state
from nova.db.main import api as db_api
from nova.servicegroup.drivers import db as db_driver
from nova.tests.functional.api import client
from oslo_utils import timeutils
from oslo_utils.fixture import uuidsentinel as uuids

from tools.record.lives import (
    books,
    cloud_cases,
    cloud_draws,
    hooks_moves,  # noqa: F401  moves can be made to fail
)
from tools.record.lives import cloud as nova_cloud
from tools.record.lives.cloud import IMAGE, NETWORK, working_as
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import FAULTS, RAISES
from tools.record.lives.hooks_messages import Outbox, Work
from tools.record.lives.hooks_rows import power_name, wrap
from tools.record.lives.trace import error_of

#: Who asks: user, project (None: that of the servers), roles. The user "admin" is an administrator.
USERS = {
    "admin": ("admin", "admin", ["reader", "member", "admin"]),
    "manager": ("manager", None, ["reader", "member", "manager"]),
    "owner": ("fake", None, ["reader", "member"]),
    "colleague": ("colleague", None, ["reader", "member"]),
    "reader": ("reader", None, ["reader"]),
    "other": ("other", "other", ["reader", "member"]),
}
#: What an action is called in the body of a request, if not by its name.
CALLED = {
    "stop": "os-stop",
    "start": "os-start",
    "resetState": "os-resetState",
    "migrateLive": "os-migrateLive",
}
#: What has to be said with an action, if nothing else is.
SAID = {
    "migrateLive": {"host": None, "block_migration": "auto"},
    "evacuate": {},
    "reboot": {"type": "SOFT"},
    "rescue": {"adminPass": "secret"},
    "changePassword": {"adminPass": "new"},
    "createImage": {"name": "snap"},
    "createBackup": {"name": "b", "backup_type": "daily", "rotation": 1},
}
#: Arguments by the names of the API.
NAMED = {"flavor": "flavorRef", "image": "imageRef", "reboot_type": "type"}
CELLS = ("cell1", "cell2")
#: Hosts whose nova-compute says no more that it is alive.
SILENT = set()
FIRST_HOST = "nova.tests.fixtures.nova.HostNameWeigher"


@wrap(db_driver.DbDriver, "_report_state")
def _report_state(original, self, service):
    if service.host not in SILENT:
        original(self, service)


def record(name):
    """What Nova says to a case: one of the recorded, or of random ones "SEED:NUMBER"."""
    seed, colon, number = name.partition(":")
    case = cloud_draws.draw(seed, int(number)) if colon else cloud_cases.load()[name]
    return case | {"nova": play(case)}


def play(case):
    """The answers and states of a case, step by step."""
    found = []

    def body(cloud):
        player = Player(cloud, case)
        for step in case["steps"]:
            found.append(player.step(step))

    options = [(group, name, value(name, each)) for group, name, each in case["options"]]
    options += [("quota", name, -1) for name in ("instances", "cores", "ram")]
    options += [(None, "my_ip", "127.0.0.1")]
    RecordDriver.sizes = case["hosts"]
    SILENT.clear()
    try:
        nova_cloud.run(body, options, {host: size["cell"] for host, size in case["hosts"].items()})
    finally:
        RecordDriver.sizes = {}
    return found


def value(name, given):
    """The value of an option; the weigher that prefers the first host is one of Nova's tests."""
    if name != "weight_classes":
        return given
    return [FIRST_HOST if each == "HostNameWeigher" else each for each in given]


class Player:
    """One case in one cloud."""

    def __init__(self, cloud, case):
        self.cloud = cloud
        self.case = case
        self.ids = {}
        self.groups = {}
        self.held = None
        self.users = {
            name: client.TestOpenStackClient(
                user,
                cloud.api_fixture.base_url,
                project_id=project or cloud.api_fixture.project_id,
                roles=roles,
            )
            for name, (user, project, roles) in USERS.items()
        }
        self.make_aggregates()
        self.make_flavors()
        self.make_images()
        for name, group in case["groups"].items():
            body = {"name": name, "policy": group["policy"]}
            if group["rules"]:
                body["rules"] = group["rules"]
            reply = self.must("owner", "POST", "/os-server-groups", {"server_group": body})
            self.groups[name] = reply["server_group"]["id"]
        self.limit(case["quota"])

    # -- what there is before the first step ----------------------------------------------
    def make_aggregates(self):
        for each in self.case["aggregates"]:
            zone = each["metadata"].get("availability_zone")
            body = {"aggregate": {"name": each["name"], "availability_zone": zone}}
            reply = self.must("admin", "POST", "/os-aggregates", body)
            path = f"/os-aggregates/{reply['aggregate']['id']}/action"
            if len(each["metadata"]) > bool(zone):
                self.must("admin", "POST", path, {"set_metadata": {"metadata": each["metadata"]}})
            for host in each["hosts"]:
                self.must("admin", "POST", path, {"add_host": {"host": host}})

    def make_flavors(self):
        for name, (vcpus, ram, disk, extra) in self.case["flavors"].items():
            flavor = {"id": f"f-{name}", "name": f"f-{name}", "vcpus": vcpus, "ram": ram}
            flavor |= {"disk": disk}
            self.must("admin", "POST", "/flavors", {"flavor": flavor})
            if extra:
                path = f"/flavors/f-{name}/os-extra_specs"
                self.must("admin", "POST", path, {"extra_specs": extra})

    def make_images(self):
        for name, changes in self.case["images"].items():
            image = copy.deepcopy(self.cloud.glance.images[IMAGE])
            image |= {"id": self.image(name), "properties": {}, "size": 0} | changes
            self.cloud.glance.images[image["id"]] = image

    def image(self, name):
        return IMAGE if name == "image" else getattr(uuids, f"image_{name}")

    def limit(self, quota):
        """Set the quota of each project, and that of the owner in his."""
        own, user = self.cloud.api_fixture.project_id, USERS["owner"][0]
        for resource, limit in quota.get("user", {}).items():
            self.limit_one(own, resource, limit, user_id=user)
        for resource, limit in quota.get("project", {}).items():
            for project in {project or own for _, project, _ in USERS.values()}:
                self.limit_one(project, resource, limit)

    def limit_one(self, project, resource, limit, **given):
        context = nova_context.get_admin_context()
        try:
            objects.Quotas.create_limit(context, project, resource, limit, **given)
        except exception.QuotaExists:
            objects.Quotas.update_limit(context, project, resource, limit, **given)

    # -- steps ----------------------------------------------------------------------------
    def step(self, step):
        """Do a step; what was answered, and how all stands then."""
        step = dict(step)
        held = step.pop("held", None)
        if held:
            self.held = self.cloud.hold(held["step"], held.get("host"))
        method = getattr(self, f"do_{step['do']}", None)
        answer = (method or self.act)(**step) if method is None else method(**without(step, "do"))
        if self.held:
            self.cloud.quiet(self.held)
            self.cloud.stalled()
        else:
            self.cloud.quiet()
        return {"answer": answer, "after": self.after()}

    def ask(self, user, method, path, body=None, microversion="latest"):
        """Send a request; the status and what came back."""
        api = self.users[user]
        api.microversion = microversion
        # What the API casts is handed over when it has answered: else the two would race.
        with Outbox():
            return self.cloud.request(method, path, body, api)

    def must(self, *args):
        """Send a request that is to be accepted; what came back."""
        status, reply = self.ask(*args)
        if status >= 400:
            raise AssertionError(f"{args}: {status} {reply}")
        return reply

    def do_create(self, server, flavor, **given):
        """Ask for a server, or for several: a-1, a-2."""
        body = {"name": server, "flavorRef": f"f-{flavor}", "networks": [{"uuid": NETWORK}]}
        body["imageRef"] = self.image(given.get("image", "image"))
        zone = [given.get("zone") or "", given.get("force_host"), given.get("force_node")]
        if any(zone):
            text = ":".join(each or "" for each in zone)
            body["availability_zone"] = text.rstrip(":")
        for name, key in (("host", "host"), ("node", "hypervisor_hostname")):
            if name in given:
                body[key] = given[name]
        count = given.get("count", 1)
        if count > 1:
            body |= {"min_count": given.get("at_least", count), "max_count": count}
        hints = {name: self.hint(name, each) for name, each in given.get("hints", {}).items()}
        if "group" in given:
            hints["group"] = self.groups[given["group"]]
        whole = {"server": body} | ({"os:scheduler_hints": hints} if hints else {})
        status, reply = self.ask(given["user"], "POST", "/servers", whole)
        if status == 202:
            self.ids[server] = reply["server"]["id"]
            if count > 1:
                self.find_siblings(server, count)
        return [status, self.words(status, reply)]

    def find_siblings(self, server, count):
        """Of a request for several: their names are numbered, and only one id was told."""
        del self.ids[server]
        for each in self.must("admin", "GET", "/servers?all_tenants=1")["servers"]:
            if each["name"] in [f"{server}-{k + 1}" for k in range(count)]:
                self.ids[each["name"]] = each["id"]
        self.ids = dict(sorted(self.ids.items()))

    def hint(self, name, given):
        if name in ("same_host", "different_host"):
            return [self.ids[each] for each in given if each in self.ids]
        return given

    def act(self, do, server, user, microversion="latest", **given):
        """Ask for an action of a server; None when there never was one of that name."""
        if server not in self.ids:
            return None
        given = {NAMED.get(name, name): each for name, each in given.items()}
        if "flavorRef" in given:
            given["flavorRef"] = f"f-{given['flavorRef']}"
        if "imageRef" in given:
            given["imageRef"] = self.image(given["imageRef"])
        said = SAID.get(do, {}) | given
        body = {CALLED.get(do, do): said if given or do in SAID else None}
        method, path = "POST", f"/servers/{self.ids[server]}"
        if do == "delete":
            method, body = "DELETE", None
        elif do == "rename":
            method, body = "PUT", {"server": {"name": given["name"]}}
        else:
            path += "/action"
        status, reply = self.ask(user, method, path, body, microversion)
        return [status, self.words(status, reply)]

    def words(self, status, reply):
        return (error_of(reply) or "") if status >= 400 else ""

    def do_host_down(self, host, forced=True):
        self.cloud.take_down(host, forced)

    def do_host_up(self, host):
        if host not in Work.stopped_hosts:
            self.cloud.computes[host].stop()
        Work.stopped_hosts.discard(host)
        self.cloud.start_again(host)
        service = self.cloud.admin_api.get_services(host=host, binary="nova-compute")[0]
        self.cloud.admin_api.put_service(service["id"], {"forced_down": False})

    def do_disable(self, host, status="disabled"):
        service = self.cloud.admin_api.get_services(host=host, binary="nova-compute")[0]
        self.cloud.admin_api.put_service(service["id"], {"status": status})

    def do_enable(self, host):
        self.do_disable(host, "enabled")

    def do_heartbeat(self, host, age_s):
        """A nova-compute was last heard of so long ago."""
        SILENT.add(host)
        with self.in_cell(host) as context:
            service = objects.Service.get_by_compute_host(context, host)
            past = timeutils.utcnow() - datetime.timedelta(seconds=age_s)
            db_api.service_update(context, service.id, {"last_seen_up": past})

    def do_periodic(self, task, host):
        with working_as(f"compute@{host}"), self.in_cell(host) as context:
            getattr(self.cloud.computes[host].manager, task)(context)

    def do_age(self, server, column, seconds):
        """A time in a server's row lies so much further back."""
        with self.in_cell_of(server) as context:
            row = db_api.instance_get_by_uuid(context, self.ids[server])
            past = row[column] - datetime.timedelta(seconds=seconds)
            db_api.instance_update(context, self.ids[server], {column: past})

    def do_guest(self, server, state):
        """A guest stops or starts by itself."""
        for compute in self.cloud.computes.values():
            if self.ids[server] in compute.driver.instances:
                states = {"shutdown": power_state.SHUTDOWN, "running": power_state.RUNNING}
                compute.driver.instances[self.ids[server]].state = states[state]

    def do_quota(self, **quota):
        self.limit(quota)

    def do_fault(self, step, host=None, raises="NovaException", times=1000):
        self.cloud.fault(step, host=host, times=times, raises=RAISES[raises])

    def do_mend(self):
        FAULTS.clear()

    def do_let_go(self):
        if self.held:
            self.held.let_go()
        self.held = None

    # -- looking --------------------------------------------------------------------------
    def in_cell(self, host):
        cell = self.cloud.cell_mappings[self.case["hosts"][host]["cell"]]
        return nova_context.target_cell(nova_context.get_admin_context(), cell)

    def in_cell_of(self, server):
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            nova_context.get_admin_context(), self.ids[server]
        )
        return nova_context.target_cell(nova_context.get_admin_context(), mapping.cell_mapping)

    def after(self):
        """How all stands."""
        names = {uuid: name for name, uuid in self.ids.items()}
        moves, migrations = {}, []
        for migration in self.migrations():
            name = names.get(migration.instance_uuid, "?")
            moves[migration.uuid] = f"migration of {name}"
            kind, status = migration.migration_type, migration.status
            source, dest = migration.source_compute, migration.dest_compute
            migrations.append([name, kind, status, source, dest])
        return {
            "servers": {name: self.shown(uuid) for name, uuid in self.ids.items()},
            "guests": self.guests(names),
            "allocations": self.allocations(names | moves),
            "groups": {name: self.members(uuid, names) for name, uuid in self.groups.items()},
            "migrations": migrations,
        }

    def shown(self, uuid):
        """A server as the API shows it, and all its faults, newest first; None when it is gone."""
        # Later versions show hints too, and Nova's own schema of answers knows too few of them.
        status, reply = self.ask("admin", "GET", f"/servers/{uuid}", microversion="2.96")
        if status != 200:
            return None
        server, row = reply["server"], self.row(uuid)
        return {
            "status": server["status"],
            "vm_state": server["OS-EXT-STS:vm_state"],
            "task_state": server["OS-EXT-STS:task_state"],
            "power_state": power_name(server["OS-EXT-STS:power_state"]),
            "host": server["OS-EXT-SRV-ATTR:host"],
            "locked_by": row and row["locked_by"],
            "flavor": server["flavor"]["original_name"].removeprefix("f-"),
            "faults": [[each["code"], each["message"]] for each in row["faults"]] if row else [],
        }

    def row(self, uuid):
        context = nova_context.get_admin_context(read_deleted="yes")
        for cell in self.cloud.cell_mappings.values():
            with nova_context.target_cell(context, cell) as cctxt:
                try:
                    row = db_api.instance_get_by_uuid(cctxt, uuid)
                except exception.InstanceNotFound:
                    continue
                faults = db_api.instance_fault_get_by_instance_uuids(cctxt, [uuid])[uuid]
                faults = [{"code": f["code"], "message": books.mask(f["message"])} for f in faults]
                return {"locked_by": row["locked_by"], "faults": faults}
        return None

    def guests(self, names):
        found = {}
        for host, compute in sorted(self.cloud.computes.items()):
            here = compute.driver.instances
            found[host] = {names[uuid]: power_name(here[uuid].state) for uuid in here}
        return {host: dict(sorted(guests.items())) for host, guests in found.items() if guests}

    def allocations(self, names):
        found = {}
        for provider in self.cloud._get_all_providers():
            held = self.cloud._get_allocations_by_provider_uuid(provider["uuid"])
            here = [(names.get(who, "?"), each["resources"]) for who, each in held.items()]
            if here:
                found[provider["name"]] = dict(sorted(here, key=lambda pair: pair[0]))
        return found

    def members(self, uuid, names):
        group = self.must("admin", "GET", f"/os-server-groups/{uuid}")["server_group"]
        return sorted(names.get(each, "?") for each in group["members"])

    def migrations(self):
        found = []
        for name in CELLS:
            if name in self.cloud.cell_mappings:
                context = nova_context.get_admin_context(read_deleted="yes")
                with nova_context.target_cell(context, self.cloud.cell_mappings[name]) as cctxt:
                    found += sorted(
                        objects.MigrationList.get_by_filters(cctxt, {}), key=lambda m: m.id
                    )
        return found


def without(given, name):
    """A dict without one of its keys."""
    return {key: each for key, each in given.items() if key != name}
