"""A server as it was at a moment that is over, and what the API would have answered then."""

from types import SimpleNamespace

from labkit.nova import clock as trace
from labkit.nova import exception
from labkit.nova.api.openstack import servers
from labkit.nova.api.openstack.common import status_from_state

_LOCKS = {"compute/api.py:lock": (True, "owner"), "compute/api.py:unlock": (False, None)}


class History:
    """What happened to one server of a cloud so far, and the server after each of these records.

    In: the cloud's Site and the server's name. ``records`` are (seq, record): all that name the
    server, and, where the cloud has no other server, also what names none (the conductor's
    message to the scheduler, the scheduler's work).
    """

    def __init__(self, site, name):
        self._site, self.name, self.uuid = site, name, site.uuid_of(name)
        names = (name, None) if len(site.servers) == 1 else (name,)
        self.records = [
            (seq, record) for seq, record in enumerate(site.trace) if record.instance in names
        ]

    def at(self, seq) -> SimpleNamespace | None:
        """Return the server as the API read it after record *seq*; None before and after its life.

        Out: the columns that the guards ask for, and ``unbuilt``: whether there was a build
        request, which the API reads rather than the row.
        """
        request = row = None
        for when, record in self.records:
            if when > seq:
                break
            if record.instance != self.name:
                continue
            if isinstance(record, trace.BuildRequest):
                request = self._requested(record) if record.op == "create" else None
            elif isinstance(record, trace.Save):
                row = self._saved(row, record)
        return request or row

    def answer(self, seq, action, is_admin=True, **arguments) -> tuple[int, str]:
        """Return what the API would have answered to an action after record *seq*.

        Out: the status, and the words of a refusal, as ``Cloud.answer`` gives them for now.
        """
        wanted, instance = servers.find(action, arguments), self.at(seq)
        try:
            if instance is None:
                raise exception.InstanceNotFound(instance_id=self.uuid)
            context = self._site.keystone.asking(instance.project_id, is_admin)
            servers.refuse(context, action, wanted, instance, self._facts(seq, instance))
        except exception.NovaException as error:
            return servers.status_of(error), servers.words_of(error)
        return wanted.status, ""

    def status(self, seq) -> str | None:
        """Return the status that the API showed; None before and after the server's life."""
        instance = self.at(seq)
        return instance and status_from_state(instance.vm_state, instance.task_state)

    # -- inside ---------------------------------------------------------------------------
    def _requested(self, record):
        return self._instance(record.vm_state, record.task_state, unbuilt=True)

    def _instance(self, vm_state, task_state, unbuilt=False):
        return SimpleNamespace(
            uuid=self.uuid,
            project_id=self._site.servers[self.name][1].project_id,
            vm_state=vm_state,
            task_state=task_state,
            host=None,
            launched_at=None,
            locked=False,
            locked_by=None,
            unbuilt=unbuilt,
        )

    def _saved(self, row, record):
        if record.op == "destroy":
            return None
        if record.op not in ("create", "update"):
            return row
        row = row or self._instance(*record.new[:2])
        row.vm_state, row.task_state = record.new[:2]
        row.host = record.host
        if "launched_at" in record.columns:
            row.launched_at = record.t_s
        if record.by in _LOCKS:
            row.locked, row.locked_by = _LOCKS[record.by]
        return row

    def _facts(self, seq, instance):
        return servers.Facts(
            instance.unbuilt, lambda host: self._is_up(host, seq), lambda: self._resized_from(seq)
        )

    def _resized_from(self, seq):
        """The host that the server's finished resize came from."""
        moves = {
            record.migration: record
            for when, record in self.records
            if when <= seq and isinstance(record, trace.Migration)
        }
        return next((each.source for each in moves.values() if each.status == "finished"), None)

    def _is_up(self, host, seq):
        """Whether Nova believed then that the nova-compute of a host was alive."""
        site = self._site
        row = site.fleet.rows[host]
        now = {name: site.fleet.texts[name][row] for name in ("forced_down", "heartbeat_age_s")}
        t_s = site.trace[seq].t_s
        for when, changed_s, other, field, old in reversed(site.service_changes):
            before = when <= seq or (when == seq + 1 and changed_s == t_s)
            if other == host and not before:
                now[field] = old
        return (
            not now["forced_down"] and abs(now["heartbeat_age_s"]) <= site.options.service_down_time
        )
