"""Keep some images on some hosts (filters/isolated_hosts_filter.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import filters

CONF = conf.CONF


class IsolatedHostsFilter(filters.BaseHostFilter):
    """Isolated images run on isolated hosts only; whether other images may too is an option."""

    RUN_ON_REBUILD = True
    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether image and host belong together."""
        isolated_images = CONF.filter_scheduler.isolated_images
        restrict = CONF.filter_scheduler.restrict_isolated_hosts_to_isolated_images
        host_isolated = host_state.host in CONF.filter_scheduler.isolated_hosts
        if not isolated_images:
            return not restrict or not host_isolated
        image_isolated = (spec_obj.image.id if spec_obj.image else None) in isolated_images
        if restrict:
            return image_isolated == host_isolated
        return not image_isolated or host_isolated
