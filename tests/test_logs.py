"""The log reader, against a log that the real Nova wrote and against damaged ones."""

import bz2
import gzip
import importlib.metadata
import json
import lzma
import math
import pathlib
import re
import subprocess
import sys

import hypothesis
import pytest
from hypothesis import strategies as st

from labkit import logs
from labkit.tables import scheduler as tables
from tests.helpers import length

ROOT = pathlib.Path(__file__).parents[1]
PATH = ROOT / "data" / "logs" / "nova-scheduler-34.log"
TEXT = PATH.read_text(encoding="utf-8")
LINES = TEXT.splitlines()
#: Requests of most kinds: a filter removes, none is left, one host, ignored, forced, no candidates.
PART = LINES if length.ALL else LINES[280:425] + LINES[840:1195]
REAL = json.loads(PATH.with_suffix(".json").read_text(encoding="utf-8"))
HEADER = "2026-03-02 09:00:00.001 7 DEBUG nova.weights [None req-1a2b u p - - default default] "
PLACE = " get_weighed_objects /usr/lib/python3/dist-packages/nova/weights.py:153"
TABLES = ("weights", "filters", "placements")


def passes():
    """Yield request, instance, whether a pass is the last, and its numbers, as Nova returned them."""
    for case in REAL["requests"]:
        servers = [*case["instances"], "alternates"]
        for server, one in zip(servers, case["passes"], strict=False):
            yield case, server, one


def rows(table, *columns):
    return list(table[list(columns)].itertuples(index=False, name=None))


def of_pass(table, case, server):
    return table[(table.request == case["request"]) & (table.instance == server)]


def told(log):
    """Return everything a log tells, in any order."""
    return {table: sorted(str(row) for row in log.rows[table]) for table in TABLES}


@pytest.fixture(scope="module")
def log():
    return logs.read(PATH)


@pytest.fixture(scope="module")
def part():
    return logs.read(PART)


def request_of(name):
    return next(case["request"] for case in REAL["requests"] if case["name"] == name)


# -- the whole log -------------------------------------------------------------------------------


def test_weights_are_those_that_nova_computed_bit_for_bit(log):
    expected = [
        (case["request"], server, host, step["weigher"], raw, normalized, multiplier)
        for case, server, one in passes()
        for step in one["weighers"]
        for host, raw, normalized, multiplier in zip(
            step["host"], step["raw"], step["normalized"], step["multiplier"], strict=True
        )
    ]
    columns = ("request", "instance", "host", "weigher", "raw", "normalized", "multiplier")
    assert sorted(rows(log.weights, *columns)) == sorted(expected)
    assert len(expected) > 400
    assert len({row[3] for row in expected}) == 13


def test_scores_add_up_to_the_weight_by_which_nova_ranked(log):
    for case, server, one in passes():
        if not one["weighers"]:
            continue
        mine = of_pass(log.weights, case, server)
        for host, total in one["total"].items():
            weight = 0.0
            for score in mine[mine.host == host].score:
                weight += score
            assert weight == total


def test_filters_are_those_that_nova_ran_with_all_names(log):
    expected = [
        (case["request"], server, step["filter"], host, host in step["out"])
        for case, server, one in passes()
        for step in one["filters"]
        for host in step["in"]
    ]
    enabled = log.filters[log.filters["filter"].str.endswith("Filter")]
    mine = rows(enabled, "request", "instance", "filter", "host", "passed")
    assert sorted(mine) == sorted(expected)


def test_each_removed_host_has_its_reason(log):
    removed = log.filters[~log.filters.passed & log.filters["filter"].str.endswith("Filter")]
    assert (removed.reason != "").all()
    reasons = dict(
        rows(removed[removed.request == request_of("one-filter-removes")], "host", "reason")
    )
    assert reasons == {
        "cn-4": "is disabled, reason: new disks on Friday",
        "cn-5": "has not been heard from in a while",
    }


