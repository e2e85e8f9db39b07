"""Real qcow2 files, read and written without QEMU: base, overlay, map, flatten.

A guest's disk is cut into clusters. A table of two levels says for each cluster where in the
file it lies, that it is all zeros, or nothing: then the backing file is asked. A third table
counts how often each cluster of the file is used.

Source: docs/interop/qcow2.txt of QEMU. Unlike QEMU, the lab does not write compressed clusters
and refuses encryption, external data files, subclusters and zstd by name.

Uses: neighbours.
"""

from labkit.qcow2.check import check
from labkit.qcow2.header import Field, Header, Qcow2Error
from labkit.qcow2.image import Image
from labkit.qcow2.raw import Extent
from labkit.qcow2.scratch import scratch
from labkit.qcow2.writer import WritableImage, create, flatten

__all__ = ["Extent", "Field", "Header", "Image", "Qcow2Error", "WritableImage", "check", "create"]
__all__ += ["flatten", "scratch"]
