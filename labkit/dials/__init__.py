"""Dials: controls, a figure that follows them, and the answer in a sentence.

A dial is a panel for a notebook (``panel`` has what all share). Turning a control asks the model
again, moves the artists of one figure that is laid out once, and writes it as SVG into the page,
with the answer below.

Uses: cloud, decision, fleet, neighbours, nova, nova13, plots, qcow2, studies, tables.
"""

from labkit.dials.context import ContextDial, context
from labkit.dials.creation import CreationDial, creation
from labkit.dials.fleet import FleetDial, fleet
from labkit.dials.overcommit import OvercommitDial, overcommit
from labkit.dials.overlay import OverlayDial, overlay
from labkit.dials.player import PlayerDial, player
from labkit.dials.qemu_img import QemuImgPanel, real_qemu_img
from labkit.dials.rpc import RpcDial, rpc
from labkit.dials.scores import MULTIPLIERS, ScoresDial, scores
from labkit.dials.snapshot import SnapshotDial, snapshot

__all__ = [
    "MULTIPLIERS",
    "ContextDial",
    "CreationDial",
    "FleetDial",
    "OvercommitDial",
    "OverlayDial",
    "PlayerDial",
    "QemuImgPanel",
    "RpcDial",
    "ScoresDial",
    "SnapshotDial",
    "context",
    "creation",
    "fleet",
    "overcommit",
    "overlay",
    "player",
    "real_qemu_img",
    "rpc",
    "scores",
    "snapshot",
]
