"""The two judges of a snapshot: the lab's driver and the installed Nova's."""

import tempfile
from pathlib import Path

import pytest

from tests.helpers import snapshots


def _in_memory(tmp_path_factory, oracle):
    """Ask an oracle; in memory, where a directory is quickly removed."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    parent = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        link = tmp_path_factory.mktemp("nova") / "in_memory"
        link.symlink_to(folder)  # Nova takes a path that begins with /dev for a logical volume
        with oracle(link) as ready:
            yield ready


@pytest.fixture(scope="module")
def nova(tmp_path_factory):
    """The real driver."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools.oracle import libvirt

    yield from _in_memory(tmp_path_factory, libvirt.Oracle)


@pytest.fixture(scope="module")
def managed_nova(tmp_path_factory):
    """The real driver under the real manager."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools.oracle import snapshot

    yield from _in_memory(tmp_path_factory, snapshot.Oracle)


@pytest.fixture(scope="module")
def lab(root):
    return snapshots.Bench(root)


@pytest.fixture(scope="module")
def managed_lab(root):
    return snapshots.Managed(root)