def test_the_chosen_host_is_first_and_the_order_is_novas(log):
    for case, server, one in passes():
        mine = of_pass(log.placements, case, server)
        assert dict(rows(mine, "host", "weight")) == one["total"]
        assert list(mine["rank"]) == list(range(1, len(mine) + 1))
        if server in case["instances"] and "hosts" in case:
            chosen = case["hosts"][case["instances"].index(server)][0]
            assert list(mine[mine.chosen].host) == [chosen]


def test_what_happens_before_the_filters_is_there(log):
    early = log.filters[~log.filters["filter"].str.endswith("Filter")]
    ignored = early[early.request == request_of("ignored-host")]
    assert rows(ignored, "filter", "host", "passed")[0] == ("ignore_hosts", "cn-1", False)
    forced = early[early.request == request_of("forced-host")]
    assert rows(forced[forced.passed], "filter", "host") == [("force_hosts", "cn-3")]
    nothing = early[early.request == request_of("no-candidates")]
    assert rows(nothing, "filter", "host", "passed") == [("allocation_candidates", "?", False)]


def test_every_line_is_used_or_counted(log):
    assert log.lines == len(LINES)
    assert log.notes == ()
    assert not log.unread.what.str.startswith("cut").any()
    assert log.unread.lines.sum() + 546 < log.lines  # 546 lines of weighers alone


def test_the_tables_are_those_of_a_simulated_run(log):
    assert list(log.weights.columns) == tables.WEIGHTS
    assert list(log.filters.columns) == tables.FILTERS
    assert list(log.placements.columns) == tables.PLACEMENTS
    for name in TABLES:
        assert list(getattr(log, name).seq) == list(range(len(log.rows[name])))


# -- the same log in other clothes ---------------------------------------------------------------


def journal(line):
    return f"Nov 22 10:00:00 controller nova-scheduler[123]: {line}"


def devstack(line):
    head, _, place = line.rpartition(" /usr/lib")
    if not place or " DEBUG " not in line:
        return f"\x1b[00;36m{line}\x1b[00m"
    text, _, function = head.rpartition(" ")
    return f"\x1b[00;32m{text}\x1b[00m {{{{(pid=123) {function} /opt/stack{place}}}}}\x1b[00m"


def as_json(line):
    head, bracket, text = line.partition("] ")
    _, _, _, level, name, _, request = (*head.split(" "), "", "", "")[:7]
    if not bracket or " DEBUG " in line:
        text = text.rpartition(" /")[0].rpartition(" ")[0] if bracket else line
    record = {"levelname": level, "name": name, "message": text, "context": {"request_id": request}}
    return json.dumps(record)


def coloured(escape, end=""):
    """Return a dress: oslo.log's colours, as syslog, cat -v or a program writes an escape."""
    return lambda line: f"{escape}[01;32m{line.replace(' DEBUG ', f' {escape}[0mDEBUG ')}{end}"


def in_record(**others):
    """Return a dress: a field of a record, beside others."""
    (name,) = (name for name, value in others.items() if value is None)
    return lambda line: json.dumps({**others, name: line})


def apart(line):
    """Return the line as a shipper that took its header apart sends it."""
    _, _, _, level, name, *_ = (*line.split(" ", 5), *[""] * 5)
    head, bracket, text = line.partition("] ")
    if not bracket or level not in {"DEBUG", "INFO", "WARNING"}:
        return json.dumps({"Payload": line})
    ids = head.partition("req-")[2].partition(" ")[0]
    fields = {"request_id": ids, "log": {"level": level.lower(), "logger": name}}
    return json.dumps({"@timestamp": "2026-03-02", **fields, "Payload": text})


def in_pieces(size, dress):
    """Return a dress: pieces of *size* characters, each dressed; all but the last go on."""

    def pieces(line):
        parts = [line[start : start + size] for start in range(0, len(line), size)]
        return [dress(part, part is not parts[-1]) for part in parts]

    return pieces


