"""When a server moves, prefer its own cell (weights/cross_cell.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class CrossCellWeigher(weights.BaseHostWeigher):
    """1 in the preferred cell, -1 elsewhere, 0 unless the request may move across cells."""

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "cross_cell_move_weight_multiplier",
            CONF.filter_scheduler.cross_cell_move_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        destination = weight_properties.requested_destination
        if destination and destination.cell and destination.allow_cross_cell_move:
            return 1 if host_state.cell_uuid == destination.cell else -1
        return 0
