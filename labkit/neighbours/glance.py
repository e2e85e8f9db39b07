"""Glance, the image service: the images that snapshots of a cloud's servers become."""


class HTTPNotFound(Exception):
    """There is no such image."""


class Glance:
    """The images of one cloud: ``images`` maps an id to what glance knows of it.

    ``registered`` is the status of an image whose data is still to come.

    Unlike the real one, it lets everybody in, and of the images that servers are made from it only
    knows that they are active.
    """

    def __init__(self):
        self.images = {}
        self.registered = "queued"
        self._count = 0

    def show(self, image_id) -> dict:
        """Return an image. Raises HTTPNotFound."""
        return self._found(image_id)

    def list(self, **wanted) -> list[str]:
        """Return the ids of the images with these properties, newest first."""
        found = [i for i, image in self.images.items() if wanted.items() <= image.items()]
        return found[::-1]

    def create(self, **properties) -> str:
        """Register an image that is still to be uploaded; return its id."""
        self._count += 1
        image_id = f"image-{self._count}"
        self.images[image_id] = {"status": self.registered, **properties}
        return image_id

    def update(self, image_id, properties):
        """Set properties of an image. Raises HTTPNotFound."""
        self._found(image_id).update(properties)

    def upload(self, image_id):
        """Note that the data of an image is there, if the image still is."""
        if image_id in self.images:
            self.images[image_id]["status"] = "active"

    def delete(self, image_id):
        """Delete an image. Raises HTTPNotFound."""
        self._found(image_id)
        del self.images[image_id]

    def _found(self, image_id):
        if image_id not in self.images:
            raise HTTPNotFound(image_id)
        return self.images[image_id]
