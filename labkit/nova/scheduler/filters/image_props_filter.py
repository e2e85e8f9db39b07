"""Match architecture, hypervisor and VM mode of the image (filters/image_props_filter.py)."""

import operator

from labkit.nova import conf
from labkit.nova.exception import NotModelled
from labkit.nova.objects.image_meta import PREDICATE, canonicalize
from labkit.nova.scheduler import filters

CONF = conf.CONF
_COMPARE = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "!=": operator.ne,
    "==": operator.eq,
}


class ImagePropertiesFilter(filters.BaseHostFilter):
    """What the image asks must all stand in one of the host's supported_instances.

    Source: nova/scheduler/filters/image_props_filter.py, Nova 34.0.0. Unlike Nova, an image
    with ``hw_maxphysaddr_bits`` is refused by name: Nova 34.0.0 itself fails there, for it
    reads ``cpu_info``, a text, as a dict.
    """

    RUN_ON_REBUILD = True
    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether one supported triple holds everything asked."""
        image_props = spec_obj.image.properties if spec_obj.image else {}
        wanted = wanted_props(image_props)
        if not wanted:
            return True
        version = image_props.get("img_hv_requested_version")
        for supported in host_state.supported_instances or []:
            if all(item in supported for item in wanted) and version_satisfied(
                host_state.hypervisor_version, version
            ):
                if image_props.get("hw_maxphysaddr_bits"):
                    raise NotModelled("Unlike Nova, the lab does not judge hw_maxphysaddr_bits")
                return True
        return False


def wanted_props(image_props) -> list[str]:
    """Return architecture, hypervisor type and VM mode that an image asks for, if it does."""
    default = CONF.filter_scheduler.image_properties_default_architecture
    architecture = image_props.get("hw_architecture", default)
    wanted = (
        canonicalize("hw_architecture", architecture),
        image_props.get("img_hv_type"),
        image_props.get("hw_vm_mode"),
    )
    return [item for item in wanted if item]


def version_satisfied(hypervisor_version, predicates) -> bool:
    """Return whether 8002000 (8.2.0) meets texts such as ``>=7.0,<9``; no version passes.

    Source: ``VersionPredicate`` in oslo_utils/versionutils.py, as Nova 34.0.0 uses it. Unlike
    Nova, a predicate is made of numbers and dots alone; one like ``>=7.0rc1`` is refused.
    """
    if not (hypervisor_version and predicates):
        return True
    version = []
    while hypervisor_version:
        hypervisor_version, part = divmod(hypervisor_version, 1000)
        version.insert(0, part)
    for predicate in predicates.split(","):
        match = PREDICATE.match(predicate)
        if match is None:
            raise ValueError(f"img_hv_requested_version: cannot read {predicate!r}")
        wanted = [int(part) for part in match[2].split(".")]
        if not _COMPARE[match[1]](_stripped(version), _stripped(wanted)):
            return False
    return True


def _stripped(version):
    while version and version[-1] == 0:
        version = version[:-1]
    return version