def cri(part, goes_on):
    return f"2026-03-02T09:00:00.1Z stderr {'P' if goes_on else 'F'} {part}"


def docker(part, goes_on):
    return json.dumps({"log": part if goes_on else part + "\n", "stream": "stderr", "time": "t"})


def journald(part, goes_on):
    more = {"_LINE_BREAK": "line-max"} if goes_on else {}
    return json.dumps({"MESSAGE": part, "_PID": "7", **more})


def driver(part, goes_on):
    last = "false" if goes_on else "true"
    return json.dumps({"log": part, "partial_message": "true", "partial_last": last, "kind": "x"})


def dressed(dress):
    for line in PART:
        worn = dress(line)
        yield from worn if isinstance(worn, list) else [worn]


@pytest.mark.parametrize(
    "dress",
    [
        journal,
        lambda line: f"<14>1 2026-03-02T09:00:00Z ctl nova-scheduler 7 - - \ufeff{line}",
        lambda line: f"/var/log/nova/nova-scheduler.log:{line}",
        lambda line: line.replace(" get_filtered_objects", " from (pid=7) get_filtered_objects"),
        *[coloured(escape) for escape in ("#033", "^[", "\\x1b", "\\u001b", "")],
        coloured("^[", "^[[00m^M"),
        lambda line: line + "#015",
        in_record(message=None, log={"file": {"path": "nova-scheduler.log"}}, agent={"name": "a"}),
        in_record(MESSAGE=None, _CMDLINE="/usr/bin/nova-scheduler", _PID="7"),
        lambda line: json.dumps({"_PID": "7", "MESSAGE": list(f"\x1b[0m{line}".encode())}),
        lambda line: json.dumps({"_source": {"fields": {"@message": line}}}),
        lambda line: json.dumps({"body": {"text_of_mine": line}}),
        lambda line: json.dumps({"short_message": line[:80], "full_message": line}),  # GELF
        lambda line: json.dumps({"log": json.dumps({"msg": line}) + "\n", "stream": "stdout"}),
        lambda line: f"Mar  2 09:00:00 ctl nova: @cee: {json.dumps({'msg': line})}",
        lambda line: json.dumps([{"message": line}]) + ",",  # a file that is one JSON list
        apart,
        in_pieces(333, cri),
        in_pieces(100, docker),
        in_pieces(300, journald),
        in_pieces(200, driver),
        lambda line: json.dumps({"log": line, "stream": "stdout"}),  # its line ends are lost
        devstack,
        lambda line: journal(devstack(line)).replace("\x1b", "#033"),
        lambda line: line + "\r\n",
        lambda line: line.encode(),
        lambda line: line.replace("[None req-", "[req-"),  # before oslo.log knew global ids
        lambda line: line.replace("[None req-", "[req-0000 req-"),
        lambda line: json.dumps({"log": line + "\n", "stream": "stdout"}),
        lambda line: line.replace(", allocation_candidates: 1", ""),  # as Nova 25 shows hosts
    ],
)
def test_other_clothes_say_the_same(part, dress):
    worn = list(dressed(dress))
    read = logs.read(worn)
    assert told(read) == told(part)
    assert read.lines == len(worn)
    assert read.unread.lines.sum() >= part.unread.lines.sum()


def test_a_path_a_text_and_a_packed_file_say_the_same(log, tmp_path):
    packed = tmp_path / "nova-scheduler.log.1.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert told(logs.read(str(packed))) == told(logs.read(TEXT)) == told(log)


def test_several_files_are_one_log_in_their_order(log, tmp_path):
    for name, lines in (("a.log.1", LINES[:600]), ("a.log", LINES[600:])):
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    paths = [tmp_path / "a.log.1", tmp_path / "a.log"]
    assert told(logs.read(paths)) == told(logs.read([str(path) for path in paths])) == told(log)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress, b"\0\0\0\0".__add__])
