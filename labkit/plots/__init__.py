"""Table in, figure out: each function draws one table and says the answer in words."""

from labkit.plots.clusters import clusters
from labkit.plots.figure import Figure
from labkit.plots.filters import funnel
from labkit.plots.placements import fill, winner_map
from labkit.plots.scores import scores
from labkit.plots.weighing import weighing

__all__ = ["Figure", "clusters", "fill", "funnel", "scores", "weighing", "winner_map"]
