"""Match extra specs of the flavor against the host (filters/compute_capabilities_filter.py)."""

import json

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import extra_specs_ops


class ComputeCapabilitiesFilter(filters.BaseHostFilter):
    """Each extra spec ``capabilities:a:b``, or without a scope, must match what the host has.

    An unscoped key counts only if HostState or its stats have it. A text in the way is read
    as JSON. What is not there does not match.
    """

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the host meets all extra specs."""
        return next(mismatches(host_state, spec_obj), None) is None


def mismatches(host_state, spec_obj):
    """Yield (extra spec, what it asks for, what the host has or None)."""
    especs = dict(spec_obj.flavor.extra_specs)
    bits = especs.pop("hw:maxphysaddr_bits", None)
    if bits is not None:
        especs["capabilities:cpu_info:maxphysaddr:bits"] = ">= " + bits
    for key, req in especs.items():
        scope = key.split(":")
        if len(scope) == 1:
            if not hasattr(host_state, key) and key not in host_state.stats:
                continue
        elif scope[0] != "capabilities":
            continue
        else:
            del scope[0]
        cap = _get_capabilities(host_state, scope)
        if cap is None or not extra_specs_ops.match(str(cap), req):
            yield key, req, cap


def _get_capabilities(host_state, scope):
    cap = host_state
    for name in scope:
        try:
            if isinstance(cap, str):
                cap = json.loads(cap)
            if isinstance(cap, dict):
                cap = cap.get(name)
            elif getattr(cap, name, None) is None:
                cap = cap.stats.get(name)
            else:
                cap = getattr(cap, name)
        except (AttributeError, ValueError):
            return None
        if cap is None:
            return None
    return cap
