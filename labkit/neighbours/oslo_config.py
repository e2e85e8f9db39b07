"""oslo.config: how it reads files, and what it puts in place of ``$name``."""

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from labkit.neighbours.arguments import shown


class Value(NamedTuple):
    """What a file says about one option: the text, and where it stands ("nova.conf, line 3")."""

    text: str
    place: str


class ConfigFiles:
    """Files as ``--config-file`` takes them: the later one wins.

    Raises ValueError that names file and line where oslo.config would not read the file, and
    FileNotFoundError where there is none.

    Source: oslo_config/iniparser.py and ``_Namespace`` in oslo_config/cfg.py, oslo.config 10.
    """

    def __init__(self, paths):
        self._files = [_assignments(path) for path in paths]

    def __iter__(self) -> Iterator[tuple[str, str, Value]]:
        """Yield each option once: its section as it is written, its name, what is said last."""
        found = {}
        for assignments in self._files:
            found |= {(section, name): value for section, name, value in assignments}
        for (section, name), value in found.items():
            yield section, name, value

    def find(self, names) -> list[Value]:
        """Return all that is said of an option, the last is in force; *names*: (section, name).

        In each file the first of the names counts most.
        """
        return [
            value
            for assignments in self._files
            for wanted in reversed(names)
            for section, name, value in assignments
            if (normalize(section), name) == wanted
        ]


class Template(string.Template):
    """Text with ``$name`` or ``${group.name}`` in it."""

    idpattern = r"[_a-z][\._a-z0-9]*"


def substitute(text: str, value_of: Callable[[str], object]) -> str:
    r"""Return a text in which each ``$name`` is replaced by its value; ``\$`` is a plain ``$``.

    >>> substitute(r"$host:\$1", {"host": "cn-1"}.get)
    'cn-1:$1'
    """
    return Template(text.replace(r"\$", "$$")).safe_substitute(_Values(value_of))


class _Values:
    def __init__(self, value_of):
        self._value_of = value_of

    def __getitem__(self, name):
        value = self._value_of(name)
        return "" if value is None else value


def normalize(section: str) -> str:
    """Return how a section is compared: its case counts in DEFAULT alone."""
    return section if section == "DEFAULT" else section.lower()


def _assignments(path) -> list[tuple[str, str, Value]]:
    found, section, key, lines, start = [], None, None, [], 0

    def refuse(number, why):
        raise ValueError(f"{path}, line {number}: {why}; with such a file Nova does not start")

    def flush():
        nonlocal key
        if key is not None and section is None:
            refuse(start, f"{key!r} stands before any [section]")
        if key is not None:
            found.append((section, key, Value("\n".join(lines), f"{path}, line {start}")))
        key = None

    for number, raw in enumerate(_lines(path), 1):
        line = raw.rstrip()
        if not line:
            flush()
        elif line[0] in " \t":
            if key is None:
                refuse(number, f"{line!r} is indented, and there is no value that it continues")
            lines.append(line.lstrip())
        else:
            flush()
            if line[0] == "[":
                if not line.endswith("]"):
                    refuse(number, f"{line!r} must end with ], with nothing behind it")
                if len(line) <= 2:
                    refuse(number, f"{line!r} names no section")
                section = line[1:-1]
            elif line[0] not in "#;":
                key, value = _split(line)
                if key is None:
                    refuse(number, f"{_short(line)!r} has neither = nor :")
                if not key:
                    refuse(number, f"{_short(line)!r} has no name before = or :")
                lines, start = [value], number
    flush()
    return found


def _split(line):
    # Name and value of a line; quotes around the whole value are taken off.
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        return None, None
    value = line[min(places) + 1 :].strip()
    if value and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return line[: min(places)].strip(), value


def _lines(path):
    name = shown(str(path))
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}; expected a nova.conf") from None
    except IsADirectoryError:
        raise ValueError(f"{name} is a folder; expected a nova.conf, name the file in it") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{name}: expected the name of a nova.conf ({why})") from None
    encodings = ("\ufeff".encode("utf-8"), "UTF-8 with a byte order mark"), *_UTF_16
    for mark, encoding in encodings:
        if content.startswith(mark):
            raise ValueError(
                f"{path}, line 1: the file is {encoding}, which Nova does not read; save it as "
                "plain UTF-8"
            )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {number}: the byte 0x{content[error.start]:02x} is no UTF-8; expected "
            "a nova.conf, a text file in UTF-8"
        ) from None
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {number}: a zero byte; expected a nova.conf, a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


_UTF_16 = (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")


def _short(line):
    return line if len(line) <= 60 else line[:57] + "..."
