"""README lists what the lab leaves out, as the code says it."""

from tools import left_out


def test_the_readme_has_todays_list():
    readme = left_out.README.read_text("utf-8")
    assert readme == left_out.written(readme), "run `python -m tools.left_out`"


def test_the_list_names_what_is_common_in_real_clouds():
    text = left_out.section()
    for words in ("no volumes", "pin CPUs", "PCI devices", "NUMA topologies", "`attach_volume`"):
        assert words in text
