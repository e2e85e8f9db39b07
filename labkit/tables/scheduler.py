"""The tables of a decision, and of ``place``; their columns: labkit/tables/__init__.py."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from labkit.nova.scheduler.fast import FastSchedulerManager
from labkit.nova.scheduler.host_manager import HostManager
from labkit.nova.weights import normalize
from labkit.tables.reasons import reason_of

FILTERS = ["seq", "request", "instance", "filter", "host", "passed", "reason"]
WEIGHTS = "seq request instance host weigher raw minval maxval normalized multiplier score".split()
PLACEMENTS = ["seq", "request", "instance", "host", "weight", "rank", "chosen", "alternate"]
PLACED = ["seq", "request", "instance", "host", "weight", "vcpus", "memory_mb", "disk_gb"]


class Stage(NamedTuple):
    """Who entered a stage before the index-th server was placed, who passed, why others did not.

    ``reasons`` maps the hosts that fell to a sentence, or to a function that returns it.
    """

    index: int
    name: str
    hosts: list[str]
    left: list[str]
    reasons: dict


class Weighed(NamedTuple):
    """What one weigher said of the hosts of a Weighing: n numbers each, or one for all hosts."""

    weigher: str
    raw: object
    minval: float | None
    maxval: float | None
    normalized: object
    multiplier: object
    score: object


class Weighing(NamedTuple):
    """The hosts that were weighed before the index-th server was placed, and each weigher."""

    index: int
    hosts: list[str]
    weighers: list[Weighed]


class Choice(NamedTuple):
    """The hosts by weight, their weights, and the place of the one that was taken."""

    hosts: list[str]
    weights: list[float]
    position: int


class Record:
    """What the scheduler did, as it happened; the tables are built when they are read."""

    def __init__(self, instances, request=0):
        self.instances = list(instances)
        self.request = request
        self.index = 0
        self.stages = []
        self.weighings = []
        self.choices = {}
        self._last = None, []

    def stage(self, name, hosts, left, reason):
        """Note a stage: the hosts before and after, a function that says why a host fell."""
        kept = {id(host) for host in left}
        reasons = {host.node_name: reason(host) for host in hosts if id(host) not in kept}
        before, after = [host.node_name for host in hosts], [host.node_name for host in left]
        self.stages.append(Stage(self.index, name, before, after, reasons))

    def candidates(self, candidates, names):
        """Note what placement was asked; the reasons are made when they are read."""
        for name, before, after, reason in candidates.stages:
            reasons = {
                names[row]: (lambda row=row, reason=reason: reason(row))
                for row in _gone(before, after)
            }
            self._stage(name, before, after, names, reasons)

    def round(self, one, columns, names, spec_obj):
        """Note a Round of the scheduler on columns."""
        for filter_, before, after in one.filtered:
            reasons = {
                names[row]: reason_of(filter_, columns.host_state(row), spec_obj)
                for row in _gone(before, after)
            }
            self._stage(type(filter_).__name__, before, after, names, reasons)
        if not len(one.rows):
            return
        hosts = self._hosts(one.rows, names)
        weighers = [
            Weighed(type(it).__name__, np.array(raw), it.minval, it.maxval, *rest)
            for it, raw, *rest in one.weighed
        ]
        self.weighings.append(Weighing(self.index, hosts, weighers))
        if one.position is not None:
            ranked = names[one.rows[one.order]].tolist()
            self.choices[self.index] = Choice(ranked, one.total[one.order], one.position)

    def _stage(self, name, before, after, names, reasons):
        hosts, left = self._hosts(before, names), self._hosts(after, names)
        self.stages.append(Stage(self.index, name, hosts, left, reasons))

    def _hosts(self, rows, names):
        if rows is not self._last[0]:
            self._last = rows, names[rows].tolist()
        return self._last[1]

    def removed_by(self, host, index=0):
        """Return (stage, reason) of the stage that removed a host, or None."""
        for stage in self.stages:
            if stage.index <= index and host in stage.reasons:
                return stage.name, _said(stage.reasons[host])
        return None

    # -- the tables -----------------------------------------------------------------------
    def filters(self):
        """Build the table ``filters``."""
        rows = [
            (self.instances[stage.index], stage.name, host, *_passed(stage.reasons, host))
            for stage in self.stages
            for host in stage.hosts
        ]
        return self._frame(FILTERS, rows)

    def weights(self):
        """Build the table ``weights``."""
        texts, numbers = [], [[np.zeros(0)] for _ in WEIGHTS[5:]]
        for index, hosts, weighers in self.weighings:
            for name, raw, minval, maxval, *rest in weighers:
                size = len(raw) if np.ndim(raw) else len(hosts)
                texts += [(self.instances[index], host, name) for host in hosts[:size]]
                ends = [np.nan if end is None else end for end in (minval, maxval)]
                for column, value in zip(numbers, (raw, *ends, *rest), strict=True):
                    column.append(np.broadcast_to(np.asarray(value, dtype=float), size))
        table = self._frame(WEIGHTS[:5], texts)
        for name, parts in zip(WEIGHTS[5:], numbers, strict=True):
            table[name] = np.concatenate(parts)
        return table

    def placements(self, selections):
        """Build the table ``placements``."""
        rows = []
        for index, (hosts, weights, position) in self.choices.items():
            alternates = selections[index].alternates if index < len(selections) else []
            order = [position, *(k for k in range(len(hosts)) if k != position)]
            for rank, place in enumerate(order, 1):
                host, weight = hosts[place], float(weights[place])
                rest = rank, place == position, host in alternates
                rows.append((self.instances[index], host, weight, *rest))
        return self._frame(PLACEMENTS, rows)

    def _frame(self, columns, rows):
        import pandas as pd

        if not rows:
            return pd.DataFrame({name: [] for name in columns})
        table = pd.DataFrame(rows, columns=columns[2:])
        table.insert(0, "request", self.request)
        table.insert(0, "seq", np.arange(len(table)))
        return table


def _gone(before, after):
    if len(before) == len(after):
        return []
    return np.setdiff1d(before, after, assume_unique=True).tolist()


def _said(reason):
    return reason() if callable(reason) else reason


def _passed(reasons, host):
    return (False, _said(reasons[host])) if host in reasons else (True, "")


class RecordedFilter:
    """A filter that also notes who passed."""

    def __init__(self, filter_, record):
        self._filter = filter_
        self._record = record
        self.run_filter_for_index = filter_.run_filter_for_index

    def filter_all(self, filter_obj_list, spec_obj):
        """Return what the filter itself returns, and note it."""
        left = self._filter.filter_all(filter_obj_list, spec_obj)
        found = None if left is None else list(left)
        self._record.stage(
            type(self._filter).__name__,
            filter_obj_list,
            found or (),
            lambda host: reason_of(self._filter, host, spec_obj),
        )
        return found


class RecordedWeigher:
    """A weigher that also notes what it said of each host."""

    def __init__(self, weigher, record):
        self._weigher = weigher
        self._record = record

    @property
    def minval(self):
        """The weigher's own."""
        return self._weigher.minval

    @property
    def maxval(self):
        """The weigher's own."""
        return self._weigher.maxval

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Return what the weigher itself returns, and note it."""
        weights = self._weigher.weigh_objects(weighed_obj_list, weight_properties)
        self._raw, self._multipliers = weights, []
        return weights

    def weight_multiplier(self, host_state):
        """Return the weigher's multiplier, and note it; the last one completes the record."""
        value = self._weigher.weight_multiplier(host_state)
        self._multipliers.append(value)
        if len(self._multipliers) == len(self._raw):
            ends = self.minval, self.maxval
            normalized = normalize(self._raw, *ends)
            score = [m * n for m, n in zip(self._multipliers, normalized, strict=True)]
            name, raw = type(self._weigher).__name__, list(self._raw)
            self._record.weighings[-1].weighers.append(
                Weighed(name, raw, *ends, normalized, self._multipliers, score)
            )
        return value


