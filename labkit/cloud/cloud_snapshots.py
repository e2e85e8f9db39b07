"""The tables of a cloud about images and servers with disks; see labkit/cloud/cloud_tables.py.

``stages``: seq, instance, stage, start_s, end_s, bytes_in, bytes_out, command
    The stages of each snapshot by a libvirt driver: what was read and what was written or sent.
``host_log``: seq, t_s, instance, service, kind, what
    What a libvirt driver's host did: commands ("execute"; "returned" if they failed), what was done
    to guests, Ceph and files, lines of the log, and "raised" when a snapshot ended with an error.
``images``: image, instance, name, status, disk_format, container_format, size, location
    The images that servers were made into and that glance has now; ``size`` in bytes, ``location``
    where a direct snapshot put it; empty where nobody said it.
"""

from labkit.cloud.cloud_tables import frame
from labkit.nova import clock as trace

STAGES = "seq instance stage start_s end_s bytes_in bytes_out command".split()
IMAGES = "image instance name status disk_format container_format size location".split()
HOST_LOG = "seq t_s instance service kind what".split()


class CloudSnapshots:
    """The part of Cloud that shows what became of snapshots."""

    @property
    def stages(self):
        """The stages of the snapshots, a DataFrame."""
        return frame(STAGES, _stages(self._site.trace))

    @property
    def images(self):
        """The images that servers were made into, a DataFrame."""
        found = self._site.glance.images.items()
        rows = ((i, *(image.get(name) for name in IMAGES[1:])) for i, image in found)
        return frame(IMAGES, rows)

    @property
    def host_log(self):
        """What the hosts of libvirt drivers did, a DataFrame."""
        return frame(HOST_LOG, _host_log(self._site.trace))


def _stages(records):
    for seq, record in enumerate(records):
        if isinstance(record, trace.Stage):
            yield (seq, *(getattr(record, name) for name in STAGES[1:]))


def _host_log(records):
    for seq, record in enumerate(records):
        if isinstance(record, trace.HostEvent):
            yield seq, record.t_s, record.instance, record.service, record.kind, record.text
