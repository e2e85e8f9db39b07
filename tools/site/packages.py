"""The Python packages of the site: which ones the lab needs, and small wheels of them."""

import hashlib
import re
import zipfile
from importlib.metadata import distribution
from pathlib import Path

#: Loaded when the kernel starts, together: what it would ask for one by one, and the lab.
FIRST = (
    "micropip",
    "piplite",
    "ipykernel",
    "comm",
    "pyodide-kernel",
    "sqlite3",
    "ipython",
    "labkit",
)
#: What the kernel would ask for, too, and does without: IPython completes names itself.
DONE_WITHOUT = ("ssl", "jedi")
#: What a lock file names as needed and only files in PDF, or matplotlib's own windows, need.
NEEDLESS = {"fonttools", "matplotlib-pyodide"}
#: Files that no figure of the lab and no import needs; the DejaVu fonts are matplotlib's own.
SKIPPED = re.compile(
    r"(^|/)tests/|^(numpy/(f2py|_core/include|distutils)|IPython/sphinxext)/"
    r"|^matplotlib/mpl-data/(sample_data|images|fonts/(afm|pdfcorefonts)|fonts/ttf/(?!DejaVuSans))"
)
#: A wheel is the same bytes whenever it is packed.
PACKED = (1980, 1, 1, 0, 0, 0)


def pack(folder, name, version, files):
    """Write a wheel of *files*, {name inside: bytes}, into *folder*; return its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    files[f"{stem}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    path = folder / f"{stem}-py3-none-any.whl"
    zipped(path, files)
    return path


def zipped(path, files):
    """Write *files*, {name inside: bytes}, as a zip file that is the same bytes every time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for inside, data in sorted(files.items()):
            entry = zipfile.ZipInfo(inside, PACKED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)


def smaller(source, target):
    """Copy a wheel without what the lab does not need."""
    with zipfile.ZipFile(source) as wheel:
        names = [n for n in wheel.namelist() if not n.endswith("/") and not SKIPPED.search(n)]
        zipped(target, {name: wheel.read(name) for name in names})


def of_labkit(package, data):
    """Return labkit and beside it the lessons' data, where its exercises look, as {name inside: bytes}."""
    files = {p.relative_to(package.parent): p for p in package.rglob("*.py")}
    files |= {Path("data", p.relative_to(data)): p for p in data.rglob("*")}
    return {inside.as_posix(): p.read_bytes() for inside, p in files.items() if p.is_file()}


def of_installed(name):
    """Return the Python files of an installed package as {name inside: bytes}."""
    return {
        str(file): file.locate().read_bytes()
        for file in distribution(name).files
        if not str(file).startswith("..")
        and ".dist-info" not in str(file)
        and ".pyc" not in file.name
    }


def entry(path, name, version, depends, imports=()):
    """Return what a lock file says of the wheel at *path*."""
    return {
        "name": name,
        "version": version,
        "file_name": path.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": list(imports),
        "depends": list(depends),
        "unvendored_tests": False,
    }


def closure(packages, wanted):
    """Return those of *packages*, a lock file's, that *wanted* and their needs name."""
    found = {}
    todo = list(wanted)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name not in found and name not in NEEDLESS:
            found[name] = packages[name] | {
                "depends": [n for n in packages[name]["depends"] if n not in NEEDLESS]
            }
            todo += found[name]["depends"]
    return found
