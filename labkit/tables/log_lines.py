"""The lines that a service of OpenStack wrote, out of what syslog, journald and containers kept.

Files, packed or not, are opened; colours and what a container's runtime puts around a line are taken
off, and the pieces of one line are put together. What a line says is read in labkit/tables/logs.py.
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
_PACKED = (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "lzma")


class Line(NamedTuple):
    """One line: how it travelled (the start of it), what was written, and the pieces of that.

    ``formatted``: oslo.log's JSON formatter wrote it.
    """

    raw: str
    text: str
    pieces: list[str]
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
    # Whether the first of a list is a file, and no line.
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
    waiting = {}  # the pieces of a line, until the rest of it has come
    for number, line in enumerate(lines, 1):
        if not isinstance(line, (str, bytes)):
            raise TypeError(f"path_or_lines: line {number} is {shown(line)}; expected text")
        raw = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        text, stream, goes_on = _unwrapped(raw.rstrip("\r\n"))
        pieces = waiting.pop(stream, [])
        if pieces and HEADER.search(text[:300]):  # the rest never came
            yield _line(pieces)
            pieces = []
        pieces.append((raw, text))
        if goes_on:
            waiting[stream] = pieces
        else:
            yield _line(pieces)
    yield from map(_line, waiting.values())


def _unwrapped(line):
    # The text of a line as CRI or docker keeps it, its stream, and whether more of it is to come.
    if cri := _CRI.match(line):
        return cri[3], cri[1], cri[2] == "P"
    record = _record(line)
    if isinstance(text := record.get("log"), str):
        return text.rstrip("\n"), str(record.get("stream")), not text.endswith("\n")
    return line, "", False


def _line(pieces):
    texts = [text for _, text in pieces]
    text = "".join(texts)
    record = _record(text)
    formatted = "levelname" in record
    if formatted:
        text = _with_header(record)
    text = _COLOUR.sub("", text).strip()
    for end in _ENDS:
        text = text.removesuffix(end).rstrip()
    return Line(pieces[0][0], text, texts, formatted)


def _record(line):
    if not line.startswith("{"):
        return {}
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {}


def _with_header(record):
    context = record.get("context")
    request = context.get("request_id") if isinstance(context, dict) else None
    message = " ".join(str(record.get("message")).split())
    return f"{record['levelname']} {record.get('name')} [{request or '-'}] {message}"
