"""The two judges of a snapshot: the lab's driver and the installed Nova's."""

import tempfile
from pathlib import Path

import pytest

from tests.nova.virt.libvirt import bench


@pytest.fixture(scope="module")
def nova(tmp_path_factory):
    """The real driver; in memory, where a directory is quickly removed."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools import oracle_libvirt

    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        link = tmp_path_factory.mktemp("nova") / "in_memory"
        link.symlink_to(folder)  # Nova takes a path that begins with /dev for a logical volume
        with oracle_libvirt.Oracle(link) as oracle:
            yield oracle


@pytest.fixture(scope="module")
def lab(root):
    return bench.Bench(root)
