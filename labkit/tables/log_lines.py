"""The lines that a service of OpenStack wrote, out of what syslog, journald and containers kept.

Files, packed or not, are opened; escapes, records of JSON and marks of pieces are taken off, and
the pieces of one line are put together. What a line says is read in labkit/tables/logs.py.
"""

import codecs
import importlib
import io
import json
import os
import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from labkit.neighbours.arguments import shown

_LEVELS = "TRACE DEBUG INFO AUDIT WARN WARNING ERROR CRITICAL".split()
#: How oslo.log begins a line: level, logger, ids of the request, server; then the text.
HEADER = re.compile(
    rf"(?<![\w.-])({'|'.join(_LEVELS)}) +([A-Za-z_][\w.]*) "
    r"(?:\[([^\]]*)\] )?(?:\[instance: ([^\]]*)\] +)?(.*)"
)
# How an escape is written by a terminal, syslog, cat -v and programs. A bare [00m: it was dropped.
_ESCAPES = r"\x1b", "#033", r"\^\[", r"\\x1b", r"\\033", r"\\u001b"
_COLOUR = re.compile("|".join([rf"{escape}\[[\d;]*[mK]" for escape in _ESCAPES] + [r"\[\d[\d;]*m"]))
_ENDS = r"\n", "#012", r"\r", "#015", "^M"
_CRI = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+) (stdout|stderr) ([PF])\S* (.*)")
_JSON, _BETWEEN = re.compile(r'\{\s*"'), re.compile(r"[\s,]*")
# The names that formatters and shippers give to text, level, logger and stream, in any nesting.
_TEXT = "full_message message msg log payload logmessage textpayload body original raw line".split()
_LEVEL = "levelname log_level loglevel level severity severity_text".split()
_LOGGER = "python_module logger_name name logger module".split()
_STREAM = "stream container_id container_partial_id partial_id pid".split()
_IS_LEVEL = re.compile("|".join(_LEVELS), re.IGNORECASE).fullmatch
_IS_LOGGER = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+").fullmatch
_PACKED = (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "lzma")


class Line(NamedTuple):
    """One line: how it travelled (the start of it), what was written, and the pieces of that.

    ``text`` is None if journalctl left it out. ``formatted``: oslo.log's JSON formatter wrote it.
    """

    raw: str
    text: str | None
    pieces: list[str]
    formatted: bool


class _Record(NamedTuple):
    """A line of JSON: its text, where it belongs, and whether more of the text is to come."""

    text: str | None
    stream: str
    goes_on: bool
    formatted: bool


def read(path_or_lines):
    """Yield the Lines of a path, a text, lines in their order, or a list of paths."""
    if isinstance(path_or_lines, str) and "\n" in path_or_lines:
        sources = [io.StringIO(path_or_lines)]
    elif isinstance(path_or_lines, (str, os.PathLike)):
        sources = [_lines_of(path_or_lines)]
    elif isinstance(path_or_lines, (list, tuple)) and _is_path(*path_or_lines[:1]):
        sources = map(_lines_of, path_or_lines)
    elif isinstance(path_or_lines, Iterable) and not isinstance(
        path_or_lines, (bytes, bytearray, dict, set, frozenset)
    ):
        sources = [path_or_lines]
    else:
        raise TypeError(
            f"{shown(path_or_lines)} is no log: expected a path, a text with line ends, "
            "lines in their order, or a list of paths"
        )
    for lines in sources:
        yield from _whole(lines)


def _is_path(one=None):
    """Tell whether the first of a list is a file, and no line."""
    if not isinstance(one, str):
        return isinstance(one, os.PathLike)
    return os.path.isfile(one) or bool(re.fullmatch(r"\S+\.log(\.\d+)?(\.\w+)?", one))


def _lines_of(path):
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{shown(path)} is no path: expected a list of paths alone")
    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"no file {shown(name)} (and no text: that has a line end in it)")
    if not os.path.isfile(name):
        raise ValueError(f"{name} is no ordinary file: name the logs one by one, in a list")
    with open(name, "rb") as file:
        magic = file.read(6)
    packer = next((packer for start, packer in _PACKED if magic.startswith(start)), "builtins")
    try:
        module = importlib.import_module(packer)
    except ImportError:  # a browser's Python has no lzma
        raise ValueError(f"{name} is packed with {packer}, which is missing here") from None
    damaged = EOFError, OSError, zlib.error, getattr(module, "LZMAError", zlib.error)
    try:
        with module.open(name, "rb") as file:
            head = file.read(8192).lstrip(b"\0")  # logrotate's copytruncate leaves zeros there
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ValueError(f"{name} is UTF-16: save it as UTF-8")
        if len(re.findall(rb"[\x00-\x06\x0e-\x1a]", head)) > len(head) / 100:
            raise ValueError(f"{name} is no text: expected a log, plain or packed with gzip")
        with module.open(name, "rt", encoding="utf-8-sig", errors="replace") as lines:
            yield from lines
    except damaged as error:
        raise ValueError(f"{name} is packed and cut short or damaged: {error}") from None