def test_a_file_is_known_by_its_content(log, tmp_path, pack):
    path = tmp_path / "some.log"
    path.write_bytes(pack(TEXT.encode()))
    assert told(logs.read(path)) == told(log)


def test_json_lines_are_read_and_the_note_says_why_the_weighers_are_missing():
    lines = [as_json(line) for line in LINES if " nova.weights " not in line]
    read = logs.read(lines)
    assert len(read.filters) > 100
    assert "JSON" in read.notes[0]


def test_mixed_requests_are_told_apart(log):
    by_request = {}
    for line in LINES:
        by_request.setdefault(line.partition("[None ")[2][:40], []).append(line)
    mixed, left = [], [list(reversed(lines)) for lines in by_request.values()]
    while left := [lines for lines in left if lines]:
        mixed += [lines.pop() for lines in left]
    assert told(logs.read(mixed)) == told(log)


def test_a_request_that_comes_again_is_numbered():
    again = logs.read([*LINES, *LINES])
    first = request_of("two-hosts")
    assert {first, f"{first}#2"} <= set(again.weights.request)


# -- damage --------------------------------------------------------------------------------------


@hypothesis.given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
@hypothesis.settings(max_examples=length.few(60, 4), deadline=None)
def test_a_piece_of_the_log_says_nothing_that_the_whole_does_not(log, start, end):
    piece = logs.read(TEXT[min(start, end) : max(start, end)].splitlines())
    columns = ("request", "host", "weigher", "raw", "normalized", "multiplier", "score")
    whole = {tuple(map(str, row)) for row in rows(log.weights, *columns)}
    for row in (tuple(map(str, row)) for row in rows(piece.weights, *columns)):
        assert row in whole or "nan" in row
    named = piece.filters[piece.filters.host != "?"]
    columns = ("request", "filter", "host", "passed")
    assert set(rows(named, *columns)) <= set(rows(log.filters, *columns))


@hypothesis.given(st.lists(st.sampled_from(LINES), max_size=60), st.randoms(use_true_random=False))
@hypothesis.settings(max_examples=40, deadline=None)
def test_cut_and_shuffled_lines_do_no_harm(lines, rng):
    read = logs.read([line[: rng.randint(0, len(line) + 50)] for line in lines])
    assert [len(getattr(read, name).columns) for name in TABLES] == [11, 7, 8]
    assert read.lines == len(lines)


@hypothesis.given(
    st.lists(
        st.one_of(
            st.text(),
            st.binary(),
            st.builds(lambda text: HEADER + text, st.text()),
            st.builds(
                lambda text: HEADER + "RAMWeigher: raw weights {" + text, st.text("('cn-1)*:, {}")
            ),
            st.builds(
                lambda value: json.dumps({"levelname": "INFO", "context": value}), st.integers()
            ),
        )
    )
)
@hypothesis.settings(max_examples=length.few(100, 5), deadline=None)
def test_garbage_is_counted_and_nothing_else(lines):
    read = logs.read(lines)
    assert read.rows["filters"] == []
    assert sum(count for _, count, _ in read.rows["unread"]) <= len(lines)


def test_a_cut_line_is_named_with_its_first_example():
    line = HEADER + "RAMWeigher: raw weights {('cn-1', 'cn-1'): 3072, ('cn-2', 'cn-"
    read = logs.read([line, line])
    assert rows(read.unread, "what", "lines", "first") == [
        ("cut or changed: nova.weights", 2, line)
    ]
    assert read.weights.empty


def test_of_a_weigher_whose_lines_are_half_lost_the_rest_is_kept():
    score = "RAMWeigher: score (multiplier * weight) {('cn-1', 'cn-1'): '-1.0 * 0.75'}"
    (row,) = rows(
        logs.read([HEADER + score + PLACE]).weights, "raw", "normalized", "multiplier", "score"
    )
    assert math.isnan(row[0])
    assert row[1:] == (0.75, -1.0, -0.75)


