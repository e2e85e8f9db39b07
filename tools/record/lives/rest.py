"""The answers of the API: every action in every pair of states, asked over REST.

The row of a server is put into a pair of states, the action is asked for with every message to
another service stubbed out, and the status and the words of the answer are noted.
"""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import objects
from nova.db.main import api as db_api
from oslo_utils import timeutils

from tools.record.lives import cloud as nova_cloud
from tools.record.lives.cloud import IMAGE, working_as
from tools.record.lives.guards import TASK_STATES, VM_STATES
from tools.record.lives.tables import Table
from tools.record.lives.trace import error_of

# name: what is POSTed to /servers/{id}/action, or the method, the rest of the path and the body
ACTIONS = {
    "stop": {"os-stop": None},
    "start": {"os-start": None},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
    "suspend": {"suspend": None},
    "resume": {"resume": None},
    "reboot_soft": {"reboot": {"type": "SOFT"}},
    "reboot_hard": {"reboot": {"type": "HARD"}},
    "rescue": {"rescue": {"adminPass": "secret"}},
    "unrescue": {"unrescue": None},
    "rebuild": {"rebuild": {"imageRef": IMAGE}},
    "resize": {"resize": {"flavorRef": "big"}},
    "confirmResize": {"confirmResize": None},
    "revertResize": {"revertResize": None},
    "migrate": {"migrate": None},
    "live_migrate": {"os-migrateLive": {"host": None, "block_migration": "auto"}},
    "evacuate": {"evacuate": {}},
    "shelve": {"shelve": None},
    "shelveOffload": {"shelveOffload": None},
    "unshelve": {"unshelve": None},
    "createImage": {"createImage": {"name": "snap"}},
    "createBackup": {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}},
    "changePassword": {"changePassword": {"adminPass": "new"}},
    "trigger_crash_dump": {"trigger_crash_dump": None},
    "lock": {"lock": None},
    "unlock": {"unlock": None},
    "resetState": {"os-resetState": {"state": "error"}},
    "delete": ("DELETE", "", None),
    "softDelete": ("DELETE", "", None),  # a delete with reclaim_instance_interval set
    "forceDelete": {"forceDelete": None},
    "restore": {"restore": None},
    "getConsoleOutput": {"os-getConsoleOutput": {}},
    "rename": ("PUT", "", {"server": {"name": "renamed"}}),
    "update_metadata": ("POST", "/metadata", {"metadata": {"k": "v"}}),
}
# Put into every pair of these; a row that says deleted is not found at all.
ROW_STATES = [state for state in VM_STATES if state != "deleted"]
ARMS = [(state, None) for state in ROW_STATES] + [("active", task) for task in TASK_STATES[1:]]
IDLE = [(state, None) for state in ROW_STATES]
# name: the pairs it is asked in, what is different about the row, and who asks
VARIANTS = {
    "locked_user": (ARMS, {"locked": True, "locked_by": "owner"}, "user"),
    "locked_admin": (IDLE, {"locked": True, "locked_by": "owner"}, "admin"),
    "locked_by_admin_user": (IDLE, {"locked": True, "locked_by": "admin"}, "user"),
    "user": (IDLE, {}, "user"),
    "not_launched": (IDLE, {"launched_at": None}, "admin"),
    "no_host": (IDLE, {"host": None, "node": None, "launched_at": None}, "admin"),
    "host_down": (IDLE, {}, "admin"),
}


def record(names):
    """The answers to the named actions, in every pair of states and in each variant."""
    found = {}
    nova_cloud.run(lambda cloud: found.update(Rest(cloud).ask_all(names)))
    return found


