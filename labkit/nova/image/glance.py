"""With whose rights Nova asks glance for an image: the user's, or nobody's (nova/image/glance.py)."""

from labkit.nova import exception

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

    Source: ``GlanceImageServiceV2.show`` in nova/image/glance.py, Nova 34.0.0.
    """
    endpoint = get_endpoint(context)
    if not context.auth_token:
        raise exception.AuthorizationFailure
    return {
        "url": f"{endpoint}/v2/images/{image_id}",
        "X-Auth-Token": context.auth_token,
        "X-OpenStack-Request-ID": context.global_id,
    }
