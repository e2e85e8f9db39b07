"""Read a log of the real nova-scheduler into the tables that a simulated run fills.

Since Nova 25 the weighers write their numbers at DEBUG; the filters have long written counts, and
most of them name the hosts they remove. Nothing in a log is evaluated.
"""

import dataclasses
import functools
import gzip
import json
import math
import os
import re
import types

from labkit.tables import scheduler as tables

_COLUMNS = {
    "weights": tables.WEIGHTS,
    "filters": tables.FILTERS,
    "placements": tables.PLACEMENTS,
    "unread": ["seq", "what", "lines", "first"],
}
_TYPES = {
    "int64": "seq rank lines",
    "float64": "raw minval maxval normalized multiplier score weight",
    "bool": "passed chosen",
    "boolean": "alternate",
}
_DTYPE = {name: dtype for dtype, names in _TYPES.items() for name in names.split()}
_NOTES = {
    "": "no line of this looks like a line of an OpenStack log",
    "INFO": "this log has no weigher lines: set [DEFAULT] debug = true for nova-scheduler",
    "DEBUG": "this log has debug lines but no weigher lines: Nova writes them since release 25 "
    "(Yoga), and only when two or more hosts pass the filters",
    "JSON": "this log is JSON and has no weigher lines: oslo.log's JSON formatter cannot write "
    "them (TypeError, still so in Nova 34); use the plain format",
}
_COLOUR = re.compile(r"(?:\x1b|#033)\[[0-9;]*m")
_HEADER = re.compile(
    r"(?:^|\s)(TRACE|DEBUG|INFO|AUDIT|WARNING|ERROR|CRITICAL) +([A-Za-z_][\w.]*) "
    r"(?:\[([^\]]*)\] )?(?:\[instance: ([^\]]*)\] +)?(.*)"
)
_SUFFIX = re.compile(r" (?:\{\{.*\}\}|\S+ \S+\.py:\d+)$")  # devstack's and oslo.log's
_WEIGHER = re.compile(r"(\w+): (raw|normalized|score) (?:weights|\(multiplier \* weight\)) \{")
_ITEM = re.compile(  # ('host', 'node'): 1.0  or  ('host', 'node'): '1.0 * 0.5'
    r"\('([^']*)', '([^']*)'\): (?:np\.\w+\()?'?([^\s,'(){}]+)(?: \* ([^\s,'(){}]+))?[')]?"
    r"(?:, |\}$)"
)
_STATE = (  # how a HostState shows itself
    r"\(([^,()\s]+), ([^,()\s]+)\) ram: \S+MB disk: \S+MB io_ops: \S+ instances: [^\s,\]]+"
    r"(?:, allocation_candidates: \d+)?"
)
_STATES, _REMOVED = re.compile(_STATE), re.compile(_STATE + r" ([a-z].*)")
_WEIGHED = re.compile(rf"WeighedHost \[host: {_STATE}, weight: ([^\]\s]+)\]")
_GROUP = re.compile(r"Group (?:anti-affinity: .* on host|affinity: check if) (\S+) (?:is less|in) ")
_FIELD = {  # what HostManager does before the filters, and the field of the request behind it
    "ignoring hosts:": "ignore_hosts",
    "forcing available hosts to": "force_hosts",
    "forcing available nodes to": "force_nodes",
    "only checking host": "requested_destination",
}
_BEFORE = re.compile(rf"Host filter ({'|'.join(_FIELD)}) ?(.*?)(?: and node .*)?$")
_COUNT = re.compile(r"(?:Starting with|Filter (\w+) returned) (\d{1,5}) host(?:\(s\)|s)$")
_NONE_LEFT = re.compile(r"Filtering removed all hosts .* instance ID '([^']*)'\. .*\]$")
_OURS = re.compile(  # a line that begins like this and was not understood is cut or changed
    r"Starting (?:to schedule for|with )|Filter \w+ returned|Filtering removed|Filtered |Weighed "
    r"|Selected host|Host filter|\w+: (?:raw weights|normalized weights|score \()"
)
_RESULTS = re.compile(r"\('\w+', (?:None|\[([^\[\]]*)\])\)")
_COUNTS = re.compile(r"'(\w+): \(start: (\d{1,5}), end: (\d{1,5})\)'")
_PAIR = re.compile(r"\('([^']*)', '([^']*)'\)")


