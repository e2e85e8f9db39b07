"""What can be asked of a cloud's API, and what it shows."""

import difflib

from labkit.cloud import arguments as cloud_input
from labkit.cloud import leftovers as books
from labkit.cloud.faults import known
from labkit.nova import exception
from labkit.nova.api.openstack import servers
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.clock import Request
from labkit.nova.compute import power_state
from labkit.nova.compute.api import server_uuid
from labkit.nova.service import Thread, expected


class CloudRequests:
    """The part of Cloud that is the API's.

    Each request has a context of its own with a new request id, the same in every run: an
    administrator's, or with ``is_admin=False`` that of an ordinary user of the server's project.

    Source: nova/api/openstack/compute/servers.py, Nova 34.0.0.
    """

    def create(self, name, spec, networks="auto", is_admin=True) -> int:
        """Ask for a server, or for ``spec.num_instances`` of them: "web-1", "web-2" of "web".

        Returns the HTTP status when the API has answered; ``networks="none"`` wants no port.
        Raises Nova's refusal, with its ``code``; ValueError for a name that is taken, TypeError for
        something else than a RequestSpec.

        Source: ``create`` in nova/api/openstack/compute/servers.py, Nova 34.0.0.
        """
        cloud_input.creation(name, spec, networks, is_admin)
        return self._now(self._create(name, spec, networks, is_admin))

    def act(self, name, action, /, is_admin=True, **arguments) -> int:
        """Ask for an action of a server; return the HTTP status when the API has answered.

        In: an action of the API without "os-" ("stop", "reboot" with ``reboot_type="HARD"``,
        "rename" with ``name=``, "resize" with ``flavor=``, "rebuild" with ``image=``,
        "migrate", "migrateLive" and "evacuate" with ``host=``). Raises Nova's refusal, with its ``code``; KeyError for an unknown
        server, ValueError for an unknown action.
        """
        self._check_action(name, action, {"is_admin": is_admin} | arguments)
        cloud_input.complete(action, arguments)
        return self._now(self._request(name, action, is_admin, arguments))

    def answer(self, name, action, /, is_admin=True, **arguments) -> tuple[int, str]:
        """Return what the API would answer to an action now: the status, and the words of a refusal.

        Nothing happens. Knows also actions that the lab does not do ("getConsoleOutput").
        """
        self._check_action(name, action, {"is_admin": is_admin} | arguments)
        wanted = servers.find(action, arguments)
        try:
            instance = self._get(name)
            context = self._site.keystone.asking(instance.project_id, is_admin)
            facts = servers.facts(self._api, instance)
            servers.refuse(context, action, wanted, instance, facts)
        except exception.NovaException as error:
            return servers.status_of(error), servers.words_of(error)
        return wanted.status, ""

    def at(self, t_s, name, action, /, **arguments):
        """Ask for an action, or "create" with ``spec=``, at a time to come; a refusal is noted in
        ``requests``.

        Raises ValueError for a time that is over.
        """
        cloud_input.time(t_s, self.now, "t_s")
        if action != "create":
            cloud_input.text("name of a server", name)
            self._check_action(name, action, arguments, may_come=True)
            cloud_input.complete(action, arguments)
        else:
            for argument in arguments:
                known(argument, ("spec", "networks", "is_admin"), "'create' takes no argument")
            cloud_input.creation(name, **arguments)
        self._later(t_s - self.now, name, action, arguments)

    def show(self, name) -> dict | None:
        """Return a server as the API shows it; None when it is deleted or in no cell."""
        uuid = self._uuid(name)
        request = self._site.db.build_requests.get(uuid)
        try:
            row = request.values if request else self._site.db.instance_get_by_uuid(uuid)
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

    def books(self, name) -> dict:
        """Return what is left of a server, in every place that keeps something of it.

        Out: ``row`` (None when there never was one), ``build_request``, ``instance_mapping``,
        ``allocations`` by host, ``ports`` (the hosts that they are bound to), ``guests`` by host,
        ``images``, ``actions`` (its action log).
        """
        self._uuid(name)
        return books.of_server(self._site, self._drivers, name)

    def imbalances(self) -> list[str]:
        """Return a sentence for each thing that a server left behind or should have and has not."""
        return books.imbalances(self._site, self._drivers)

    # -- inside ---------------------------------------------------------------------------
    def _now(self, work):
        """Run until the API has answered."""
        outcome = []

        def process():
            try:
                outcome.append((yield from work))
            except Exception as error:
                outcome.append(error)

        self._site.env.run(until=Thread(self._site.env, process(), None))
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def _later(self, delay_s, name, action, arguments):
        self._site.busy += 1
        Thread(self._site.env, self._delayed(delay_s, name, action, dict(arguments)), None)

    def _delayed(self, delay_s, name, action, arguments):
        try:
            yield self._site.env.timeout(delay_s)
            if action == "create":
                yield from self._create(name, **arguments)
            else:
                is_admin = arguments.pop("is_admin", True)
                yield from self._request(name, action, is_admin, arguments)
        except Exception as error:
            if not expected(error):
                raise
        finally:
            self._site.busy -= 1

    def _asks(self, project_id, is_admin):
        """Make the current thread that of a new request; return its context."""
        context = self._site.keystone.context(project_id, is_admin)
        self._site.env.active_process.context = context
        return context

    def _create(self, name, spec, networks="auto", is_admin=True):
        context = self._asks(spec.project_id, is_admin)
        site, number = self._site, spec.num_instances
        names = [name] if number == 1 else [f"{name}-{k + 1}" for k in range(number)]
        for each in names:
            if each in site.servers:
                raise ValueError(f"there is, or was, a server {each!r}; take another name")
        for each in names:
            uuid = server_uuid(each)
            site.servers[each] = uuid, spec
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

    def _answered(self, names, action, error=None, status=202):
        words = ""
        if error is not None:
            status, words = servers.status_of(error), servers.words_of(error)
        for name in names:
            self._api.service.note(Request, name, action, status, words)

    def _request(self, name, action, is_admin, arguments):
        asked = self._site.servers.get(name)
        context = self._asks(asked and asked[1].project_id, is_admin)
        try:
            yield from self._api.service.step("api", names=(name,))
            instance = self._get(name)
            status = yield from servers.handle(self._api, context, action, instance, arguments)
        except Exception as error:
            if expected(error):
                self._answered([name], action, error)
            raise
        self._answered([name], action, status=status)
        return status

    def _get(self, name):
        """Return the server as the API reads it: from its build request, or from its cell."""
        if name not in self._site.servers:
            raise exception.InstanceNotFound(instance_id=name)
        uuid = self._uuid(name)
        request = self._site.db.build_requests.get(uuid)
        if request is not None:
            return request.get_new_instance(self._api.service)
        return self._site.from_row(self._api.service, name, uuid)

    def _uuid(self, name):
        if not isinstance(name, str) or name not in self._site.servers:
            near = difflib.get_close_matches(str(name), self._site.servers, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"no server {name!r} was created{hint}")
        return self._site.uuid_of(name)

    def _check_action(self, name, action, arguments, may_come=False):
        known(action, tuple(servers.ACTIONS), "unknown action")
        allowed = ("is_admin", *servers.ACTIONS[action].arguments)
        for argument, value in arguments.items():
            known(argument, allowed, f"{action!r} takes no argument")
            cloud_input.argument(argument, value)
        if action == "rename" and "name" not in arguments:
            raise ValueError("'rename' needs a name: act('web-1', 'rename', name='web-2')")
        if not may_come:
            self._uuid(name)
