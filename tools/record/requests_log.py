"""Make data/logs/one_server: what four services of the real Nova write while a server lives.

A whole Nova 34.0.0 in one process (tools/record/lives), its hypervisor a fake.
An ordinary user creates a server; later its guest stops by itself, and a periodic task of its host
finds that. Each line is Nova's, in oslo.log's default format, and goes into the file of the service
that wrote it. Kept are the loggers of LOGGERS.

So that each run writes the same bytes, the clock moves 1 ms per line, the process is 7, ids are
derived from the order in which they appear, times in texts are 0.00, and the folder of the
installation reads /usr/lib/python3/dist-packages. Placement, which shares the process here,
does not leave its contexts to Nova's threads.
"""

import datetime
import logging
import pathlib
import re
import uuid

from tools.record.lives import cloud as nova_cloud

# isort: split
import nova
from nova import context as nova_context
from nova.compute import power_state
from oslo_config import cfg
from oslo_context import context as oslo_context
from oslo_log import formatters

from tools.record import write
from tools.record.lives.recorder import service

SERVICES = ("api", "conductor", "scheduler", "compute")
LOGGERS = (
    "nova.api.openstack.requestlog",
    "nova.compute.api",
    "nova.compute.claims",
    "nova.compute.manager",
    "nova.conductor.manager",
    "nova.filters",
    "nova.scheduler.manager",
)
SITE_PACKAGES = str(pathlib.Path(nova.__file__).parents[1])
START = datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SECONDS = re.compile(r"(?<=Took )\d+\.\d+|(?<= time: )\d+\.\d+")
WHEN = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class LogFiles(logging.Handler):
    """The lines of each service, by oslo.log's own formatter, on a clock that moves 1 ms a line."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        date = "%Y-%m-%d %H:%M:%S"
        self.formatter = formatters.ContextFormatter(config=cfg.CONF, datefmt=date)
        self.formatter.converter = lambda created: datetime.datetime.fromtimestamp(
            created, datetime.UTC
        ).timetuple()
        self.lines = {name: [] for name in SERVICES}
        self.ids = {}

    def emit(self, record):
        if record.name not in LOGGERS:
            return
        millis = 1 + sum(map(len, self.lines.values()))
        record.created, record.msecs = START.timestamp() + millis / 1000, millis % 1000
        record.process = 7
        text = UUID.sub(self.known, self.format(record)).replace(
            SITE_PACKAGES, "/usr/lib/python3/dist-packages"
        )
        text = WHEN.sub(START.strftime("%Y-%m-%dT%H:%M:%SZ"), SECONDS.sub("0.00", text))
        self.lines[service().partition("@")[0]].append(text)

    def known(self, found):
        """An id that tells only which of all ids it is."""
        name = f"id {self.ids.setdefault(found[0], len(self.ids))}"
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def for_nova_alone(context):
    """Keep a context for the lines of its thread, unless it is placement's."""
    if isinstance(context, nova_context.RequestContext):
        oslo_context._request_store.context = context


def body(cloud, files):
    """Create a server, let its guest stop, and let its host look."""
    root, level = logging.getLogger(), logging.getLogger().level
    logging.disable(logging.NOTSET)
    root.addHandler(files)
    root.setLevel(logging.DEBUG)
    try:
        user = cloud.api_fixture.api
        user.microversion = "2.37"  # the first that knows networks "none"
        request = cloud.create_body(networks="none")
        status, reply = cloud.request("POST", "/servers", request, user)
        if status != 202:
            raise AssertionError(f"create: {status} {reply}")
        cloud.created(reply)
        cloud.quiet()
        cloud.guest("host1").state = power_state.SHUTDOWN
        del oslo_context._request_store.context  # a periodic task has a thread of its own
        cloud.periodic("_sync_power_states", "host1")
        cloud.quiet()
    finally:
        root.removeHandler(files)
        root.setLevel(level)
        logging.disable(logging.CRITICAL)


def record(folder):
    """Write the four logs."""
    files = LogFiles()
    oslo_context.RequestContext.update_store = for_nova_alone
    nova_cloud.run(
        lambda cloud: body(cloud, files), (("", "sync_power_state_pool_size", 1),), ("host1",)
    )
    for name, lines in files.lines.items():
        text = "".join(f"{line}\n" for line in lines)
        write(folder / f"logs/one_server/nova-{name}.log", text)