class RecordedHostManager(HostManager):
    """A HostManager whose steps, filters and weighers also note what they do."""

    def __init__(self, host_manager, record):
        self.__dict__.update(vars(host_manager))
        self.record = record
        self.enabled_filters = [RecordedFilter(each, record) for each in self.enabled_filters]
        self.weighers = [RecordedWeigher(each, record) for each in self.weighers]

    def only_in_cell(self, hosts, cell):
        """Note the stage ``cell``."""
        left = super().only_in_cell(hosts, cell)
        self.record.stage("cell", hosts, left, lambda host: f"the host is in {host.cell_uuid}")
        return left

    def get_weighed_hosts(self, hosts, spec_obj):
        """Note which hosts are weighed."""
        names = [host.node_name for host in hosts]
        self.record.weighings.append(Weighing(self.record.index, names, []))
        return super().get_weighed_hosts(hosts, spec_obj)

    def _get_hosts_matching_request(self, hosts, destination):
        left = super()._get_hosts_matching_request(hosts, destination)
        reason = f"the request names the host {destination.host}"
        return self._noted("requested_destination", hosts, left, reason)

    def _strip_ignore_hosts(self, hosts, hosts_to_ignore):
        left = super()._strip_ignore_hosts(hosts, hosts_to_ignore)
        return self._noted("ignore_hosts", hosts, left, "the host is to be ignored")

    def _match_forced_hosts(self, hosts, hosts_to_force):
        left = super()._match_forced_hosts(hosts, hosts_to_force)
        return self._noted("force_hosts", hosts, left, "another host is forced")

    def _match_forced_nodes(self, hosts, nodes_to_force):
        left = super()._match_forced_nodes(hosts, nodes_to_force)
        return self._noted("force_nodes", hosts, left, "another node is forced")

    def _noted(self, name, hosts, left, reason):
        self.record.stage(name, hosts, left, lambda host: reason)
        return left


