"""Read a log of the real nova-scheduler into the tables that a simulated run fills.

Since Nova 25 the weighers write their numbers at DEBUG; the filters have long written counts, and
most of them name the hosts they remove. Nothing in a log is evaluated.
"""

import collections
import dataclasses
import functools
import math
import re
import types

from labkit.tables import log_lines
from labkit.tables import scheduler as tables

_COLUMNS = {
    "weights": tables.WEIGHTS,
    "filters": tables.FILTERS,
    "placements": tables.PLACEMENTS,
    "requests": ["seq", "time", "request", "instance", "outcome", "host"],
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
    "other": "no line of this is nova-scheduler's (nova.scheduler, nova.filters, nova.weights): it "
    "reads like a log of {}",
    "INFO": "this log has no debug lines: with [DEFAULT] debug = true a nova-scheduler also writes "
    "what each filter left and, since release 25 (Yoga), what each weigher said",
    "DEBUG": "this log has debug lines but no weigher lines: Nova writes them since release 25 "
    "(Yoga), and only when two or more hosts pass the filters",
    "JSON": "this log is JSON and has no weigher lines: oslo.log's JSON formatter cannot write "
    "them (TypeError, still so in Nova 34); use the plain format",
    "cut": "{} lines are cut or changed and gave nothing (see unread); the longest line here has "
    "{} characters: look for a limit of what carried the log, or read the file Nova wrote",
    "null": "journalctl leaves long messages out (MESSAGE is null): write the log with --all",
    "unnamed": "{} hosts that were counted and not named are left out of filters, which "
    "takes {} of these",
}
_NULL = "MESSAGE is null"
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
)
_MOST = 100_000  # rows of hosts that are counted, but not named
_SUFFIX = re.compile(  # devstack's, oslo.log's, and devstack's before journald
    r" (?:\{\{.*\}\}|(?:from \(pid=\d+\) )?\S+ \S+\.py:\d+)$"
)
_SCHEDULER = re.compile(r"nova\.(?:filters|weights|scheduler(?!\.(?:client|utils|rpcapi)))\b")
_WEIGHER = re.compile(r"(\w+): (raw|normalized|score) (?:weights|\(multiplier \* weight\)) \{")
_ITEM = re.compile(  # ('host', 'node'): 1.0  or  ('host', 'node'): '1.0 * 0.5'
    r"\('([^']*)', '([^']*)'\): (?:np\.\w+\()?'?([^\s,'(){}]+)(?: \* ([^\s,'(){}]+))?[')]?"
    r"(?:, |\}$)"
)
_STATE = (  # how a HostState shows itself: "ram:1" in 2014, "ram: 1MB" later, then candidates too
    r"\(([^,()\s]+), ((?:[^,()\s]|\([^()]*\))+)\) ram: ?\S+ disk: ?\S+ io_ops: ?\S+ instances: ?[^\s,\]]+"
    r"(?:, allocation_candidates: \d+)?"
)
_RANKED = (  # and a WeighedHost: with a bare name before 2014, and without weight about 2018
    rf"(?:WeighedHost \[host: (?:{_STATE}|([^\s,()]+) ?), weight: ([^\]\s]+)\]|{_STATE})"
)
_REMOVED = re.compile(rf"(Availability Zone .* requested\. )?{_STATE} ((?!pass)[a-z].*)")
_FAILS = re.compile(r"(?:Host \[u?'([^']+)', u?'([^']+)'\]|([^,\s]+), ([^,\s]+)) (fails\b.*)")
_GROUP = re.compile(
    r"Group (?:anti-affinity: .* on host|(?:anti )?affinity: check if) (\S+) (?:is less|(?:not )?in) "
)
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
    r"|Selected host(?!.* failed to consume)|Choosing host|Attempting to build|Host filter"
    r"|\w+: (?:raw weights|normalized weights|score \()"
)
_RESULTS = re.compile(r"\(u?'\w+', (?:None|\[([^\[\]]*)\])\)")
_COUNTS = re.compile(r"'(\w+): \(start: (\d{1,5}), end: (\d{1,5})\)'")
_PAIR = re.compile(r"\(u?'([^']*)', u?'([^']*)'\)")