class Rest:
    """A server whose row is put into states, and an API that nobody hears."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.sent = []
        self.host_up = True
        self.pristine = False
        self.users = {"admin": cloud.admin_api, "user": cloud.api_fixture.api}
        self.users["user"].microversion = "latest"
        cloud.boot()
        self.deafen()

    def deafen(self):
        """Nothing that the API asks others to do happens; it is noted."""

        def cast(_self, _context, method, **_kwargs):
            self.sent.append(method)

        def call(_self, _context, method, **_kwargs):
            self.sent.append(method)
            return "console" if method == "get_console_output" else None

        stub = self.cloud.stub_out
        stub("oslo_messaging.rpc.client._BaseCallContext.cast", cast)
        stub("oslo_messaging.rpc.client._BaseCallContext.call", call)
        # A delete that finds no compute would remove the row.
        note_local = "nova.compute.api.API._local_delete"
        stub(note_local, lambda *args, **kwargs: self.sent.append("(local delete)"))
        stub("nova.compute.api.API._local_delete_cleanup", lambda *args, **kwargs: None)
        stub("nova.objects.Instance.destroy", lambda *args: self.sent.append("(row destroyed)"))
        up = "nova.servicegroup.api.API.service_is_up"
        stub(up, lambda _self, _member: self.host_up)

    def ask_all(self, names):
        """The answers, by action."""
        found = {}
        for name in names:
            reclaim = 300 if name in ("softDelete", "restore", "forceDelete") else 0
            self.cloud.flag(None, "reclaim_instance_interval", reclaim)
            table = Table()
            # evacuation needs a host that is down, everything else one that is up
            self.host_up = name != "evacuate"
            matrix = {
                state: [table.index(self.answer(name, state, task)) for task in TASK_STATES]
                for state in ROW_STATES
            }
            variants = {}
            for variant, (pairs, values, user) in VARIANTS.items():
                self.host_up = (name != "evacuate") != (variant == "host_down")
                variants[variant] = {
                    f"{state}/{task}": table.index(self.answer(name, state, task, values, user))
                    for state, task in pairs
                }
            self.host_up = True
            variants["build_request"] = table.index(self.answer_unbuilt(name))
            found[name] = {"answers": table.rows, "matrix": matrix, "variants": variants}
        return found

    def answer_unbuilt(self, name):
        """What the API says of a server of which there is nothing but the BuildRequest."""
        cloud, built = self.cloud, self.cloud.server_id
        status, reply = cloud.request("POST", "/servers", cloud.create_body())
        if status != 202:
            raise AssertionError(f"create: {status} {reply}")
        cloud.server_id = reply["server"]["id"]
        self.sent.clear()
        status, reply = self.send(name, "admin")
        answer = {"http_status": status}
        answer |= {"error": error_of(reply)} if status >= 400 else {"sent": list(self.sent)}
        cloud.request("DELETE", "/servers/{id}")
        cloud.server_id = built
        return answer

    def send(self, name, user):
        """Ask for an action; the status and the reply."""
        request = ACTIONS[name]
        method, tail, body = request if isinstance(request, tuple) else ("POST", "/action", request)
        return self.cloud.request(method, "/servers/{id}" + tail, body, self.users[user])

    def answer(self, name, vm_state, task_state, values=None, user="admin"):
        """What the API says, and what it has made of the task state and sent."""
        cloud = self.cloud
        self.put(vm_state, task_state, values or {})
        self.sent.clear()
        status, reply = self.send(name, user)
        if status >= 400:
            return {"http_status": status, "error": error_of(reply)}
        with cloud.cell_context() as ctxt:
            row = db_api.instance_get_by_uuid(ctxt, cloud.server_id)
        self.pristine = False
        answer = {"http_status": status, "sent": list(self.sent)}
        for column, before in (("vm_state", vm_state), ("task_state", task_state)):
            if row[column] != before:
                answer[column] = row[column]
        return answer

    def put(self, vm_state, task_state, values):
        """Put the row into a pair of states, with what that implies."""
        cloud = self.cloud
        row = {
            "vm_state": vm_state,
            "task_state": task_state,
            "host": "host1",
            "node": "host1",
            "locked": False,
            "locked_by": None,
            "launched_at": timeutils.utcnow(),
            "image_ref": IMAGE,
        }
        if vm_state == "shelved_offloaded":
            row |= {"host": None, "node": None}
        if vm_state == "building":
            row |= {"launched_at": None}
        with cloud.cell_context() as ctxt, working_as("test"):
            if (self.pristine, vm_state) != (True, "resized"):
                self.put_migration(ctxt, vm_state)
            db_api.instance_update(ctxt, cloud.server_id, row | values)
        self.pristine = vm_state == "resized"

    def put_migration(self, ctxt, vm_state):
        """The one finished migration of a server that is resized; else none."""
        uuid = self.cloud.server_id
        filters = {"instance_uuid": uuid, "status": ["finished", "confirming", "reverting"]}
        for migration in objects.MigrationList.get_by_filters(ctxt, filters):
            migration.status = "error"
            migration.save()
        if vm_state != "resized":
            return
        flavor = objects.Flavor.get_by_flavor_id(ctxt, "big")
        attributes = ["flavor", "system_metadata"]
        instance = objects.Instance.get_by_uuid(ctxt, uuid, expected_attrs=attributes)
        instance.old_flavor, instance.new_flavor = instance.flavor, flavor
        instance.system_metadata["old_vm_state"] = "active"
        instance.save()
        objects.Migration(
            ctxt,
            instance_uuid=uuid,
            status="finished",
            source_compute="host2",
            source_node="host2",
            dest_compute="host1",
            old_instance_type_id=instance.flavor.id,
            new_instance_type_id=flavor.id,
            migration_type="resize",
        ).create()
