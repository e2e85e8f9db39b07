"""The tables of a decision, and of ``place``; their columns: labkit/tables/__init__.py."""

import copy

import numpy as np

from labkit.nova.scheduler.host_manager import HostState

FILTERS = ["seq", "request", "instance", "filter", "host", "passed", "reason"]
WEIGHTS = "seq request instance host weigher raw minval maxval normalized multiplier score".split()
PLACEMENTS = ["seq", "request", "instance", "host", "weight", "rank", "chosen", "alternate"]
PLACED = ["seq", "request", "instance", "host", "weight", "vcpus", "memory_mb", "disk_gb"]


class Trace:
    """What the scheduler did, kept as it happened; the tables are built when they are read."""

    def __init__(self, fleet, instances, request=0):
        self._fleet = fleet
        self._spec = None
        self._instances = list(instances)
        self._request = request
        self._index = 0
        self._stages = []
        self._weighings = []
        self._choices = []

    # -- written by the scheduler -------------------------------------------------------
    def begin(self, fleet, spec_obj, index):
        """Note the state of the fleet before the index-th server is placed."""
        self._index = index
        if index:
            self._fleet = fleet.copy()
        self._spec = copy.copy(spec_obj)
        if spec_obj.instance_group is not None:
            self._spec.instance_group = spec_obj.instance_group.copy()

    def stage(self, name, before, after, reason):
        """Note who entered a stage, who left it, and a function that tells why the others fell."""
        self._stages.append((self._index, name, before.rows, after.rows, self._fleet, reason))

    def filter(self, filter_, before, after, spec_obj):
        """Note what one filter did."""
        spec = self._spec

        def reason(host_state):
            return filter_.reason(host_state, spec)

        self.stage(type(filter_).__name__, before, after, reason)

    def weighing(self, hosts):
        """Note the hosts that are weighed next."""
        self._weighings.append((self._index, hosts, []))

    def weigher(self, weigher, raw, minval, maxval, normalized, multiplier, score):
        """Note what one weigher said, as arrays of n or as one number for all."""
        name = type(weigher).__name__
        raw = np.array(raw)  # the fleet's own column changes when a host is booked
        self._weighings[-1][2].append((name, raw, minval, maxval, normalized, multiplier, score))

    def chosen(self, hosts, weights, position):
        """Note the order of the hosts and the position of the one that was taken."""
        self._choices.append((self._index, hosts, weights, position))

    # -- read by people -----------------------------------------------------------------
    @property
    def weighings(self):
        """List of (index, Hosts, weighers); a weigher is a tuple, as in ``weigher`` below."""
        return self._weighings

    def removed_by(self, host, index=0):
        """Return (stage, reason) of the stage that removed a host, or None."""
        row = self._fleet.rows[host]
        for when, name, before, after, fleet, reason in self._stages:
            if when <= index and row in before and row not in after:
                return name, reason(HostState(fleet, row))
        return None

    def filters(self):
        """Build the table ``filters``."""
        import pandas as pd

        parts = []
        for index, name, before, after, fleet, reason in self._stages:
            left = set(after.tolist())
            rows = before.tolist()
            parts.append(
                pd.DataFrame(
                    {
                        "instance": self._instances[index],
                        "filter": name,
                        "host": [fleet.texts["host"][row] for row in rows],
                        "passed": [row in left for row in rows],
                        "reason": [
                            "" if row in left else reason(HostState(fleet, row)) for row in rows
                        ],
                    }
                )
            )
        return self._finish(parts, FILTERS)

    def weights(self):
        """Build the table ``weights``."""
        import pandas as pd

        parts = []
        for index, hosts, weighers in self._weighings:
            names = hosts.names
            for name, raw, minval, maxval, normalized, multiplier, score in weighers:
                values = {
                    "raw": raw,
                    "minval": _end(minval),
                    "maxval": _end(maxval),
                    "normalized": normalized,
                    "multiplier": multiplier,
                    "score": score,
                }
                columns = {"instance": self._instances[index], "host": names, "weigher": name}
                for key, value in values.items():
                    columns[key] = np.broadcast_to(np.asarray(value, dtype=float), len(names))
                parts.append(pd.DataFrame(columns))
        return self._finish(parts, WEIGHTS)

    def placements(self, selections):
        """Build the table ``placements``."""
        import pandas as pd

        parts = []
        for index, hosts, weights, position in self._choices:
            chosen = np.zeros(len(hosts), dtype=bool)
            chosen[position] = True
            alternates = selections[index].alternates if index < len(selections) else []
            names = hosts.names
            order = sorted(range(len(names)), key=lambda place: place != position)
            frame = pd.DataFrame(
                {
                    "instance": self._instances[index],
                    "host": names,
                    "weight": weights,
                    "chosen": chosen,
                    "alternate": [name in alternates for name in names],
                }
            )
            frame = frame.iloc[order] if position else frame
            parts.append(frame.assign(rank=np.arange(1, len(names) + 1)))
        return self._finish(parts, PLACEMENTS)

    def _finish(self, parts, columns):
        import pandas as pd

        if not parts:
            return pd.DataFrame({name: [] for name in columns})
        table = pd.concat(parts, ignore_index=True)
        table["seq"] = np.arange(len(table))
        table["request"] = self._request
        return table[columns]


def placed(rows):
    """Build the table ``placed`` from tuples in the order of its columns after ``seq``."""
    import pandas as pd

    columns = zip(*rows, strict=True) if rows else [()] * len(PLACED[1:])
    table = pd.DataFrame({"seq": np.arange(len(rows))})
    for name, values in zip(PLACED[1:], columns, strict=True):
        table[name] = pd.Series(values, dtype=object if name == "host" else None)  # None stays
    return table


def _end(value):
    return np.nan if value is None else float(value)
