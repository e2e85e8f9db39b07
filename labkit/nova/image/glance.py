"""How Nova asks glance, and with whose rights: the user's, or nobody's (nova/image/glance.py)."""

from labkit.neighbours.glance import HTTPNotFound
from labkit.nova import exception
from labkit.nova.clock import Call

#: The kinds of address that Nova takes from the catalogue, the first that is there.
#: Source: ``valid_interfaces`` of the option group glance.
INTERFACES = ("internal", "public")


def get_endpoint(context) -> str:
    """Return the address of glance that the user's token came with.

    Raises EmptyCatalog for a context without a catalogue, EndpointNotFound for one without glance.

    Source: ``get_api_servers`` in nova/image/glance.py and ``_ContextAuthPlugin`` in
    nova/context.py, Nova 34.0.0.
    """
    if not context.service_catalog:
        raise exception.EmptyCatalog
    for interface in INTERFACES:
        for service in context.service_catalog:
            for endpoint in service.get("endpoints", ()):
                if service["type"] == "image" and endpoint.get(f"{interface}URL"):
                    return endpoint[f"{interface}URL"]
    raise exception.EndpointNotFound(interfaces=list(INTERFACES))


def show(context, image_id) -> dict:
    """Return the request that Nova sends to glance for an image, with its headers.

    In: a RequestContext, the image's id. Out: a dict of ``url``, ``X-Auth-Token`` and
    ``X-OpenStack-Request-ID``. What glance answers depends on the token, on nothing else of the
    context. Raises what ``get_endpoint`` does, AuthorizationFailure for a context without a token.
    """
    endpoint = get_endpoint(context)
    if not context.auth_token:
        raise exception.AuthorizationFailure
    return {
        "url": f"{endpoint}/v2/images/{image_id}",
        "X-Auth-Token": context.auth_token,
        "X-OpenStack-Request-ID": context.global_id,
    }


class API:
    """One service's way to the glance of its cloud; each call is noted.

    *name* is the server that a call is about, *by* the file:function of Nova that makes it (by
    default the one that is at work). Raises ImageNotFound for an image that snapshots made and that is gone.

    Source: ``API`` in nova/image/glance.py, Nova 34.0.0. Unlike Nova, a Cloud's glance asks for no
    token; ``show`` says which one Nova would send.
    """

    def __init__(self, service):
        self._service = service

    def get(self, name, image_id=None, by=None) -> dict:
        """Return an image; without an id one that servers are made from."""
        self._note(name, "get", by)
        if image_id is None:
            return {"status": "active"}
        return self._ask("show", image_id)

    def get_all(self, **properties) -> list[str]:
        """Return the ids of the images with these properties, newest first."""
        return self._service.site.glance.list(**properties)

    def create(self, name, /, **properties) -> str:
        """Register an image of a server that is still to be uploaded; return its id."""
        self._note(name, "create")
        return self._service.site.glance.create(instance=name, **properties)

    def update(self, name, image_id, metadata, data=None, purge_props=True, by=None):
        """Set an image's metadata, and its data: a number of bytes, None for none."""
        self._note(name, "update", by)
        size = {} if data is None else {"size": data}
        self._ask("update", image_id, metadata | size)

    def upload(self, image_id):
        """Note that the data of an image is there."""
        self._service.site.glance.upload(image_id)

    def delete(self, name, image_id):
        """Delete an image."""
        self._note(name, "delete")
        self._ask("delete", image_id)

    def _note(self, name, call, by=None):
        self._service.note(Call, name, "glance", call, by=by)

    def _ask(self, call, image_id, *args):
        try:
            return getattr(self._service.site.glance, call)(image_id, *args)
        except HTTPNotFound:
            raise exception.ImageNotFound(image_id=image_id) from None
