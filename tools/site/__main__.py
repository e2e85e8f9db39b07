"""Build the lab as a folder of static files that run in a browser: `make site`.

    python -m tools.site [--pyodide FOLDER_OR_ADDRESS] [--into build/site]

JupyterLite is the page, Pyodide its Python. The address that the kernel was made for is the default:
the browser then fetches Python and its packages from there. With a folder (a Pyodide distribution
unpacked) what the lab needs of it is copied, and the site asks nobody else for anything.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from tools.lab import LESSONS, copy_of
from tools.site.packages import (
    DONE_WITHOUT,
    FIRST,
    closure,
    entry,
    of_installed,
    of_labkit,
    pack,
    smaller,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).parent / "page"
SETTINGS = ROOT / "tools" / "jupyter" / "labconfig" / "default_setting_overrides.json"
KERNEL = "@jupyterlite/pyodide-kernel-extension"
EXTENSION = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / KERNEL
#: The core of a Pyodide; all else is named in its lock file.
CORE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
#: Packages of this environment that go into the site, and what each needs there.
INSTALLED = {"simpy": [], "comm": ["traitlets"], "ipywidgets": ["comm", "ipython", "traitlets"]}
#: Packages that the kernel itself brings.
BROUGHT = ("piplite", "pyodide_kernel", "ipykernel")
#: JupyterLite takes a file for JSON if its name says so anywhere, and Python waits for it for ever.
NAMED, THERE = ".json.gz", ".gz"


def is_address(pyodide):
    """Return whether *pyodide* is an address, not a folder."""
    return urlsplit(pyodide).scheme in ("http", "https")


def default_address():
    """Return the address that the kernel itself would fetch Pyodide from."""
    schema = json.loads((EXTENSION / "static" / "schema" / "kernel.v0.schema.json").read_text())
    return schema["properties"]["pyodideUrl"]["default"].rpartition("/")[0]


def lock_of(pyodide):
    """Return the lock file of a Pyodide, a folder or an address; end with a sentence without one."""
    try:
        if is_address(pyodide):
            address = f"{pyodide}/pyodide-lock.json"
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - http alone
                return json.load(answer)
        return json.loads(Path(pyodide, "pyodide-lock.json").read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"PYODIDE={pyodide}: no pyodide-lock.json can be read there ({error}).")


def data_files(lessons):
    """Yield the files of data/ but for recordings of Nova, of which only those that *lessons* name."""
    named = set(re.findall(r"data/(nova-\d+/[\w.-]+)", lessons))
    for path in sorted((ROOT / "data").rglob("*")):
        name = path.relative_to(ROOT / "data").as_posix()
        if path.is_file() and (not name.startswith("nova-") or name in named):
            yield name, path


def contents(folder, cover):
    """Put into *folder* the lessons as a learner gets them, each under a cover, and their data."""
    (folder / "notebooks").mkdir(parents=True)
    text = ""
    for lesson in sorted(LESSONS.glob("*.ipynb")):
        notebook = json.loads(copy_of(lesson))
        first = next(i for i, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
        above = {"cell_type": "markdown", "id": "browser", "metadata": {}, "source": cover}
        notebook["cells"].insert(first, above)
        kernel = {"display_name": "Python", "language": "python", "name": "python"}
        notebook["metadata"]["kernelspec"] = kernel
        written = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
        there = written.replace(NAMED, THERE)
        (folder / "notebooks" / lesson.name).write_text(there, encoding="utf-8")
        text += written
    for name, path in data_files(text):
        target = folder / "data" / name.replace(NAMED, THERE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def own_wheels(folder, data):
    """Write the lab's own wheels, and what the kernel brings, into *folder*; return their entries."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [re.match(r"[\w-]+", need)[0] for need in project["dependencies"]]
    entries = []
    labkit = pack(folder, "labkit", "0", of_labkit(ROOT / "labkit", data))
    entries.append(entry(labkit, "labkit", "0", needs, ["labkit"]))
    for name, needs in INSTALLED.items():
        wheel = pack(folder, name, version(name), of_installed(name))
        entries.append(entry(wheel, name, version(name), needs, [name]))
    for source in sorted((EXTENSION / "static" / "pypi").glob("*.whl")):
        name, release = source.name.split("-")[:2]
        if name in BROUGHT:
            wheel = shutil.copyfile(source, folder / source.name)
            entries.append(entry(wheel, name.replace("_", "-"), release, [], [name]))
    return {one["name"]: one for one in entries}


