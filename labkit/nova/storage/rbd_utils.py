"""Volumes in a Ceph cluster (nova/storage/rbd_utils.py)."""

import urllib.parse

from labkit.nova import exception


class RBDDriver:
    """The RBD volumes that a host reaches; each call is noted, and may fail if a fault says so.

    ``parents`` maps a volume to the pool, image and snapshot that it was cloned from.
    """

    fsid = "fsid"

    def __init__(self, host):
        self._host = host
        self.pool = host.options.images_rbd_pool
        self.rbd_user = host.options.rbd_user
        self.ceph_conf = host.options.images_rbd_ceph_conf
        self._parent = None

    def _call(self, name, *words):
        self._host.note("rbd", name, *words)
        self._host.strike(name)

    def get_fsid(self) -> str:
        """Return the cluster's id."""
        return self.fsid

    def parent_info(self, volume):
        """Return (pool, image, snapshot) of a clone's parent; ImageUnacceptable when it has none."""
        self._call("parent_info", volume)
        return self._host.rbd_parent

    def create_snap(self, volume, name, pool=None, protect=False):
        """Take a snapshot of a volume."""
        self._call("create_snap", volume, name, pool, protect)

    def clone(self, image_location, dest_name, dest_pool=None):
        """Clone a snapshot into a pool; Forbidden without the right to write there."""
        self._call("clone", image_location["url"], dest_name, dest_pool)
        _fsid, pool, image, _snap = self.parse_url(image_location["url"])
        self._parent = f"rbd:{pool}/{image}"

    def flatten(self, volume, pool=None):
        """Copy what the clone still shares with its parent, object by object, through this host."""
        self._call("flatten", volume, pool)
        self._host.flatten(self._parent)

    def remove_snap(self, volume, name, pool=None, force=False):
        """Remove a snapshot."""
        self._call("remove_snap", volume, name, pool, force)

    def destroy_volume(self, volume, pool=None):
        """Remove a volume."""
        self._call("destroy_volume", volume, pool)

    def parse_url(self, url) -> list[str]:
        """Split rbd://fsid/pool/image/snapshot; ImageUnacceptable for anything else."""
        prefix = "rbd://"
        pieces = [urllib.parse.unquote(piece) for piece in url[len(prefix) :].split("/")]
        for bad, reason in (
            (not url.startswith(prefix), "Not stored in rbd"),
            ("" in pieces, "Blank components"),
            (len(pieces) != 4, "Not an rbd snapshot"),
        ):
            if bad:
                raise exception.ImageUnacceptable(image_id=url, reason=reason)
        return pieces
