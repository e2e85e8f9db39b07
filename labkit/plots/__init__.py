"""Table in, figure out: each function draws one table and says the answer in words.

Uses: neighbours, tables.
"""

from labkit.plots.clusters import clusters
from labkit.plots.figure import Figure, size
from labkit.plots.filters import funnel
from labkit.plots.inventories import inventories
from labkit.plots.lanes import lanes
from labkit.plots.lookup import lookup
from labkit.plots.messages import requests, sequence
from labkit.plots.move import move
from labkit.plots.placements import fill, winner_map
from labkit.plots.rights import rights
from labkit.plots.scores import scores, weighing
from labkit.plots.stages import stages
from labkit.plots.state_graph import state_graph

__all__ = [
    "Figure",
    "clusters",
    "fill",
    "funnel",
    "inventories",
    "lanes",
    "lookup",
    "move",
    "requests",
    "rights",
    "scores",
    "sequence",
    "size",
    "stages",
    "state_graph",
    "weighing",
    "winner_map",
]
