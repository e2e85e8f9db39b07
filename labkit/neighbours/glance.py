"""Glance as far as Nova needs it: the images that snapshots make, and their end."""

from labkit.nova.clock import Call
from labkit.nova.exception import ImageNotFound


class Glance:
    """The images of one cloud: ``images`` maps an id to its status and what it was made of.

    ``registered`` is the status of an image whose data is still to come.
    """

    def __init__(self):
        self.images = {}
        self.registered = "queued"
        self._count = 0

    def get(self, service, name, image_id=None, by=None):
        """Read an image. Raises ImageNotFound for one that snapshots made and that is gone."""
        service.note(Call, name, "glance", "get", by=by)
        if image_id is not None and image_id not in self.images:
            raise ImageNotFound(image_id=image_id)
        return self.images.get(image_id, {"status": "active"})

    def create(self, service, name, **properties) -> str:
        """Register an image that is still to be uploaded; return its id."""
        service.note(Call, name, "glance", "create")
        self._count += 1
        image_id = f"image-{self._count}"
        self.images[image_id] = {"status": self.registered, "instance": name, **properties}
        return image_id

    def upload(self, image_id):
        """Note that the data of an image is there."""
        if image_id in self.images:
            self.images[image_id]["status"] = "active"

    def update(self, service, name, image_id, metadata, data=None, purge_props=True, by=None):
        """Set an image's metadata, and its data: a number of bytes, None for none.

        Raises ImageNotFound for one that is gone.
        """
        service.note(Call, name, "glance", "update", by=by)
        if image_id not in self.images:
            raise ImageNotFound(image_id=image_id)
        self.images[image_id] |= metadata
        if data is not None:
            self.images[image_id]["size"] = data

    def delete(self, service, name, image_id):
        """Delete an image. Raises ImageNotFound when it is gone."""
        service.note(Call, name, "glance", "delete")
        if self.images.pop(image_id, None) is None:
            raise ImageNotFound(image_id=image_id)

    def backups(self, name, backup_type) -> list[str]:
        """Return the ids of a server's backups of one type, newest first."""
        wanted = {"instance": name, "backup_type": backup_type}
        found = [i for i, image in self.images.items() if wanted.items() <= image.items()]
        return found[::-1]
