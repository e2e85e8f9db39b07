"""A server as it was at an earlier moment, what the API would have answered, what hosts had of it."""

from types import SimpleNamespace

from labkit.neighbours import arguments
from labkit.nova import clock, exception
from labkit.nova.api.openstack import servers
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.compute import power_state

#: What ``holdings_at`` reads of the table ``holdings``.
HOLDINGS = "t_s instance host what consumer value".split()
_LOCKS = {"compute/api.py:lock": True, "compute/api.py:unlock": False}


class History:
    """What happened to one server of a cloud so far, and the server after each of these records.

    In: the cloud's Site and the server's name. ``records`` are (seq, record): all that name the
    server, and, where the cloud has no other server, also those that name none (the conductor's
    message to the scheduler, the scheduler's work).
    """

    def __init__(self, site, name):
        self._site, self.name, self.uuid = site, name, site.uuid_of(name)
        names = (name, None) if len(site.servers) == 1 else (name,)
        self.records = [
            (seq, record)
            for seq, record in enumerate(site.clock.records)
            if record.instance in names
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
            if isinstance(record, clock.BuildRequest):
                request = self._requested(record) if record.op == "create" else None
            elif isinstance(record, clock.Save):
                row = self._saved(row, record)
        return request or row

    def answer(self, seq, action, is_admin=True, as_user=None, **arguments) -> tuple[int, str]:
        """Return what the API would have answered to an action after record *seq*.

        Out: the status, and the words of a refusal, as ``Cloud.answer`` gives them for now.
        """
        wanted, instance = servers.find(action, arguments), self.at(seq)
        try:
            if instance is None:
                raise exception.InstanceNotFound(instance_id=self.uuid)
            project_id = self._site.project_asking(self.name, as_user)
            context = self._site.keystone.asking(project_id, is_admin, as_user)
            facts = self._facts(seq, instance)
            servers.refuse(context, action, wanted, instance, facts, arguments)
            if action in ("confirmResize", "revertResize") and not self._finished(seq):
                raise exception.HTTPBadRequest("Instance has not been resized.")
            if action == "evacuate" and facts.host_is_up:
                raise exception.ComputeServiceInUse(host=instance.host)
        except exception.NovaException as error:
            return servers.status_of(error), servers.words_of(error)
        return wanted.status, ""

    def status(self, seq) -> str | None:
        """Return the status that the API showed; None before and after the server's life."""
        instance = self.at(seq)
        return instance and status_from_state(instance.vm_state, instance.task_state)

    def _requested(self, record):
        return self._instance(record.vm_state, record.task_state, unbuilt=True)

    def _instance(self, vm_state, task_state, unbuilt=False):
        return SimpleNamespace(
            uuid=self.uuid,
            display_name=self.name,
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
            row.locked = _LOCKS[record.by]
            row.locked_by = self._locked_as(record, row) if row.locked else None
        return row

    def _locked_as(self, record, row):
        own = self._site.projects_asking[record.request_id] == row.project_id
        return "owner" if own else "admin"

    def _finished(self, seq):
        """Return the sources of the moves that wait for their end after record *seq*."""
        statuses = {
            record.migration: (record.status, record.source)
            for when, record in self.records
            if when <= seq and isinstance(record, clock.Migration)
        }
        return [source for status, source in statuses.values() if status == "finished"]

    def _facts(self, seq, instance):
        finished = self._finished(seq)
        source = finished[0] if finished else instance.host
        return servers.Facts(
            instance.unbuilt,
            self._is_up(instance.host, seq),
            self._is_up(source, seq),
            self._site.fleet.rows,
        )

    def _is_up(self, host, seq):
        if host is None:
            return False
        fields = ("forced_down", "heartbeat_age_s")
        return self._site.is_up({field: self._then(host, field, seq) for field in fields})

    def _then(self, host, field, seq):
        """What Nova knew of a nova-compute after record *seq*: what the next change replaced."""
        site = self._site
        moment = seq + 1, site.clock.records[seq].t_s
        for records, t_s, other, changed, before in site.service_changes:
            if (other, changed) == (host, field) and (records, t_s) > moment:
                return before
        return site.fleet[host].service[field]


def watch(site, drivers):
    """Note from now on which guests and allocations a host has, in ``site.held_changes``.

    Each change is a row of the table ``holdings``.
    """
    hosts = list(site.fleet.rows)

    def note(host, name, what, consumer, value):
        site.held_changes.append(
            (len(site.clock.records), site.clock.env.now, name, host, what, consumer, value)
        )

    def guests_of(host):
        def changed(uuid, state):
            note(host, site.names[uuid], "guest", None, power_state.STATE_MAP.get(state))
            site.db.touched.add(host)

        return changed

    def allocated(consumer, row, resources):
        name = who = site.names.get(consumer)
        if name is None:
            move = next(m for m in site.db.migrations.values() if m["uuid"] == consumer)
            name, who = site.names[move["instance_uuid"]], f"migration {move['id']}"
        value = resources and ", ".join(f"{key} {amount}" for key, amount in resources.items())
        note(hosts[row], name, "allocation", who, value)

    for host, driver in drivers.items():
        driver.guests.on_change = guests_of(host)
    site.allocations.on_change = allocated


def holdings_at(holdings, t_s=None):
    """Return what each host has at a time, or at the end, a DataFrame.

    In: the table ``Cloud.holdings``. Out: a row for each server and host that has something of it:
    instance, host, row, guest, consumer, allocation; empty where it has not, " + " between two.

    >>> import pandas as pd
    >>> columns = "t_s instance host what consumer value".split()
    >>> rows = [(1.0, "web-1", "cn-1", "guest", None, "running"),
    ...         (2.0, "web-1", "cn-1", "allocation", "migration 1", "VCPU 1")]
    >>> holdings_at(pd.DataFrame(rows, columns=columns)).iloc[0].tolist()
    ['web-1', 'cn-1', '', 'running', 'migration 1', 'VCPU 1']
    """
    import pandas as pd

    arguments.table("holdings", holdings)
    if missing := [name for name in HOLDINGS if name not in holdings.columns]:
        raise ValueError(f"holdings has no column {missing[0]}; give Cloud.holdings")
    if t_s is not None:
        arguments.number("t_s", t_s, "a number of seconds")
    table = holdings if t_s is None else holdings[holdings["t_s"] <= t_s]
    last = table.drop_duplicates(["instance", "host", "what", "consumer"], keep="last")
    found = {}
    for row in last.dropna(subset="value").itertuples():
        own = found.setdefault((row.instance, row.host), {"row": "", "guest": ""})
        if row.what == "allocation":
            for name, value in (("consumer", row.consumer), ("allocation", row.value)):
                own[name] = f"{own[name]} + {value}" if name in own else value
        else:
            own[row.what] = row.value
    columns = ["instance", "host", "row", "guest", "consumer", "allocation"]
    rows = [(*key, *(found[key].get(name, "") for name in columns[2:])) for key in sorted(found)]
    return pd.DataFrame(rows, columns=columns)