@dataclasses.dataclass(frozen=True)
class Log:
    """What one log says: ``weights``, ``filters``, ``placements``; ``unread`` and ``notes``.

    The columns are those of a simulated run. Logs do not say minval and maxval (NaN), nor who is
    an alternate (NA); a host that is counted but not named is "?"; what Nova weighs once more, to
    find alternates, has the instance "alternates"; a request that comes again under its id gets
    "#2". ``unread``: the kinds of lines that gave no fact, how many, and the first of each.
    """

    lines: int
    notes: tuple[str, ...]
    rows: dict = dataclasses.field(repr=False)

    def _frame(self, table):
        import pandas as pd

        columns, rows = _COLUMNS[table], self.rows[table]
        frame = pd.DataFrame([(seq, *row) for seq, row in enumerate(rows)], columns=columns)
        return frame.astype({name: _DTYPE.get(name, "str") for name in columns})

    weights = functools.cached_property(lambda self: self._frame("weights"))
    filters = functools.cached_property(lambda self: self._frame("filters"))
    placements = functools.cached_property(lambda self: self._frame("placements"))
    unread = functools.cached_property(lambda self: self._frame("unread"))


def read(path_or_lines) -> Log:
    """Read the log of a nova-scheduler: a path (also .gz), a text, or lines in their order.

    Lines of several requests may be mixed: they are told apart by request id. A text is a string
    with a line end in it. Numbers are the ones Nova wrote, bit for bit.

    >>> log = read("DEBUG nova.weights [-] RAMWeigher: raw weights {('cn-1', 'cn-1'): 3072}\\n")
    >>> log.weights[["host", "weigher", "raw"]].values.tolist()
    [['cn-1', 'RAMWeigher', 3072.0]]

    Source: the LOG calls of nova/weights.py, nova/filters.py, nova/scheduler/manager.py and
    nova/scheduler/host_manager.py, Nova 25 to 34.0.0.
    """
    if isinstance(path_or_lines, str) and "\n" in path_or_lines:
        return _Reader().read(path_or_lines.splitlines())
    if isinstance(path_or_lines, (str, os.PathLike)):
        opener = gzip.open if os.fspath(path_or_lines).endswith(".gz") else open
        with opener(path_or_lines, "rt", encoding="utf-8", errors="replace") as lines:
            return _Reader().read(lines)
    return _Reader().read(path_or_lines)


@dataclasses.dataclass
class _Step:
    """What a log says of one filter: how many it left, whom it removed why, whom it left."""

    filter: str
    left: int
    reasons: dict
    listed: list | None = None


class _Pass:
    """One run through the filters and weighers: for one server of a request."""

    def __init__(self, instance, hosts):
        self.instance, self.hosts, self.stage = instance, list(hosts), 0
        self.start, self.left, self.chosen = None, None, ""
        self.before, self.reasons, self.group, self.steps = [], {}, {}, []
        self.weighers, self.ranked = {}, []

    def filters(self):
        """Yield filter, host, passed, reason; follow the names as long as the counts agree."""
        yield from self.before
        named = [*self.hosts, *(self.left or ())]
        named += [host for step in self.steps for host in step.listed or ()]
        count, hosts = self.start, list(dict.fromkeys(named))
        hosts = hosts if len(hosts) == count else None  # the names of those who enter, if known
        for step in self.steps:
            passed = self._passed(step, hosts)
            for host in _fill(passed or [], step.left):
                yield step.filter, host, True, ""
            known = step.reasons if hosts is None or passed is None else hosts
            stay = set(passed or ())
            fallen = [host for host in known if host not in stay]
            removed = len(fallen) if count is None else max(count - step.left, 0)
            for host in _fill(fallen, removed):
                reasons = step.reasons.get(host) or self.group.get(host, [])
                yield step.filter, host, False, "; ".join(reasons)
            hosts, count = passed, step.left

    def _passed(self, step, hosts):
        """The names of those who passed: as many as were counted, else None."""
        unexplained = [host for host in hosts or () if host not in step.reasons]
        for names in (step.listed, unexplained, self.left):
            if len(names or ()) == step.left:
                return names
        return None

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
                self.steps = [_Step(name, int(end), {}) for name, _, end in counts]
        elif len(results) == len(self.steps):
            for step, hosts in zip(self.steps, results, strict=True):
                step.listed = [name_of(*pair) for pair in _PAIR.findall(hosts)]