def test_nan_and_infinity_are_read():
    text = "X: raw weights {('a', 'a'): nan, ('b', 'b'): -inf, ('c', 'c.local'): np.float64(0.1)}"
    table = logs.read([HEADER + text + PLACE]).weights
    assert list(table.host) == ["a", "b", "c"]
    assert [str(raw) for raw in table.raw] == ["nan", "-inf", "0.1"]


def test_two_nodes_of_one_host_stay_apart():
    text = "X: raw weights {('ironic', 'n1'): 1, ('ironic', 'n2'): 2}"
    assert list(logs.read([HEADER + text + PLACE]).weights.host) == ["ironic/n1", "ironic/n2"]


def test_a_host_that_is_counted_but_not_named_is_a_question_mark():
    text = HEADER.replace("nova.weights", "nova.filters")
    counts = [
        "Starting with 3 host(s)",
        "Filter A returned 3 host(s)",
        "Filter B returned 1 host(s)",
    ]
    table = logs.read([text + line for line in counts]).filters
    assert rows(table, "filter", "host", "passed") == [
        *[("A", "?", True)] * 3,
        ("B", "?", True),
        *[("B", "?", False)] * 2,
    ]


# -- other releases --------------------------------------------------------------------------------

OLD, NEW = "ram:31601 disk:407552 io_ops:0 instances:0", "ram: 1MB disk: 2MB io_ops: 0 instances: 1"


def lines_of(*texts, level="DEBUG"):
    """Return lines of one request: its filters' and the rest's."""
    counts = re.compile(r"Starting with|Filter\w* ")
    for text in texts:
        logger = "nova.filters" if counts.match(text) else "nova.scheduler.filter_scheduler"
        yield f"2015-03-20 09:10:11.587 7 {level} {logger} [req-1 admin admin] {text}"


def test_the_hosts_of_2014_are_read():
    read = logs.read(
        lines_of(
            "Starting with 2 host(s)",
            "Filter RamFilter returned 2 host(s)",
            f"Filtered [(a, a) {OLD}, (b, b.local) {OLD}]",
            f"Weighed [WeighedHost [host: (a, a) {OLD}, weight: 1.0], "
            f"WeighedHost [host: (b, b.local) {OLD}, weight: 0.0]]",
        )
    )
    assert rows(read.filters, "filter", "host", "passed") == [
        ("RamFilter", "a", True),
        ("RamFilter", "b", True),
    ]
    assert rows(read.placements, "host", "weight", "chosen") == [
        ("a", 1.0, False),
        ("b", 0.0, False),
    ]
    assert read.unread.empty


def test_the_servers_of_2014_are_chosen_after_all_were_weighed():
    weighed = [f"Weighed [WeighedHost [host: ({x}, {x}) {OLD}, weight: 1.0]]" for x in "ab"]
    read = logs.read(
        lines_of(
            "Attempting to build 2 instance(s) uuids: [u'u1', u'u2']",
            *weighed,
            f"Choosing host WeighedHost [host: (a, a) {OLD}, weight: 1.0] for instance u1",
            "Choosing host WeighedHost [host: b, weight: 1.0] for instance u2",
        )
    )
    assert rows(read.placements, "instance", "host", "weight", "chosen") == [
        ("u1", "a", 1.0, True),
        ("u2", "b", 1.0, True),
    ]


