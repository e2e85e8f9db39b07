"""What is declared, what is locked and what is imported agree."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest
import rattler
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import labkit

# What labkit needs, and no more; PIL is matplotlib's own need.
NEEDED = {"numpy", "pandas", "matplotlib", "ipywidgets", "simpy"}
ALLOWED = NEEDED | {"PIL"}
LOCKS = (
    "requirements.lock",
    "requirements-test.lock",
    "requirements-site.lock",
    ".ci/pyodide.lock",
)
# pip brings these two; every other dependency conda brings.
BY_PIP = {"numpy", "simpy"}


@pytest.fixture
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture
def conda(root):
    """The match specs of environment.yml by name, and the list of its pip part."""
    listed = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    specs = [rattler.MatchSpec(entry) for entry in listed if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return {spec.name.normalized: spec for spec in specs}, pip


def locked(path):
    """{name: version} of every package that *path* would install here."""
    lines = re.findall(r"^(\S+==[^\\\n]+)", path.read_text(), re.MULTILINE)
    requirements = [Requirement(line.strip()) for line in lines]
    return {r.name: Version(str(r.specifier)[2:]) for r in requirements}


def bounds(specifier):
    return set(str(specifier).replace(" ", "").split(","))


@pytest.fixture
def for_lessons(project):
    """What a learner's environment has: labkit's needs, and JupyterLab with nbval."""
    return project["dependencies"] + project["optional-dependencies"]["lab"]


def test_labkit_alone_asks_for_what_it_imports(project):
    assert {Requirement(text).name for text in project["dependencies"]} == NEEDED


def test_conda_and_pip_ask_for_the_same_versions(project, for_lessons, conda):
    ours = {r.name: bounds(r.specifier) for r in map(Requirement, for_lessons)}
    specs, pip = conda
    theirs = {name: bounds(spec.version) for name, spec in specs.items()}
    assert theirs.pop("python") == {"3.12.*"}
    assert "3.12" in SpecifierSet(project["requires-python"])
    assert theirs.pop("pip") == {"None"}  # any
    assert theirs == {name: bound for name, bound in ours.items() if name not in BY_PIP}
    assert pip == ["-e .[lab]"]


def test_every_dependency_has_both_bounds(for_lessons):
    for requirement in map(Requirement, for_lessons):
        assert {s.operator for s in requirement.specifier} == {">=", "<"}, requirement


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_lock_has_what_is_declared(root, project, for_lessons, name):
    versions = locked(root / name)
    wanted = list(for_lessons)
    if name == "requirements-test.lock":
        wanted += itertools.chain(*project["optional-dependencies"].values())
    for requirement in map(Requirement, wanted):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_both_locks_have_the_same_versions(root):
    lab, test = locked(root / "requirements.lock"), locked(root / "requirements-test.lock")
    assert {name: test.get(name) for name in lab} == lab


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_address(root, name):
    text = (root / name).read_text()
    assert "://" not in text
    assert "-index" not in text
    assert all("--hash" in block for block in re.split(r"\n(?=\w)", text)[1:])


def test_this_environment_is_the_locked_one(root):  # figures are the same bytes with these
    versions = locked(root / "requirements-test.lock")
    for name in ("numpy", "pandas", "matplotlib", "ipywidgets", "simpy"):
        assert Version(version(name)) == versions[name]


def test_binder_accepts_the_environment(root):
    """repo2docker chooses conda and writes its Dockerfile; nothing is built, no docker needed."""
    asked = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "Building conda environment for python=3.12" in asked.stderr


def test_labkit_is_the_copy_beside_the_tests(root):
    assert labkit.__file__ == str(root / "labkit" / "__init__.py")


def loaded_by(statement, root):
    """The top-level packages from outside Python and the lab that *statement* loads."""
    report = "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before})))"
    code = f"import json, sys\nbefore = set(sys.modules)\n{statement}\n{report}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout)) - sys.stdlib_module_names - {"labkit"}


EVERY_MODULE = """
import importlib, pkgutil
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""


def test_labkit_and_its_model_load_numpy_and_simpy_alone(root):
    """Tables, figures and dials bring their packages when they are asked for."""
    assert loaded_by("import labkit", root) <= {"numpy", "simpy"}
    assert loaded_by(EVERY_MODULE.format(package="labkit.nova"), root) <= {"numpy", "simpy"}


def test_pyplot_is_never_loaded(root):
    statement = (
        EVERY_MODULE.format(package="labkit") + "assert 'matplotlib.pyplot' not in sys.modules"
    )
    loaded_by(statement, root)


def test_labkit_can_be_imported_where_there_are_no_threads_processes_and_sockets(root):
    """As in a browser; what needs them imports them when it is called."""
    loaded_by(
        "import matplotlib.figure, matplotlib.backends.backend_agg, matplotlib.backends.backend_svg\n"
        "import ipywidgets, pandas, simpy, matplotlib.colors, matplotlib.patches, matplotlib.ticker\n"
        "for name in 'threading subprocess socket ssl multiprocessing signal select fcntl lzma'.split():\n"
        "    sys.modules[name] = None\n" + EVERY_MODULE.format(package="labkit"),
        root,
    )


def test_labkit_imports_five_packages_and_no_other(root):
    """At the top of a file or inside a function: whatever any line of labkit may import."""
    for path in (root / "labkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = {node.module.split(".")[0]}
            elif isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            else:
                continue
            assert names <= ALLOWED | {"labkit"} | sys.stdlib_module_names, path


def test_what_nova_said_is_closed_to_other_tests(root):
    """The judge of conftest.py watches; without this folder the lab would do the same."""
    with pytest.raises(RuntimeError, match="not marked nova"):
        (root / "data" / "nova-34" / "README.md").read_text(encoding="utf-8")
