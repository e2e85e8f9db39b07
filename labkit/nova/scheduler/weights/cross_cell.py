"""When a server moves, prefer its own cell (weights/cross_cell.py)."""

import numpy as np

from labkit.nova.scheduler import weights


class CrossCellWeigher(weights.BaseHostWeigher):
    """1 in the preferred cell, -1 elsewhere, 0 unless the request may move across cells.

    Source: nova/scheduler/weights/cross_cell.py, Nova 34.0.0.
    """

    multiplier_option = "cross_cell_move_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win."""
        destination = weight_properties.requested_destination
        if not destination or not destination.cell or not destination.allow_cross_cell_move:
            return self.clamp(weights.nothing(len(weighed_obj_list)))
        cells = weighed_obj_list.fleet.texts["cell_uuid"]
        rows = weighed_obj_list.rows.tolist()
        cells = [1.0 if cells[row] == destination.cell else -1.0 for row in rows]
        return self.clamp(np.array(cells))
