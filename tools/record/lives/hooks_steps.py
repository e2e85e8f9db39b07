"""Steps at which something can be made to fail or to wait, beside the calls to the neighbours."""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova.compute import manager as compute_manager
from nova.compute import resource_tracker
from nova.conductor import manager as conductor_manager
from nova.scheduler import utils as scheduler_utils

from tools.record.lives.faults import FAULTS
from tools.record.lives.hooks_rows import wrap


def install():
    """Put the hooks in; once per process."""

    @wrap(conductor_manager.ComputeTaskManager, "_recheck_quota")
    def recheck_quota(original, self, *args, **kwargs):
        FAULTS.at("recheck_quota")
        return original(self, *args, **kwargs)

    @wrap(resource_tracker.ResourceTracker, "instance_claim")
    def instance_claim(original, self, *args, **kwargs):
        FAULTS.at("claim", self.host)
        return original(self, *args, **kwargs)

    @wrap(compute_manager.ComputeManager, "_prep_block_device")
    def prep_block_device(original, self, *args, **kwargs):
        FAULTS.at("block_device_mapping", self.host)
        return original(self, *args, **kwargs)

    @wrap(scheduler_utils, "claim_resources")
    def claim_resources(original, *args, **kwargs):
        FAULTS.at("claim_resources")
        return original(*args, **kwargs)
