"""The wheels of the lab in a browser, and which of a Pyodide's packages it takes."""

import zipfile

from tools.site.packages import closure, entry, of_labkit, pack, smaller


def inside(wheel):
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_a_wheel_is_the_same_bytes_whenever_it_is_packed(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    files = {"b.py": b"2", "a.py": b"1"}
    first = pack(tmp_path / "first", "two-words", "1.0", dict(files))
    second = pack(tmp_path / "second", "two-words", "1.0", dict(reversed(files.items())))
    assert first.name == "two_words-1.0-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()
    assert inside(first) == {"a.py", "b.py", "two_words-1.0.dist-info/METADATA"}


def test_tests_and_fonts_that_no_figure_needs_stay_out(tmp_path):
    kept = {"pandas/testing.py", "matplotlib/mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"}
    dropped = {"numpy/tests/test_it.py", "matplotlib/mpl-data/fonts/ttf/cmr10.ttf"}
    whole = pack(tmp_path, "whole", "1", dict.fromkeys(kept | dropped, b""))
    smaller(whole, tmp_path / "small.whl")
    assert inside(tmp_path / "small.whl") == kept | {"whole-1.dist-info/METADATA"}


def test_only_what_is_needed_is_taken(tmp_path):
    wheel = pack(tmp_path, "labkit", "0", {})
    packages = {
        "labkit": entry(wheel, "labkit", "0", ["Two.Words", "fonttools"]),
        "two-words": entry(wheel, "two-words", "0", ["labkit"]),
        "fonttools": entry(wheel, "fonttools", "0", []),
        "scipy": entry(wheel, "scipy", "0", []),
    }
    taken = closure(packages, ["labkit"])
    assert set(taken) == {"labkit", "two-words"}
    assert taken["labkit"]["depends"] == ["Two.Words"]


def test_labkit_brings_the_data_where_its_exercises_look(root, tmp_path):
    (tmp_path / "two_hosts").mkdir()
    (tmp_path / "two_hosts" / "hosts.csv").write_text("host")
    files = of_labkit(root / "labkit", tmp_path)
    assert files["data/two_hosts/hosts.csv"] == b"host"
    assert "labkit/exercises/lesson_00.py" in files
    assert not any("__pycache__" in name for name in files)
