"""Colour and hatch of each vm_state, the same in every figure."""

from labkit.plots.figure import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, YELLOW

#: A label or a legend says in words what they mean.
STYLES = {
    "active": (GREEN, ""),
    "building": (YELLOW, "//"),
    "stopped": (GREY, ""),
    "error": (VERMILLION, "xxx"),
    "deleted": ("#FFFFFF", ".."),
    "paused": (SKY, "|||"),
    "suspended": (PURPLE, "\\\\"),
    "rescued": (ORANGE, "---"),
    "resized": (SKY, "+++"),
    "soft-delete": (GREY, "xxx"),
    "shelved": (BLUE, "//"),
    "shelved_offloaded": (BLUE, "xxx"),
}
UNKNOWN = ("#FFFFFF", "\\\\")


def style_of(vm_state: str | None) -> tuple[str, str]:
    """Colour and hatch of a vm_state, also of one that Nova does not have."""
    return STYLES.get(vm_state, UNKNOWN)


def light(colour: str) -> str:
    """A colour mixed with white, on which black text is easily read.

    >>> light("#000000"), light("#FFFFFF")
    ('#737373', '#ffffff')
    """
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.55 * (255 - part)):02x}" for part in parts)
