"""One run through the filters and weighers, put together from what a log says of it."""

import math
import re

_RESULTS = re.compile(r"\('\w+', (?:None|\[([^\[\]]*)\])\)")
_COUNTS = re.compile(r"'(\w+): \(start: (\d{1,5}), end: (\d{1,5})\)'")
_PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")


class Pass:
    """One run through the filters and weighers: for one server of a request."""

    def __init__(self, instance, hosts):
        self.instance, self.hosts, self.stage = instance, list(hosts), 0
        self.start, self.left, self.chosen = None, None, ""
        self.before, self.reasons, self.group, self.steps = [], {}, {}, []
        self.weighers, self.ranked = {}, []

    def filters(self):
        """Yield filter, host, passed, reason; follow the names as long as the counts agree."""
        yield from self.before
        named = [*self.hosts, *(self.left or ()), *(h for step in self.steps for h in step[2])]
        named, count = list(dict.fromkeys(named)), self.start
        now = named if len(named) == count else None
        for name, end, reasons, listed in self.steps:
            explained = [host for host in now or () if host not in reasons]
            after = next((x for x in (listed, explained, self.left) if len(x or ()) == end), None)
            stay = set(after or ())
            gone = list(reasons) if now is None or after is None else now
            gone = [host for host in gone if host not in stay]
            removed = len(gone) if count is None else max(count - end, 0)
            for host in _fill(after or [], end):
                yield name, host, True, ""
            for host in _fill(gone, removed):
                yield name, host, False, "; ".join(reasons.get(host) or self.group.get(host, []))
            now, count = after, end

    def weights(self):
        """Yield the rows of the table of weights; a log does not say minval and maxval."""
        for weigher, parts in self.weighers.items():
            raw, normalized, score = (parts.get(p, {}) for p in ("raw", "normalized", "score"))
            for host in {**raw, **normalized, **score}:
                multiplier, weight = score.get(host, (math.nan, math.nan))
                (value,), (weight,) = raw.get(host, [math.nan]), normalized.get(host, [weight])
                ends = math.nan, math.nan
                yield host, weigher, value, *ends, weight, multiplier, multiplier * weight

    def placements(self):
        """Yield the rows of the table of placements, the chosen host first."""
        ranked = sorted(self.ranked, key=lambda one: one[0] != self.chosen)
        for rank, (host, weight) in enumerate(ranked, 1):
            yield host, weight, rank, host == self.chosen, None

    def none_left(self, instance, text):
        """Nova says it twice: at DEBUG with the hosts left by each filter, at INFO with counts."""
        self.instance, counts, results = instance, _COUNTS.findall(text), _RESULTS.findall(text)
        if counts:
            self.start = int(counts[0][1])
            if len(counts) != len(self.steps):  # a log without debug lines
                self.steps = [[name, int(end), {}, None] for name, _, end in counts]
        elif len(results) == len(self.steps):
            for step, hosts in zip(self.steps, results, strict=True):
                step[3] = [name_of(*pair) for pair in _PAIR.findall(hosts)]


def name_of(host, node):
    """Name a compute node: by its host, unless a node of another name runs there (Ironic)."""
    return host if node == host or node.startswith(host + ".") else f"{host}/{node}"


def _fill(names, count):
    return [*names[:count], *["?"] * (count - len(names))]  # "?": counted, but not named