class RecordedManager(FastSchedulerManager):
    """A scheduler that also notes what it does.

    In: a HostManager, a Record, and what else a SchedulerManager takes.
    """

    def __init__(self, host_manager, record, *args, **kwargs):
        super().__init__(host_manager, *args, **kwargs)
        self.record = record
        self._recorded = RecordedHostManager(host_manager, record)
        self._weighed = []

    @contextmanager
    def _recording(self):
        plain, self.host_manager = self.host_manager, self._recorded
        try:
            yield
        finally:
            self.host_manager = plain

    def get_allocation_candidates(self, spec_obj):
        """Ask placement, and note each condition."""
        candidates = super().get_allocation_candidates(spec_obj)
        if candidates is not None:
            self.record.candidates(candidates, self.host_manager.fleet.providers.names)
        return candidates

    def _get_all_host_states(self, candidates, spec_obj):
        with self._recording():
            return super()._get_all_host_states(candidates, spec_obj)

    def _get_sorted_hosts(self, spec_obj, host_states, index):
        if index in self.record.choices:  # once more, for the alternates
            return super()._get_sorted_hosts(spec_obj, host_states, index)
        self.record.index = index
        with self._recording():
            self._weighed = super()._get_sorted_hosts(spec_obj, host_states, index)
        return self._weighed

    def _consume_selected_host(self, selected_host, spec_obj, instance_uuid):
        hosts = [each.obj.node_name for each in self._weighed]
        weights = [each.weight for each in self._weighed]
        position = hosts.index(selected_host.node_name)
        self.record.choices[self.record.index] = Choice(hosts, weights, position)
        super()._consume_selected_host(selected_host, spec_obj, instance_uuid)

    def _rounds(self, hosts, spec_obj, instance_uuids, claim, whole_order):
        names = self.host_manager.fleet.providers.names
        rounds = super()._rounds(hosts, spec_obj, instance_uuids, claim, whole_order=True)
        for index, one in enumerate(rounds):
            self.record.index = index
            self.record.round(one, hosts.columns, names, spec_obj)
            yield one


def placed(rows):
    """Build the table ``placed`` from tuples in the order of its columns after ``seq``."""
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else [()] * len(PLACED[1:])
    table = pd.DataFrame({"seq": np.arange(len(rows))})
    for name, values in zip(PLACED[1:], columns, strict=True):
        table[name] = pd.Series(values, dtype=object if name == "host" else None)  # None stays
    return table