def test_without_weights_the_order_and_the_chosen_host_are_known():
    read = logs.read(
        lines_of(
            "Starting with 3 host(s)",
            f"Availability Zone 'az-b' requested. (a, a) {NEW} has AZs: set([u'az-a'])",
            "Filter AvailabilityZoneFilter returned 2 host(s)",
            f"Filtered [(b, b) {NEW}, (c, c) {NEW}]",
            f"Weighed [(c, c) {NEW}, (b, b) {NEW}]",
            f"[instance: u1] Selected host: (c, c) {NEW}",
        )
    )
    (fallen,) = rows(read.filters[~read.filters.passed], "host", "reason")
    assert fallen == ("a", "Availability Zone 'az-b' requested. has AZs: set([u'az-a'])")
    assert rows(read.placements, "instance", "host", "rank", "chosen") == [
        ("u1", "c", 1, True),
        ("u1", "b", 2, False),
    ]
    assert read.placements.weight.isna().all()


def test_a_second_pass_of_a_request_is_named_differently():
    read = logs.read(
        [
            *lines_of("Starting with 1 host(s)", "Filter RetryFilter returned 1 host(s)"),
            *lines_of(
                "Starting with 1 host(s)",
                "Host [u'cn-a', u'cn-a'] fails.  Previously tried hosts: [[u'cn-a', u'cn-a']]",
            ),
            *lines_of("Filter RetryFilter returned 0 hosts", level="INFO"),
        ]
    )
    assert rows(read.filters, "request", "host", "passed") == [
        ("req-1", "?", True),
        ("req-1#2", "cn-a", False),
    ]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("a, n fails NUMA topology requirements. No host NUMA topology.", "a/n"),
        (f"(vc, domain-c7(My cluster)) {OLD} is disabled", "vc/domain-c7(My cluster)"),
        (f"(a, a) {OLD} is disabled or has not been heard from in a while", "a"),
        ("Group anti affinity: check if a not in set([u'a'])", "?"),
    ],
)
def test_the_sentences_of_old_filters_name_their_host(text, host):
    counts = "Starting with 2 host(s)", "Filter A returned 1 host(s)"
    read = logs.read(lines_of(counts[0], text, counts[1]))
    assert rows(read.filters[~read.filters.passed], "filter", "host") == [("A", host)]


def test_the_lists_of_python_2_are_read():
    read = logs.read(
        lines_of(
            "Starting with 2 host(s)",
            "Filter A returned 1 host(s)",
            "Filter B returned 0 hosts",
            "Filtering removed all hosts for the request with reservation ID 'r-1' and instance "
            "ID 'i'. Filter results: [('A', [(u'iron', u'n1')]), ('B', None)]",
        )
    )
    assert rows(read.filters, "filter", "host", "passed") == [
        ("A", "iron/n1", True),
        ("A", "?", False),
        ("B", "iron/n1", False),
    ]


def test_a_log_without_debug_keeps_the_reason_of_a_host():
    read = logs.read(
        lines_of(
            f"(a, a) {NEW} has not been heard from in a while",
            "Filter ComputeFilter returned 0 hosts",
            "Filtering removed all hosts for the request with instance ID 'i'. Filter results: "
            "['AvailabilityZoneFilter: (start: 1, end: 1)', 'ComputeFilter: (start: 1, end: 0)']",
            level="INFO",
        )
    )
    assert rows(read.filters, "filter", "host", "passed", "reason") == [
        ("AvailabilityZoneFilter", "?", True, ""),
        ("ComputeFilter", "a", False, "has not been heard from in a while"),
    ]


def test_a_retry_is_a_second_pass_without_debug_too():
    once = lines_of(
        "Filter A returned 0 hosts",
        "Filtering removed all hosts for the request with instance ID 'i'. Filter results: "
        "['A: (start: 1, end: 0)']",
        level="INFO",
    )
    read = logs.read(list(once) * 2)
    assert rows(read.filters, "request", "instance", "passed") == [
        ("req-1", "i", False),
        ("req-1#2", "i", False),
    ]


