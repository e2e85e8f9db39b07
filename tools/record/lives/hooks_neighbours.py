"""What Nova asks of its neighbours: placement, Glance, Neutron, and the notification bus."""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import objects
from nova.image import glance
from nova.network import neutron
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import notifications
from nova.tests.functional import fixtures as func_fixtures

from tools.record.lives.faults import FAULTS
from tools.record.lives.hooks_rows import wrap
from tools.record.lives.recorder import REC, mask, service, where

GLANCE_CALLS = ("get", "create", "update", "delete", "download")
NEUTRON_CALLS = (
    "validate_networks",
    "create_resource_requests",
    "allocate_for_instance",
    "deallocate_for_instance",
    "setup_networks_on_host",
    "migrate_instance_start",
    "migrate_instance_finish",
    "setup_instance_network_on_host",
    "cleanup_instance_network_on_host",
    "bind_ports_to_host",
)
LEGACY_FIELDS = ("state", "state_description", "old_state", "old_task_state", "new_task_state")


def install():
    """Put the hooks in; once per process."""
    for verb in ("get", "post", "put", "delete"):
        _placement(verb)
    for name in GLANCE_CALLS:
        _neighbour(glance.API, name, "glance")
    for name in NEUTRON_CALLS:
        _neighbour(neutron.API, name, "neutron")
    _images()
    _notifications()


def _placement(verb):
    @wrap(func_fixtures.PlacementFixture, f"_fake_{verb}")
    def http(original, self, client, url, *args, **kwargs):
        response = original(self, client, url, *args, **kwargs)
        REC.add(
            "placement",
            verb=verb.upper(),
            url=mask(url),
            http_status=response.status_code,
            where=where(),
        )
        return response


def _neighbour(cls, name, system):
    @wrap(cls, name)
    def call(original, self, *args, **kwargs):
        REC.add("ext", system=system, call=name, where=where())
        host = service().partition("@")[2] or host_of(args, kwargs)
        FAULTS.at(f"{system} {name}", host)
        return original(self, *args, **kwargs)


def _images():
    """Nova's stand-in for Glance lists all images whatever it is asked; backups rotate by that."""

    @wrap(nova_fixtures.GlanceFixture, "detail")
    def detail(original, self, context, **kwargs):
        wanted = {
            key.removeprefix("property-"): value
            for key, value in (kwargs.get("filters") or {}).items()
        }
        found = [
            image
            for image in original(self, context)
            if all(image.get("properties", {}).get(key) == wanted[key] for key in wanted)
        ]
        # kept in the order in which they were made
        return found[::-1] if kwargs.get("sort_dir") == "desc" else found


def host_of(args, kwargs):
    """The host of the instance among the arguments, if there is one."""
    instances = [a for a in (*args, *kwargs.values()) if isinstance(a, objects.Instance)]
    return instances[0].host if instances else None


def _notifications():
    @wrap(notifications.FakeNotifier, "_notify")
    def legacy(original, self, priority, ctxt, event_type, payload):
        fields, uuid = legacy_payload(payload)
        _note("legacy", self.publisher_id, priority, event_type, fields, uuid)
        return original(self, priority, ctxt, event_type, payload)

    @wrap(notifications.FakeVersionedNotifier, "_notify")
    def versioned(original, self, priority, ctxt, event_type, payload):
        fields, uuid = versioned_payload(payload)
        _note("versioned", self.publisher_id, priority, event_type, fields, uuid)
        return original(self, priority, ctxt, event_type, payload)


def _note(form, publisher, priority, event_type, payload, uuid):
    REC.add(
        "notify",
        uuid,
        format=form,
        event_type=event_type,
        # All services share one CONF.host here: the host half of the publisher tells nothing.
        publisher=(publisher or "").replace(":", ".").split(".")[0],
        priority=priority,
        payload=payload,
        where=where(),
    )


def legacy_payload(payload):
    """The state fields of an unversioned notification, and whose it is."""
    if not isinstance(payload, dict):
        return {}, None
    fields = {key: payload[key] for key in LEGACY_FIELDS if key in payload}
    if payload.get("exception") is not None:
        fields["exception"] = type(payload["exception"]).__name__
    return fields, payload.get("instance_id")


def versioned_payload(payload):
    """The state fields of a versioned notification, and whose it is."""
    if not isinstance(payload, dict) or "nova_object.data" not in payload:
        return {}, None
    fields = {"object": f"{payload['nova_object.name']}/{payload['nova_object.version']}"}
    data = payload["nova_object.data"]
    for key in ("host", "old_display_name", "phase"):
        if data.get(key) is not None:
            fields[key] = data[key]
    for key in ("state", "task_state", "power_state"):
        if key in data:
            fields[key] = data[key]
    for key in ("reason", "fault"):
        if isinstance(data.get(key), dict):
            fields["fault"] = data[key]["nova_object.data"]["exception"]
    if data.get("state_update"):
        fields["state_update"] = dict(sorted(data["state_update"]["nova_object.data"].items()))
    return fields, data.get("uuid") or data.get("instance_uuid")
