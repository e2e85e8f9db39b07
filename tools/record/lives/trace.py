"""The trace of one scenario: steps of requests and of what followed until the cloud was quiet."""

import contextlib
import json

from tools.record.lives import books
from tools.record.lives.cloud import IMAGE, IMAGE2, NETWORK
from tools.record.lives.hooks_messages import Outbox
from tools.record.lives.hooks_rows import power_name
from tools.record.lives.recorder import REC, mask

NAMES = {IMAGE: "{image}", IMAGE2: "{image2}", NETWORK: "{network}"}


class Trace:
    """Collects the steps of one scenario."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.steps = []
        self.requests = []
        self.api = None  # who asks, if not the administrator

    @contextlib.contextmanager
    def step(self, label, status=None):
        """Record what is done inside until all is quiet; *status*: what the API must then show."""
        self.requests = []
        REC.start()
        yield
        self.cloud.quiet()
        events = REC.stop()
        server = self.cloud.show()
        shown = server and server["status"]
        if status is not None and (shown or "gone") != status:
            raise AssertionError(
                f"{label}: {shown}, not {status}; {server and server.get('fault')}"
            )
        self.steps.append(
            {
                "label": label,
                "requests": self.requests,
                "states": state_rows(events),
                "events": events,
                "final": final(server),
                "books": [books.of_server(self.cloud, uuid) for uuid in self.cloud.server_ids],
                "hosts": books.of_hosts(self.cloud),
            }
        )

    # -- requests, inside a step --------------------------------------------------------
    def ask(self, label, method, path, body=None, api=None):
        """Send a request and note it with its answer, which is returned."""
        # What the API casts is handed over when it has answered: else the two would race.
        with Outbox():
            REC.add("request", label=label)
            status, reply = self.cloud.request(method, path, body, api or self.api)
            REC.add("response", label=label, http_status=status)
        note = {"label": label, "method": method, "path": path, "http_status": status}
        if body is not None:
            note["body"] = named(body)
        if status >= 400:
            note["error"] = error_of(reply)
        self.requests.append(note)
        return status, reply

    def create(self, api=None, **extra):
        """Ask for a server."""
        status, reply = self.ask("create", "POST", "/servers", self.cloud.create_body(**extra), api)
        if status == 202:
            self.cloud.created(reply)

    def act(self, label, name=None, value=None, api=None):
        """Ask for an action; *name* is what the body calls it, if not *label*."""
        self.ask(label, "POST", "/servers/{id}/action", {name or label: value}, api)

    def delete(self, api=None):
        """Ask for the server to be deleted."""
        self.ask("delete", "DELETE", "/servers/{id}", api=api)

    def siblings(self):
        """Find the other servers of a request for several; their names are numbered."""
        reply = self.cloud.request("GET", "/servers?sort_key=display_name&sort_dir=asc")[1]
        self.cloud.server_ids = [server["id"] for server in reply["servers"]]

    # -- whole steps --------------------------------------------------------------------
    def create_step(self, status=None, **extra):
        """A step of one create."""
        with self.step("create", status):
            self.create(**extra)

    def act_step(self, label, name=None, value=None, status=None):
        """A step of one action."""
        with self.step(label, status):
            self.act(label, name, value)

    def delete_step(self, status="gone"):
        """A step of one delete."""
        with self.step("delete", status):
            self.delete()

    def refused(self, label, **extra):
        """A step of a create that the API refuses."""
        with self.step(label):
            self.create(**extra)
        if not self.requests[0].get("error"):
            raise AssertionError(f"{label}: not refused")

    def periodic(self, task, host, status=None):
        """A step of one periodic task of a nova-compute."""
        with self.step(task.lstrip("_"), status):
            self.cloud.periodic(task, host)


def named(body):
    """Names instead of ids in what was sent."""
    text = json.dumps(body, sort_keys=True)
    for value, name in NAMES.items():
        text = text.replace(value, name)
    return json.loads(mask(text))


def error_of(reply):
    """The words of a refusal."""
    if not reply:
        return None
    return mask(next(iter(reply.values()))["message"])


def state_rows(events):
    """One row per change of what the server shows, with who saved it where."""
    rows = []
    for event in events:
        kind, op = event["kind"], event.get("op")
        about = {"by": event["service"], "where": event.get("where")}
        if "instance" in event:
            about["instance"] = event["instance"]
        if kind == "build_request" and op == "create":
            # What the API shows until the conductor has made the row; it has no power state yet.
            states = {"vm_state": event["vm_state"], "task_state": event["task_state"]}
            rows.append(states | {"power_state": None, "status": "BUILD", "store": kind} | about)
        elif kind == "db" and (op == "create" or event.get("changed")):
            row = event["new"] | {"status": event["status"], "store": "instances"}
            rows.append(row | about)
        elif kind == "db" and op == "destroy":
            row = event["new"] | {"status": "DELETED", "store": "instances"}
            rows.append(row | about | {"row": "soft-deleted"})
    return rows


def final(server):
    """The server as the API shows it; None when it is gone."""
    if server is None:
        return None
    fault = server.get("fault") or {}
    return {
        "status": server["status"],
        "vm_state": server["OS-EXT-STS:vm_state"],
        "task_state": server["OS-EXT-STS:task_state"],
        "power_state": power_name(server["OS-EXT-STS:power_state"]),
        "host": server.get("OS-EXT-SRV-ATTR:host"),
        "locked": server.get("locked"),
        "progress": server.get("progress"),
        "fault": mask(fault.get("message")),
    }