def _whole(lines):
    """Yield Lines; a piece of a line is kept until the rest of it has come."""
    waiting = {}
    for number, line in enumerate(lines, 1):
        if not isinstance(line, (str, bytes)):
            raise TypeError(f"path_or_lines: line {number} is {shown(line)}; expected text")
        raw = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        text = raw.rstrip("\r\n")
        records = [_Record(text, "", False, False)]
        if cri := _CRI.match(text):
            records = [_Record(cri[3], cri[1], cri[2] == "P", False)]
        elif "{" in text:
            records = _records(text) or records
        for record in records:
            pieces = waiting.pop(record.stream, [])
            if pieces and HEADER.search((record.text or "")[:300]):  # the rest never came
                yield _line(pieces)
                pieces = []
            pieces.append((raw, record))
            if record.goes_on:
                waiting[record.stream] = pieces
            else:
                yield _line(pieces)
    yield from map(_line, waiting.values())


def _line(pieces):
    raw, record = pieces[0]
    texts = [piece.text or "" for _, piece in pieces]
    text, formatted = "".join(texts), record.formatted
    if record.text is None and len(pieces) == 1:
        return Line(raw, None, texts, formatted)
    while "{" in text and (records := _records(text)):  # JSON in JSON
        text, formatted = records[0].text or "", formatted or records[0].formatted
    text = _COLOUR.sub("", text).strip()
    for end in _ENDS:
        text = text.removesuffix(end).rstrip()
    return Line(raw, text, texts, formatted)


def _records(line):
    """Return the records that a line of JSON holds, whatever stands before them: mostly one."""
    start, found = _JSON.search(line), []
    if start and (header := HEADER.search(line)) and header.start() < start.start():
        return []
    while start:
        try:
            record, end = json.JSONDecoder().raw_decode(line, start.start())
            several = list(_listed(record))
            found += several if len(several) > 1 else [_record(record)]
        except (ValueError, RecursionError):
            break
        start = _JSON.match(line, _BETWEEN.match(line, end).end())
    return [record for record in found if record]


def _listed(value):
    """Yield the records in the lists of a record: a shipper sends many lines as one."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _listed(inner)
    for item in value if isinstance(value, list) else ():
        inner = list(_listed(item))
        if not inner and isinstance(item, (dict, list)):
            record = _record(item)
            inner = [record] if record and HEADER.search(record.text or "") else []
        yield from inner


def _record(record):
    """Return the text that a record of JSON holds, and what else counts; None without a text."""
    leaves = [(name.lower().lstrip("@_").split(".")[-1], leaf) for name, leaf in _leaves(record)]
    fields = dict(reversed(leaves))  # the first of a name counts
    texts = [fields[name] for name in _TEXT if isinstance(fields.get(name), str)]
    text = (
        next(filter(HEADER.search, texts), None)
        or _headed(fields, *texts[:1])
        or next((leaf for _, leaf in leaves if isinstance(leaf, str) and HEADER.search(leaf)), None)
        or next(iter(texts), None)
    )
    if text is None and fields.get("message", "") is not None:
        return None
    stream = str([fields.get(name) for name in _STREAM])
    return _Record(text, stream, _goes_on(record, fields), "levelname" in fields)


def _leaves(value, name=""):
    """Yield names and values of a record, however nested; journald writes escapes as bytes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, key)
    elif isinstance(value, list) and value and all(type(b) is int and 0 <= b < 256 for b in value):
        yield name, bytes(value).decode("utf-8", "replace")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


def _headed(fields, text=""):
    """Put before a text the header that a formatter or a shipper took apart, if it is there."""
    level = next(filter(_IS_LEVEL, (str(fields.get(name)) for name in _LEVEL)), None)
    logger = next(filter(_IS_LOGGER, (str(fields.get(name)) for name in _LOGGER)), None)
    if not level or not logger:
        return None
    request = str(fields.get("request_id") or "-")
    request = request if request.startswith(("req-", "-")) else f"req-{request}"
    ids = "" if re.match(r"\[(?!instance)", text) else f"[{request}] "
    return f"{level.upper()} {logger} {ids}{' '.join(text.split())}"


def _goes_on(record, fields):
    """Tell whether more of a text is to come, as docker, CRI, log drivers and journald say it."""
    if isinstance(record, dict) and {"log", "stream"} <= set(record) <= {
        "log",
        "stream",
        "time",
        "attrs",
    }:
        return not str(record["log"]).endswith("\n")
    if fields.get("logtag", fields.get("p")) == "P" or fields.get("line_break") == "line-max":
        return True
    return any(
        str(fields.get(driver + "partial_message")).lower() == "true"
        and str(fields.get(driver + "partial_last")).lower() != "true"
        for driver in ("", "container_")
    )