def name_of(host, node):
    """Name a compute node: by its host, unless a node of another name runs there (Ironic)."""
    return host if node == host or node.startswith(host + ".") else f"{host}/{node}"


def _fill(names, count):
    return [*names[:count], *["?"] * (count - len(names))]  # "?": counted, but not named


class _Reader:
    def __init__(self):
        self.rows = {table: [] for table in _COLUMNS}
        self.requests, self.levels, self.instance = {}, {""}, None

    def read(self, lines):
        unread, number = {}, 0
        for line in lines:
            number += 1
            if what := self._line(line):
                unread.setdefault(what, [0, str(line).strip()[:200]])[0] += 1
        for request in self.requests.values():
            self._close(request)
        self.rows["unread"] = [(what, *found) for what, found in unread.items()]
        note = next(n for n in ("JSON", "DEBUG", "INFO", "") if n in self.levels)
        return Log(number, () if self.rows["weights"] else (_NOTES[note],), self.rows)

    def _line(self, line):
        """Take one line; return what it is when it gives no fact."""
        line = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        line = _COLOUR.sub("", line).strip()
        if line.startswith("{"):
            line = self._json(line)
        header = _HEADER.search(line)
        if not header:
            return "no log header" if line else ""
        level, logger, ids, instance, text = header.groups()
        self.levels |= {"INFO", "DEBUG"} if level == "DEBUG" else {"INFO"}
        if level == "DEBUG" and (suffix := _SUFFIX.search(text, max(0, len(text) - 400))):
            text = text[: suffix.start()]
        request = [word for word in (ids or "").split() if word.startswith("req-")]
        try:
            self.instance = instance
            known = self._fact(request[-1] if request else "", text)
        except ValueError:
            return f"cut or changed: {logger}"
        return "" if known else f"other: {logger}"

    def _json(self, line):
        """Rewrite a line of oslo.log's JSON formatter, or of a container's log, as plain text."""
        try:
            fields = json.loads(line)
            if "levelname" not in fields:
                return str(fields.get("log") or fields.get("MESSAGE") or line)
            ids = fields["context"].get("request_id")
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
            return line
        self.levels.add("JSON")
        text = " ".join(str(fields.get("message")).split())
        return f"{fields['levelname']} {fields.get('name')} [{ids}] {text}"

    def _pass(self, name, stage, again=False):
        """Return the pass that a line of this *stage* belongs to; a step back begins the next."""
        request = self._request(name)
        now = request.now
        if now is None or stage < now.stage or (stage == now.stage and not again):
            self._close(request)
            servers = request.servers
            instance = servers.pop(0) if servers else "" if servers is None else "alternates"
            now = request.now = _Pass(instance, request.hosts)
        now.stage = stage
        return now

    def _request(self, name):
        new = types.SimpleNamespace(name=name, times=0, servers=None, hosts={}, now=None)
        return self.requests.setdefault(name, new)

    def _close(self, request):
        if now := request.now:
            who = request.name + (f"#{request.times}" if request.times > 1 else ""), now.instance
            for table in ("filters", "weights", "placements"):
                self.rows[table] += ((*who, *row) for row in getattr(now, table)())
        request.now = None

    def _fact(self, name, text):
        """Note what *text* says; return False for a line of another kind."""
        for pattern, note in _FACTS:
            if found := pattern.match(text):
                note(self, name, found)
                return True
        if _OURS.match(text):
            raise ValueError(text)
        return False

    # -- what a line says; *name* is its request, *found* the match ---------------------------
    # The stages of a pass: 1 before the filters, 2 their start, 3 each of them, 4 who is left,
    # 5 each weigher, 6 the order, 7 the host that is selected.
    def _weighed_by(self, name, found):
        weigher, part = found[1], found[2]
        values = _values(found)
        now = self._request(name).now
        again = now is None or part not in now.weighers.get(weigher, ())
        now = self._pass(name, 5, again)
        now.weighers.setdefault(weigher, {})[part] = values

    def _counted(self, name, found):
        if found[1] is None:
            self._pass(name, 2).start = int(found[2])
        else:
            now = self._pass(name, 3, again=True)
            now.steps.append(_Step(found[1], int(found[2]), now.reasons))
            now.reasons = {}

    def _removed(self, name, found):
        now = self._pass(name, 3, again=True)
        now.reasons.setdefault(name_of(found[1], found[2]), []).append(found[3])

    def _not_in_group(self, name, found):
        self._pass(name, 3, again=True).group[found[1]] = [found.string]

    def _none_left(self, name, found):
        self._pass(name, 3, again=True).none_left(found[1], found.string)

    def _filtered(self, name, found):
        left = [name_of(*host) for host in _STATES.findall(found.string)]
        self._pass(name, 4).left = left
        self._request(name).hosts = dict.fromkeys(left)

    def _ranked(self, name, found):
        weighed = _WEIGHED.findall(found.string)
        self._pass(name, 6).ranked = [(name_of(*host), float(weight)) for *host, weight in weighed]

    def _selected(self, name, found):
        now = self._pass(name, 7)
        now.chosen, now.instance = name_of(found[1], found[2]), self.instance or now.instance
        self._close(self._request(name))

    def _before_the_filters(self, name, found):
        now, names = self._pass(name, 1, again=True), found[2].split(", ")
        ignored = found[1] == "ignoring hosts:"
        for host in dict.fromkeys([*now.hosts, *filter(None, names)]):
            stays = (host in names) != ignored
            now.before.append((_FIELD[found[1]], host, stays, "" if stays else found.string))
        gone = {host for _, host, stays, _ in now.before if not stays}
        now.hosts = [host for host in now.hosts or names if host not in gone]

    def _host_state(self, name, found):
        fields = r"\bhost", "visor_hostname"
        host, node = (re.search(field + r"='([^']*)'", found.string) for field in fields)
        if host and node:
            self._request(name).hosts[name_of(host[1], node[1])] = None

    def _schedule(self, name, found):
        request = self._request(name)
        self._close(request)
        request.times += 1
        request.servers, request.hosts = re.findall(r"'([^']*)'", found.string) or None, {}

    def _too_few(self, name, found):
        self._close(self._request(name))

    def _no_candidates(self, name, found):
        fact = "allocation_candidates", "?", False, found.string
        self._pass(name, 1, again=True).before.append(fact)
        self._close(self._request(name))