# -- neither a fact nor a line in unread: never ----------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        ["Starting with 0 host(s)", "Filter A returned 0 hosts"],
        ["Filter RetryFilter returned 0 hosts"],
        ["Filtered [(a, a) ram=1]"],
        [f"Filtered [(a, a) {OLD}, (b, b) ra]"],
        [f"Weighed [WeighedHost [host: (a, a) {OLD}, weight: high]]"],
        ["Starting to schedule for instances: [u'a']"],
        ["Selected host: a failed to consume from instance. Error: x"],
        ["There are 1 hosts available but 2 instances requested to build."],
        ["Update host state from compute node: <ComputeNode at 0x1>"],
    ],
)
def test_lines_of_which_no_row_comes_are_unread(texts):
    read = logs.read(lines_of(*texts))
    assert sum(map(len, read.rows.values())) == 1
    assert read.unread.lines.sum() == len(texts)


def test_each_line_alone_gives_a_row_or_is_unread():
    assert all(sum(map(len, logs.read([line]).rows.values())) for line in LINES[::7])


def test_lines_cut_by_syslog_are_called_cut_and_the_chosen_host_is_known():
    weights = ", ".join(f"('cn-{n}', 'cn-{n}'): {n}.0" for n in range(20))
    ranked = ", ".join(f"WeighedHost [host: (cn-{n}, cn-{n}) {NEW}, weight: 1.0]" for n in range(9))
    whole = [
        HEADER + "RAMWeigher: raw weights {" + weights + "}",
        *lines_of(f"Weighed [{ranked}]", f"Selected host: (cn-7, cn-7) {NEW}"),
    ]
    read = logs.read([line[:300] for line in whole])
    assert rows(read.placements, "host", "chosen") == [("cn-7", True)]
    assert read.placements.weight.isna().all()
    assert read.unread.lines.sum() == 2
    (note,) = read.notes
    assert "2 lines are cut" in note
    assert "300 characters" in note


def test_what_journalctl_leaves_out_is_said():
    read = logs.read([json.dumps({"MESSAGE": None, "_PID": "7"})] * 3)
    assert rows(read.unread, "what", "lines") == [("MESSAGE is null", 3)]
    assert "--all" in read.notes[0]


@pytest.mark.parametrize(
    "line",
    [
        "2931 INFO nova.compute.manager [req-1 u p] [instance: i] Took 19.05 seconds to spawn.",
        "2931 DEBUG nova.scheduler.client.report [req-1 u p] Inventory has not changed",
        "2931 DEBUG nova.conductor.manager [req-1 u p] Selected host: a; Selected node: a",
        "2931 DEBUG cinder.scheduler.base_filter [req-1 u p] Starting with 5 host(s)",
        '{"levelname": "INFO", "name": "neutron.wsgi", "message": "x", "context": {}}',
    ],
)
def test_of_another_service_nothing_is_read_and_nothing_advised(line):
    read = logs.read([line])
    assert [len(read.rows[table]) for table in (*TABLES, "unread")] == [0, 0, 0, 1]
    assert "no line of this is nova-scheduler's" in read.notes[0]
    assert len(read.notes) == 1


def test_a_count_never_makes_rows_without_bound():
    counts = "Starting with 99999 host(s)", "Filter A returned 99999 host(s)"
    read = logs.read(list(lines_of(*counts, "Filter B returned 7 host(s)")) * 40)
    assert len(read.rows["filters"]) <= 100_000
    assert "left out of filters" in read.notes[0]


# -- several records in one line --------------------------------------------------------------
@pytest.mark.parametrize(
    "shipped",
    [
        lambda lines: json.dumps([{"message": line} for line in lines]),
        lambda lines: "".join(json.dumps({"message": line}) for line in lines),
        lambda lines: ", ".join(json.dumps({"MESSAGE": line}) for line in lines),
        lambda lines: json.dumps({"records": [{"log": line} for line in lines]}),
        lambda lines: json.dumps({"streams": [{"values": [["1", line] for line in lines]}]}),
        lambda lines: json.dumps({"streams": [{"values": [["1", line]]} for line in lines]}),
        lambda lines: json.dumps(
            {"resourceLogs": [{"scopeLogs": [{"logRecords": [body(line) for line in lines]}]}]}
        ),
        lambda lines: f"[{','.join(map(apart, lines))}]",
    ],
)
def test_a_line_of_json_may_hold_several_records(part, shipped):
    read = logs.read([shipped(PART[start : start + 7]) for start in range(0, len(PART), 7)])
    assert told(read) == told(part)