@dataclasses.dataclass(frozen=True)
class Log:
    """What one log says: ``weights``, ``filters``, ``placements``; ``requests``; ``unread``, ``notes``.

    ``requests`` has a row for each server that was asked for: the time as it stands in the log, the
    request id, the server, "placed", "no host" or "not said", and the host. The columns of the
    other three are those of a simulated run. Logs do not say minval and maxval (NaN), nor who is
    an alternate (NA); a host that is counted but not named is "?"; what Nova weighs once more, to
    find alternates, has the instance "alternates"; a request that comes again under its id gets
    "#2", as does a second pass for a server that is not named (old releases name none). A weight
    that is not logged is NaN. ``unread``: the kinds of lines of which no row came, how many, and
    the first of each.
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
    requests = functools.cached_property(lambda self: self._frame("requests"))
    unread = functools.cached_property(lambda self: self._frame("unread"))


def read(path_or_lines) -> Log:
    """Read the log of a nova-scheduler: a path, a text, lines in their order, or a list of paths.

    Lines of several requests may be mixed: they are told apart by request id. A text is a string
    with a line end in it; a file may be packed (gzip, bzip2, xz). Numbers are the ones Nova
    wrote, bit for bit. Taken off: what syslog, journald, containers and their shippers put around
    a line, and the pieces into which they cut it, if they say so.

    >>> log = read("DEBUG nova.weights [-] RAMWeigher: raw weights {('cn-1', 'cn-1'): 3072}\\n")
    >>> log.weights[["host", "weigher", "raw"]].values.tolist()
    [['cn-1', 'RAMWeigher', 3072.0]]

    Source: the LOG calls of nova/weights.py, nova/filters.py, nova/scheduler/manager.py (in
    old releases filter_scheduler.py) and nova/scheduler/host_manager.py, Nova 2014.1 to 34.0.0.
    """
    return _Reader().read(log_lines.read(path_or_lines))


@dataclasses.dataclass
class _Step:
    # What a log says of one filter: how many it left, whom it removed why, whom it left.
    filter: str
    left: int
    reasons: dict
    listed: list | None = None


class _Pass:
    """One run through the filters and weighers: for one server of a request."""

    def __init__(self, instance, hosts, times):
        self.instance, self.hosts, self.stage, self.times = instance, list(hosts), 0, times
        self.start, self.left, self.chosen, self.lines, self.last = None, None, None, {}, 0
        self.before, self.reasons, self.group, self.steps = [], {}, {}, []
        self.weighers, self.ranked = {}, []
        self.time, self.refused = "", False

    def filters(self, fill):
        """Yield filter, host, passed, reason; follow the names as long as the counts agree."""
        yield from self.before
        named = [*self.hosts, *(self.left or ())]
        named += [host for step in self.steps for host in step.listed or ()]
        count, hosts = self.start, list(dict.fromkeys(named))
        hosts = hosts if len(hosts) == count else None  # the names of those who enter, if known
        for step in self.steps:
            passed = self._passed(step, hosts)
            for host in fill(passed or [], step.left):
                yield step.filter, host, True, ""
            known = step.reasons if hosts is None or passed is None else hosts
            stay = set(passed or ())
            fallen = [host for host in known if host not in stay]
            removed = len(fallen) if count is None else max(count - step.left, 0)
            for host in fill(fallen, removed):
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
        chosen, ranked = self.chosen, self.ranked
        if chosen and chosen[0] not in dict(ranked):
            ranked = [chosen, *ranked]
        first = chosen and chosen[0]
        for rank, (host, weight) in enumerate(sorted(ranked, key=lambda one: one[0] != first), 1):
            yield host, weight, rank, host == first, None

    def request(self):
        """Return the row of the table of requests."""
        if self.chosen:
            return self.time, "placed", self.chosen[0]
        no_host = self.refused or (self.steps and not self.steps[-1].left)
        return self.time, "no host" if no_host else "not said", ""

    def none_left(self, instance, text):
        """Nova says it twice: at DEBUG with the hosts left by each filter, at INFO with counts."""
        self.refused = True
        self.instance, counts, results = instance, _COUNTS.findall(text), _RESULTS.findall(text)
        if counts:
            self.start = int(counts[0][1])
            if len(counts) != len(self.steps):  # a log without debug lines
                known = {step.filter: step.reasons for step in self.steps}
                self.steps = [_Step(n, int(end), known.get(n, {})) for n, _, end in counts]
        elif len(results) == len(self.steps):
            for step, hosts in zip(self.steps, results, strict=True):
                step.listed = [name_of(*pair) for pair in _PAIR.findall(hosts)]


def name_of(host, node):
    """Name a compute node: by its host, unless a node of another name runs there (Ironic)."""
    return host if node == host or node.startswith(host + ".") else f"{host}/{node}"


class _Reader:
    def __init__(self):
        self.rows = {table: [] for table in _COLUMNS}
        self.requests, self.instance, self.unread = {}, None, {}
        self.levels, self.services = set(), collections.Counter()
        self.lines = self.longest = self.unnamed = self.left_out = 0

    def read(self, lines):
        for line in lines:
            self.lines += len(line.pieces)
            self.longest = max(self.longest, *map(len, line.pieces))
            self._take(line)
        self._finish()
        self.rows["unread"] = [(what, *found) for what, found in self.unread.items()]
        return Log(self.lines, tuple(self._notes()), self.rows)

    def _notes(self):
        cut = {what: found[0] for what, found in self.unread.items() if what.startswith("cut")}
        if _NULL in self.unread:
            yield _NOTES["null"]
        if cut:
            yield _NOTES["cut"].format(sum(cut.values()), self.longest)
        if self.left_out:
            yield _NOTES["unnamed"].format(self.left_out, _MOST)
        if self.rows["weights"] or "cut or changed: nova.weights" in cut:
            return
        if self.levels:
            yield _NOTES[next(level for level in ("JSON", "DEBUG", "INFO") if level in self.levels)]
        else:
            service = self.services.most_common(1)[0][0] if self.services else ""
            yield _NOTES["other" if service else ""].format(service)

    def _take(self, line):
        told, what = (self.unread, _NULL) if line.text is None else self._line(line)
        if what.startswith("cut") and len(line.pieces) > 1:  # pieces of different lines
            for piece in line.pieces:
                self._take(line._replace(raw=piece, text=piece, pieces=[piece]))
        elif what:
            told.setdefault(what, [0, line.raw.strip()[:200]])[0] += len(line.pieces)

    def _line(self, line):
        """Return where a line is counted, and what it is."""
        header = log_lines.HEADER.search(line.text)
        if not header:
            return self.unread, "no log header" if line.text else ""
        level, logger, ids, self.instance, text = header.groups()
        ours = _SCHEDULER.match(logger)
        if ours:
            self.levels |= {"INFO", level if level == "DEBUG" else "INFO"}
            self.levels |= {"JSON"} if line.formatted else set()
        else:
            self.services[".".join(logger.split(".")[:2])] += 1
        if suffix := _SUFFIX.search(text, max(0, len(text) - 400)):
            text = text[: suffix.start()]
        request = [word for word in (ids or "").split() if word.startswith("req-")]
        try:
            holder = self._fact(request[-1] if request else "", text, ours)
        except ValueError:
            return self.unread, f"cut or changed: {logger}"
        if not holder:
            return self.unread, f"other: {logger}"
        holder.last = self.lines
        if not holder.time and (when := _TIME.search(line.raw)):
            holder.time = when[0]
        return holder.lines, f"no row: {logger}"

    def _pass(self, name, stage, again=False):
        """Return the pass that a line of this *stage* belongs to; a step back begins the next."""
        request = self._request(name)
        now = request.now
        if now is None or stage < now.stage or (stage == now.stage and not again):
            servers = request.servers
            instance = servers.pop(0) if servers else "" if servers is None else "alternates"
            now = request.now = _Pass(instance, request.hosts, max(1, request.times))
            request.passes.append(now)
            request.waiting[instance] = now
        now.stage = stage
        return now

    def _request(self, name):
        new = types.SimpleNamespace(
            name=name,
            times=0,
            servers=None,
            hosts={},
            now=None,
            passes=[],
            waiting={},
            lines={},
            time="",
        )
        return self.requests.setdefault(name, new)

    def _fill(self, names, count):
        """Return *count* names; "?" for who is counted, but not named, as long as there is room."""
        unnamed = max(0, count - len(names))
        if self.unnamed + unnamed > _MOST:
            self.left_out += unnamed
            unnamed = 0
        self.unnamed += unnamed
        return [*names[:count], *["?"] * unnamed]

    def _passes(self):
        """Yield each pass, its request, and the names of request and server for its rows."""
        for request in self.requests.values():
            more, known = 0, set()
            for now in request.passes:
                while (times := now.times + more, now.instance) in known:  # a retry
                    more += 1
                known.add((times, now.instance))
                again = f"#{times}" if times > 1 else ""
                yield now, request, (request.name + again, now.instance)

    def _finish(self):
        idle, told = [], set()
        for now, request, who in sorted(self._passes(), key=lambda one: one[0].last):
            rows = {
                "filters": list(now.filters(self._fill)),
                "weights": list(now.weights()),
                "placements": list(now.placements()),
            }
            for table, found in rows.items():
                self.rows[table] += [(*who, *row) for row in found]
            if now.instance != "alternates" and any(rows.values()):
                time, *outcome = now.request()
                self.rows["requests"].append((time, *who, *outcome))
            if not any(rows.values()):
                idle.append(now.lines)
                continue
            told.add(request.name)
            if now.reasons:
                first = "; ".join(next(iter(now.reasons.values())))
                idle.append({"no row: a filter without a name": [len(now.reasons), first]})
        idle += [one.lines for one in self.requests.values() if one.name not in told]
        for what, (count, first) in (found for lines in idle for found in lines.items()):
            self.unread.setdefault(what, [0, first])[0] += count

    def _fact(self, name, text, ours):
        """Note what *text* says; return the pass or request that holds it, None if it says nothing."""
        for pattern, note in _FACTS if ours else _FACTS_OF_ALL:
            if found := pattern.match(text):
                return note(self, name, found)
        if ours and _OURS.match(text):
            raise ValueError(text)
        return None

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
        return now

    def _counted(self, name, found):
        if found[1] is None:
            now = self._pass(name, 2)
            now.start = int(found[2])
        else:
            now = self._pass(name, 3, again=True)
            now.steps.append(_Step(found[1], int(found[2]), now.reasons))
            now.reasons = {}
        return now

    def _removed(self, name, found):
        *names, reason = filter(None, found.groups())
        now = self._pass(name, 3, again=True)
        now.reasons.setdefault(name_of(*names[-2:]), []).append("".join([*names[:-2], reason]))
        return now

    def _not_in_group(self, name, found):
        now = self._pass(name, 3, again=True)
        now.group[found[1]] = [found.string]
        return now

    def _none_left(self, name, found):
        now = self._pass(name, 3, again=True)
        now.none_left(found[1], found.string)
        now.stage = 3.5 if _COUNTS.search(found.string) else 3  # the counts are the last of them
        return now

    def _filtered(self, name, found):
        left = [host for host, _ in _ranked(found.string)]
        now = self._pass(name, 4)
        now.left, self._request(name).hosts = left, dict.fromkeys(left)
        return now

    def _weighed(self, name, found):
        ranked = _ranked(found.string)
        now = self._pass(name, 6)
        now.ranked = ranked
        return now

    def _selected(self, name, found):
        *host, server = found.groups()
        request = self._request(name)
        now = request.waiting.pop(server, None) if server else None
        now = now or self._pass(name, 7)
        now.chosen, now.instance = _host(*host), server or self.instance or now.instance
        request.now = None
        return now

    def _before_the_filters(self, name, found):
        now, names = self._request(name).now, found[2].split(", ")
        first = now is None or all(_FIELD[found[1]] != field for field, *_ in now.before)
        now = self._pass(name, 1, again=first)
        ignored = found[1] == "ignoring hosts:"
        for host in dict.fromkeys([*now.hosts, *filter(None, names)]):
            stays = (host in names) != ignored
            now.before.append((_FIELD[found[1]], host, stays, "" if stays else found.string))
        gone = {host for _, host, stays, _ in now.before if not stays}
        now.hosts = [host for host in now.hosts or names if host not in gone]
        return now

    def _host_state(self, name, found):
        fields = r"\bhost", "visor_hostname"
        host, node = (re.search(field + r"=u?'([^']*)'", found.string) for field in fields)
        if not host or not node:
            return None
        request = self._request(name)
        request.hosts[name_of(host[1], node[1])] = None
        return request

    def _schedule(self, name, found):
        request = self._request(name)
        request.times, request.now = request.times + 1, None
        request.servers, request.hosts = re.findall(r"'([^']*)'", found.string) or None, {}
        return request

    def _no_candidates(self, name, found):
        now = self._pass(name, 1, again=True)
        now.refused = True
        now.before.append(("allocation_candidates", "?", False, found.string))
        self._request(name).now = None
        return now


#: What a line of any logger says, if it shows a HostState: a filter of one's own may write it.
_FACTS_OF_ALL = ((_REMOVED, _Reader._removed),)
#: What a line of nova-scheduler looks like, and what notes the fact in it; the first that fits.
_FACTS = (
    (_WEIGHER, _Reader._weighed_by),
    (_COUNT, _Reader._counted),
    *_FACTS_OF_ALL,
    (_FAILS, _Reader._removed),
    (_GROUP, _Reader._not_in_group),
    (_NONE_LEFT, _Reader._none_left),
    (re.compile(r"Filtered .*\]\)?$"), _Reader._filtered),
    (re.compile(r"Weighed .*\]$"), _Reader._weighed),
    (
        re.compile(rf"(?:Selected|Choosing) host:? {_RANKED}(?: for instance (\S+))?$"),
        _Reader._selected,
    ),
    (_BEFORE, _Reader._before_the_filters),
    (re.compile(r"Update host state from compute node: "), _Reader._host_state),
    (
        re.compile(r"(?:Starting to schedule for|Attempting to build).*(?:\]|None)$"),
        _Reader._schedule,
    ),
    (re.compile(r"Got no allocation candidates"), _Reader._no_candidates),
)


def _host(host, node, name, weight, unweighed, its_node):
    """Name and weight of what _RANKED found; a weight that is not logged is NaN."""
    return name or name_of(host or unweighed, node or its_node), float(weight or "nan")


def _ranked(text, pattern=re.compile(_RANKED)):
    """[(name, weight)] of a list of hosts that holds nothing else."""
    if not re.fullmatch(r"\w+ (?:dict_values\()?\[[, ]*\]\)?", pattern.sub("", text)):
        raise ValueError(text)
    return [_host(*groups) for groups in pattern.findall(text)]


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
