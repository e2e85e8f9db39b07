"""What the installed Nova says of images that the lab wrote, before it lets them into a host (lessons 06, 07)."""

import os

import pytest

from labkit import qcow2

pytestmark = pytest.mark.nova
SIZE = 1 << 20


@pytest.fixture
def inspected(tmp_path):
    """Return what Nova calls a file that glance calls something, or its refusal."""
    from tools.oracle import installed, libvirt

    def inspected(path, disk_format):
        with installed.quiet():
            try:
                return libvirt.images.do_image_deep_inspection(
                    {"disk_format": disk_format}, "it", path
                )
            except installed.exception.ImageUnacceptable as error:
                return str(error)

    return inspected


def test_a_raw_volume_that_is_called_qcow2_is_refused(tmp_path, inspected):
    (tmp_path / "volume").write_bytes(os.urandom(SIZE))
    refusal = "Image it is unacceptable: Image not in a supported format"
    assert inspected(tmp_path / "volume", "qcow2") == refusal
    assert inspected(tmp_path / "volume", "raw") == "raw"


@pytest.mark.parametrize("called", ["qcow2", "raw"])
def test_an_image_with_a_backing_file_is_refused_whatever_it_is_called(tmp_path, inspected, called):
    (tmp_path / "secret.txt").write_bytes(bytes(SIZE))
    with qcow2.create(tmp_path / "trick", SIZE, "secret.txt", "raw") as trick:
        refusal = "Image it is unacceptable: Image does not pass safety check"
        assert inspected(trick.path, called) == refusal
    with qcow2.create(tmp_path / "plain", SIZE) as plain:
        assert inspected(plain.path, "qcow2") == "qcow2"