def body(line):
    return {"body": {"stringValue": line}}


# -- the requests -------------------------------------------------------------------------------
def test_each_server_is_a_request_with_its_time_and_its_end():
    found = logs.read(LINES).requests
    assert (
        len(found)
        == len(logs.read(LINES).placements.query("chosen")) + (found.outcome == "no host").sum()
    )
    first = found.iloc[0]
    assert (first.time, first.outcome, first.host) == ("2026-03-02 09:00:00.034", "placed", "cn-2")
    assert set(found.outcome) == {"placed", "no host"}
    assert set(found.host[found.outcome == "no host"]) == {""}


# -- what is no log --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, 3, 1.5, True, b"x", {}, {"a": 1}, {"a"}, [1], ["x", None], [[]], object(), len]
)
def test_what_is_no_log_is_refused_in_a_sentence(value):
    with pytest.raises(TypeError, match="expected"):
        logs.read(value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bytes(range(256)), "no text"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "no text"),
        (gzip.compress(TEXT.encode())[:-9], "cut short"),
        (bz2.compress(TEXT.encode())[:-9], "cut short"),
        (lzma.compress(TEXT.encode())[:900], "cut short"),
        (None, "no ordinary file"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "some.log"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        logs.read(path)


@pytest.mark.parametrize("path", ["", "x" * 5000, "no.log", ["no.log"]])
def test_a_file_that_is_missing_is_named(path):
    with pytest.raises(FileNotFoundError, match="no file"):
        logs.read(path)


# -- logs that cannot tell -----------------------------------------------------------------------


def test_without_debug_the_log_says_what_to_set():
    read = logs.read([line for line in LINES if " DEBUG " not in line])
    assert read.weights.empty
    assert "debug = true" in read.notes[0]
    none_left = read.filters[read.filters.request == request_of("none-left")]
    assert rows(none_left, "filter", "host", "passed") == [
        ("ComputeFilter", "?", True),
        ("ComputeFilter", "?", True),
        ("ComputeFilter", "?", False),
        ("ComputeCapabilitiesFilter", "?", False),
        ("ComputeCapabilitiesFilter", "?", False),
    ]


def test_with_debug_but_one_host_the_log_says_why_there_are_no_weights():
    one = request_of("one-host")
    read = logs.read([line for line in LINES if one in line])
    assert "two or more hosts" in read.notes[0]
    assert rows(read.placements, "host", "weight", "chosen") == [("cn-1", 0.0, True)]


@pytest.mark.parametrize("lines", [[], ["hello"], ["", "\0\0\0"]])
def test_what_is_no_log_is_called_so(lines):
    assert "OpenStack" in logs.read(lines).notes[0]


def test_a_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        logs.read(tmp_path / "no.log")


# -- the module and the recording ----------------------------------------------------------------


def test_importing_the_reader_does_not_import_pandas():
    code = "import sys, labkit.tables.logs; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def installed():
    try:
        return importlib.metadata.version("nova") == REAL["nova"]
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.mark.nova
@pytest.mark.skipif(not installed(), reason="needs the extra 'nova'")
@pytest.mark.skipif(not length.ALL, reason="make record-check compares it")
def test_the_installed_nova_writes_the_same_bytes(tmp_path):
    command = [sys.executable, "-m", "tools.record.one", "log", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT)
    out = tmp_path / "logs" / PATH.name
    assert out.read_bytes() == PATH.read_bytes()
    assert out.with_suffix(".json").read_bytes() == PATH.with_suffix(".json").read_bytes()