def python(site, pyodide, data):
    """Put Python's part into the site: the lab's packages, and of a folder what they need."""
    folder = site / "python"
    folder.mkdir()
    lock, own = lock_of(pyodide), own_wheels(folder, data)
    lock["packages"] = closure(lock["packages"] | own, FIRST)
    for name, one in lock["packages"].items():
        if name in own:
            continue
        file = one["file_name"]
        if is_address(pyodide):
            one["file_name"] = f"{pyodide}/{file}"
        else:
            smaller(Path(pyodide, file), folder / file)
            one["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    if not is_address(pyodide):
        for name in CORE:
            shutil.copyfile(Path(pyodide, name), folder / name)
    (folder / "pyodide-lock.json").write_text(json.dumps(lock, indent=1, sort_keys=True))
    loader = (PAGE / "loader.js").read_text()
    core = f"{pyodide}/" if is_address(pyodide) else "./"
    (folder / "loader.js").write_text(loader.replace("PYODIDE", core))


def settings():
    """Return what JupyterLite is told: the kernel's Python, and no index of packages."""
    kernel = {
        "pyodideUrl": "./python/loader.js",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {
            "lockFileURL": "./python/pyodide-lock.json",
            "packages": [*FIRST, *DONE_WITHOUT],
        },
    }
    overrides = json.loads(SETTINGS.read_text())
    overrides |= json.loads((PAGE / "overrides.json").read_text())
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Nova lab",
            "exposeAppInBrowser": True,
            "contentsStorageName": "Nova lab",
            "settingsStorageName": "Nova lab",
            "workspacesStorageName": "Nova lab",
            "litePluginSettings": {f"{KERNEL}:kernel": kernel},
            "settingsOverrides": overrides,
        },
    }


def page(site, build):
    """Build JupyterLite itself into the site."""
    (build / "jupyter-lite.json").write_text(json.dumps(settings()))
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--apps=lab", "--no-sourcemaps"]
    command += ["--no-unused-shared-packages", f"--lite-dir={build}", f"--output-dir={site}"]
    command += [f"--contents={build / 'contents'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=build)
    if done.returncode:
        sys.exit(f"JupyterLite was not built:\n{done.stdout}\n{done.stderr}")


def finish(site, pyodide):
    """Put the lab's own page around JupyterLite's, and say what was built."""
    lab = site / "lab" / "index.html"
    script = '<head>\n    <script src="../lab.js"></script>'
    lab.write_text(lab.read_text().replace("<head>", script))
    (site / "service-worker.js").rename(site / "jupyterlite-service-worker.js")
    shutil.copyfile(PAGE / "lab.js", site / "lab.js")
    lesson = min((site / "files" / "notebooks").glob("*.ipynb")).name
    (site / "index.html").write_text((PAGE / "index.html").read_text().replace("LESSON", lesson))
    files = sorted(path for path in site.rglob("*") if path.is_file())
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    names = [path.relative_to(site).as_posix() for path in files]
    # Kept for a visit without a network, beside what the first visit loads: widgets come late.
    later = [name for name in names if re.match(r"files/|api/|extensions/.*\.js$", name)]
    worker = (PAGE / "service-worker.js").read_text()
    worker = worker.replace("BUILD", whole).replace("[/* FILES */]", json.dumps(later))
    worker = worker.replace("/* PYODIDE */", json.dumps(pyodide) if is_address(pyodide) else "")
    (site / "service-worker.js").write_text(worker)
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    print(f"{site}: {size / 1e6:.0f} MB, Python from {pyodide}")


def main():
    """Build the site anew."""
    parser = argparse.ArgumentParser(prog="make site", allow_abbrev=False)
    parser.add_argument("--pyodide", default="")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "site")
    arguments = parser.parse_args()
    pyodide = arguments.pyodide.rstrip("/") or default_address()
    site = arguments.into.resolve()
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        contents(build / "contents", (PAGE / "cover.md").read_text().strip())
        page(site, build)
        python(site, pyodide, build / "contents" / "data")
    finish(site, pyodide)


if __name__ == "__main__":
    main()