#: What a line looks like, and what notes the fact in it; the first that fits.
_FACTS = (
    (_WEIGHER, _Reader._weighed_by),
    (_COUNT, _Reader._counted),
    (_REMOVED, _Reader._removed),
    (_GROUP, _Reader._not_in_group),
    (_NONE_LEFT, _Reader._none_left),
    (re.compile(r"Filtered .*\]\)?$"), _Reader._filtered),
    (re.compile(r"Weighed .*\]\]$"), _Reader._ranked),
    (re.compile(rf"Selected host: .*?{_STATE}"), _Reader._selected),
    (_BEFORE, _Reader._before_the_filters),
    (re.compile(r"Update host state from compute node: "), _Reader._host_state),
    (re.compile(r"Starting to schedule for.*(?:\]|None)$"), _Reader._schedule),
    (re.compile(r"There are .*instances requested to build"), _Reader._too_few),
    (re.compile(r"Got no allocation candidates"), _Reader._no_candidates),
)


def _values(weigher):
    """{host: (raw,) or (normalized,) or (multiplier, weight)} of a weigher's line."""
    text, values, at, numbers = weigher.string, {}, weigher.end(), 1 + (weigher[2] == "score")
    while at < len(text):
        item = _ITEM.match(text, at)
        if not item or (item[4] is not None) != (numbers == 2):
            raise ValueError(text)
        values[name_of(item[1], item[2])] = tuple(map(float, item.groups()[2 : 2 + numbers]))
        at = item.end()
    if text[-1] != "}":
        raise ValueError(text)
    return values
