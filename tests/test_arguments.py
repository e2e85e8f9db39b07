"""Every argument of the public face, with every kind of wrong value: a sentence, never an error from the depths.

One argument at a time of a call that is right is replaced by each value of BAD. The call may go
well, or raise on purpose: a ``raise`` of labkit, whose sentence names the argument or the value.
Of each argument a few values are tried, always the same; with LENGTH=all in the environment, all.
"""

# ruff: noqa: C408 - the arguments of a call read best as a call

import ast
import functools
import inspect
import linecache
import math
import random
import traceback
import warnings
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestContext, RequestSpec, rights
from labkit.neighbours.arguments import shown
from labkit.nova.objects import ImageMeta
from labkit.nova.scheduler.weights.ram import RAMWeigher
from labkit.qcow2 import create, scratch
from tests.helpers import length, tables

ROOT = Path(__file__).parents[1]
LABKIT = str(ROOT / "labkit")


class Broken:
    """An object that cannot even be shown."""

    def __repr__(self):
        raise RuntimeError("no repr")


def looped(container, put):
    put(container)
    return container


LIST, DICT = [], {}
LIST.append(LIST)
DICT["self"] = DICT
OTHER = pd.DataFrame({"colour": ["red"], "size": [1]})
BAD = {
    "None": None,
    "no text": "",
    "text": "no such thing",
    "long text": "x" * 100_000,
    "bytes": b"web-1",
    "True": True,
    "zero": 0,
    "negative": -1,
    "fraction": 0.5,
    "huge": 10**30,
    "nan": math.nan,
    "huge float": 1e300,
    "inf": math.inf,
    "-inf": -math.inf,
    "complex": 1j,
    "no list": [],
    "list of texts": ["a", "b"],
    "list of None": [None],
    "recursive list": LIST,
    "no dict": {},
    "dict": {"a": 1},
    "recursive dict": DICT,
    "set": {1, 2},
    "function": len,
    "class": dict,
    "object": object(),
    "broken repr": Broken(),
    "float32": np.float32(1.5),
    "int64": np.int64(3),
    "bool_": np.bool_(True),
    "array": np.array([1.0, 2.0]),
    "no array": np.array([]),
    "NA": pd.NA,
    "NaT": pd.NaT,
    "Timestamp": pd.Timestamp("2026-01-15"),
    "Series": pd.Series([1.0, 2.0], ["a", "b"]),
    "no DataFrame": pd.DataFrame(),
    "other DataFrame": OTHER,
}


# -- calls that are right -----------------------------------------------------------------
FLAVOR = Flavor(vcpus=1, memory_mb=512, root_gb=1)
SPEC = RequestSpec(FLAVOR)
FLEET = Fleet.read(ROOT / "data/two_hosts")


def a_cloud():
    cloud = Cloud(FLEET)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


@functools.cache
def done():
    """A cloud in which something happened; nobody changes it."""
    cloud = a_cloud()
    cloud.act("web-1", "migrate")
    cloud.settle()
    return cloud


def snapshots():
    cloud = Cloud(FLEET, driver=labkit.LibvirtDriver)
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "createImage")
    cloud.settle()
    return cloud


@functools.cache
def decision():
    return labkit.select_destinations(FLEET, SPEC)


@functools.cache
def image():
    path = scratch() / "arguments.qcow2"
    path.unlink(missing_ok=True)
    with create(path, 1 << 20):
        return path


def an_image():
    return labkit.qcow2.Image(image())


@functools.cache
def tracker():
    made = labkit.reports.tracker_of(labkit.reports.Hypervisor("cn-1"))
    made.update_available_resource("cn-1")
    return made


def a_broker():
    broker = labkit.messaging.Broker()
    broker.queue_declare("compute", "nova", "topic", "compute")
    return broker


def a_transport():
    return labkit.messaging.Transport(labkit.messaging.Broker())


TARGET = labkit.messaging.Target(topic="compute", server="cn-1")


def a_client():
    return labkit.messaging.RPCClient(a_transport(), TARGET)


CONTEXT = RequestContext("alice", "physics", roles=["member"])
#: What each function, class or method of the public face is rightly called with; the self of a
#: method is made by the function under "self".
CALLS = {
    "Aggregate": lambda: dict(name="ssd", hosts=["cn-1"], metadata={"a": "b"}, uuid="", id=1),
    "Cloud": lambda: dict(
        fleet=FLEET, options=Options(), seed=0, faults=(), durations=None, snapshot_model="flat",
        quota=None, user_quota=None, driver=None, schedulers=1,
    ),
    "Cloud.run": lambda: dict(self=a_cloud(), until_s=60),
    "Cloud.create": lambda: dict(
        self=a_cloud(), name="web-2", spec=SPEC, networks="auto", is_admin=True,
        as_user=None,
    ),
    "Cloud.act": lambda: dict(
        self=a_cloud(), name="web-1", action="stop", is_admin=True, as_user=None
    ),
    "Cloud.act reboot": lambda: dict(
        self=a_cloud(), name="web-1", action="reboot", reboot_type="SOFT"
    ),
    "Cloud.act resize": lambda: dict(self=a_cloud(), name="web-1", action="resize", flavor=Flavor(2, 1024, 2)),
    "Cloud.act rebuild": lambda: dict(
        self=a_cloud(), name="web-1", action="rebuild", image=ImageMeta("another")
    ),
    "Cloud.act migrate": lambda: dict(self=a_cloud(), name="web-1", action="migrate", host="cn-1"),
    "Cloud.act rename": lambda: {"self": a_cloud(), "action": "stop"} | {"name": "web-1"},
    "Cloud.answer": lambda: dict(
        self=done(), name="web-1", action="stop", is_admin=True, as_user=None
    ),
    "Cloud.at": lambda: dict(self=a_cloud(), t_s=100, name="web-1", action="stop"),
    "Cloud.at create": lambda: dict(
        self=a_cloud(), t_s=100, name="web-2", action="create", spec=SPEC, networks="auto"
    ),
    "Cloud.show": lambda: dict(self=done(), name="web-1"),
    "Cloud.driver": lambda: dict(self=done(), host="cn-1"),
    "Cloud.hypervisor": lambda: dict(self=done(), host="cn-1"),
    "Cloud.guest_stops": lambda: dict(self=a_cloud(), name="web-1"),
    "Cloud.guest_starts": lambda: dict(self=a_cloud(), name="web-1"),
    "Cloud.image_deleted": lambda: dict(
        self=snapshots(), image="image-1"
    ),
    "Cloud.periodic": lambda: dict(self=a_cloud(), task="_sync_power_states", host="cn-1"),
    "Cloud.add_fault": lambda: dict(self=a_cloud(), fault=Fault("spawn")),
    "Cloud.host_down": lambda: dict(self=a_cloud(), host="cn-1", forced=False),
    "Cloud.host_up": lambda: dict(self=a_cloud(), host="cn-1"),
    "Cloud.books": lambda: dict(self=done(), name="web-1"),
    "Cloud.envelope": lambda: dict(self=done(), seq=int(done().messages.seq[0])),
    "Decision.explain": lambda: dict(self=decision(), host="cn-1"),
    "Decision.flip": lambda: dict(self=decision(), host="cn-1", option="ram_weight_multiplier"),
    "Decision.compare": lambda: dict(self=decision(), other=decision()),
    "Decision.winners": lambda: dict(
        self=decision(), x_option="ram_weight_multiplier", xs=[0, 1],
        y_option="cpu_weight_multiplier", ys=[0, 1],
    ),
    "Fault": lambda: dict(
        step="spawn", host="cn-1", instance="web-1", error=None, times=1, at=None, delay_s=0.0
    ),
    "Flavor": lambda: dict(
        vcpus=1, memory_mb=512, root_gb=1, ephemeral_gb=0, swap=0, extra_specs={}, name="m1",
        flavorid="1",
    ),
    "Fleet": lambda: dict(
        rows=[{"host": "cn-1"}], aggregates=(), instances=None, inventories=(), pci_pools=()
    ),
    "Fleet.read": lambda: dict(folder=ROOT / "data/two_hosts"),
    "Fleet.from_frame": lambda: dict(
        hosts=FLEET.hosts, aggregates=(), instances=None, inventories=None, pci_pools=None
    ),
    "Fleet.from_compute_nodes": lambda: dict(
        compute_nodes=list(tracker().compute_nodes.values())
    ),
    "Fleet.random": lambda: dict(n=2, seed=0),
    "Fleet.first": lambda: dict(self=FLEET, n=1),
    "Fleet.replace": lambda: dict(
        self=FLEET, host="cn-1", free_ram_mb=512, num_io_ops=1, hypervisor_type="QEMU",
        disabled=False, traits=(), stats={}, supported_instances=[["x86_64", "kvm", "hvm"]],
    ),
    "Fleet.instances_on": lambda: dict(self=FLEET, host="cn-1"),
    "Fleet.__getitem__": lambda: dict(self=FLEET, host="cn-1"),
    "ImageMeta": lambda: dict(
        id="image", disk_format="qcow2", properties={}, custom={}, status="active", size=0,
        min_ram=0, min_disk=0,
    ),
    "InstanceGroup": lambda: dict(policy="affinity", members=["a"], hosts=["cn-1"], rules={}),
    "LibvirtDriver": lambda: dict(
        options=None, root_disk=lambda instance: labkit.RootDisk(), costs=labkit.SnapshotCosts.read(),
        supports_direct_io=True, hypervisor=labkit.reports.Hypervisor(),
    ),
    "Options": lambda: dict(
        ram_weight_multiplier=1.0, max_attempts=3, enabled_filters=["ComputeFilter"],
        weight_classes=[], shuffle_best_same_weighed_hosts=False, images_type="raw",
        isolated_hosts=[], weight_setting=["a=1"], rbd_user="x",
    ),
    "Options.replace": lambda: dict(
        self=Options(), ram_weight_multiplier=1.0, enabled_filters=[], max_attempts=1
    ),
    "Options.read": lambda: dict(path=a_conf(), without=()),
    "RequestContext": lambda: dict(
        user_id="alice", project_id="physics", is_admin=None, read_deleted="no",
        remote_address=None, timestamp=None, quota_class=None, service_catalog=None,
        roles=["member"], request_id="req-1",
    ),
    "RequestContext.from_dict": lambda: dict(values=CONTEXT.to_dict()),
    "RequestContext.elevated": lambda: dict(self=CONTEXT, read_deleted="yes"),
    "RequestContext.can": lambda: dict(
        self=CONTEXT, action="os_compute_api:servers:stop", target={"project_id": "physics"},
        fatal=False,
    ),
    "RequestContext.from_environ": lambda: dict(environ={}),
    "RequestSpec": lambda: dict(
        flavor=FLAVOR, image=ImageMeta(), num_instances=1, project_id="project",
        availability_zone=None, ignore_hosts=None, force_hosts=None, force_nodes=None,
        requested_destination=None, instance_group=None, scheduler_hints={}, is_bfv=False,
        pci_requests=0, numa_topology=None, instance_uuid=None, retry=None,
        requested_resources=[], user_id="user",
    ),
    "RequestSpec.get_scheduler_hint": lambda: dict(
        self=SPEC, hint_name="group", default=None
    ),
    "RequestSpec.replace": lambda: dict(self=SPEC, num_instances=1, flavor=FLAVOR),
    "RootDisk": lambda: dict(
        source_type="file", source_path=None, driver_format="raw", source_protocol=None,
        source_name=None, size_mb=1024, allocated_mb=512, backing_file=None, backing_mb=0,
        ratio=0.5,
    ),
    "SnapshotCosts.read": lambda: dict(net_mib_s=100.0, disk_mib_s=math.inf),
    "SnapshotCosts.convert": lambda: dict(
        self=labkit.SnapshotCosts.read(), read=1024, ratio=0.5, in_format="raw",
        out_format="qcow2", compress=False, backed=False,
    ),
    "SnapshotCosts.mirror_s": lambda: dict(self=labkit.SnapshotCosts.read(), copied=1024),
    "SnapshotCosts.flatten_s": lambda: dict(self=labkit.SnapshotCosts.read(), copied=1024),
    "SnapshotCosts.disk_s": lambda: dict(self=labkit.SnapshotCosts.read(), count=1024),
    "SnapshotCosts.upload_s": lambda: dict(self=labkit.SnapshotCosts.read(), count=1024),
    "SnapshotCosts.compression_pays_below": lambda: dict(
        self=labkit.SnapshotCosts.read(), ratio=0.5, source="raw"
    ),
    "compare": lambda: dict(prediction="cn-1", answer="cn-2", why="", within=0.001),
    "check": lambda: dict(name="two-hosts", answer=[0.0, 1.0]),
    "hint": lambda: dict(name="two-hosts", number=1),
    "holdings_at": lambda: dict(holdings=done().holdings, t_s=5.0),
    "place": lambda: dict(fleet=FLEET, specs=[SPEC], options=None, seed=0, building=False),
    "problem": lambda: dict(name="two-hosts"),
    "rights": lambda: dict(contexts={"alice": CONTEXT}),
    "select_destinations": lambda: dict(
        fleet=FLEET, spec_obj=SPEC, options=None, seed=0, instance_uuids=["web-1"]
    ),
    "solution": lambda: dict(name="two-hosts"),
    "then_and_now": lambda: dict(snapshot_compression=False),
    "dials.creation": lambda: dict(fleet=FLEET, spec_obj=SPEC, options=Options(), seed=0),
    "dials.fleet": lambda: dict(hosts=FLEET, spec_obj=SPEC, options=None),
    "dials.overcommit": lambda: dict(vcpus=8, memory_mb=16384, disk_gb=100, flavor=FLAVOR),
    "dials.overlay": lambda: dict(base=image()),
    "dials.player": lambda: dict(cloud=done(), name="web-1", is_admin=True),
    "dials.real_qemu_img": lambda: dict(path=image()),
    "dials.scores": lambda: dict(
        fleet=FLEET, spec_obj=SPEC, options=Options(), multipliers=["ram_weight_multiplier"],
        seed=0,
    ),
    "dials.snapshot": lambda: dict(size_mb=64, ratio=0.5),
    "logs.read": lambda: dict(path_or_lines=["a line"]),
    "messaging.Broker": lambda: dict(latency_s=0, env=None, seed=0),
    "messaging.Broker.queue_declare": lambda: dict(
        self=labkit.messaging.Broker(), name="a", exchange="nova", kind="topic", routing_key="a",
        arguments=None,
    ),
    "messaging.Broker.consume": lambda: dict(
        self=a_broker(), name="compute", callback=len, reader="compute@cn-1"
    ),
    "messaging.Broker.reply_queue": lambda: dict(
        self=a_broker(), name="reply", callback=len, reader="client"
    ),
    "messaging.Broker.serve": lambda: dict(
        self=a_broker(), exchange="nova", topic="compute", server="cn-1", callback=len,
        reader="compute@cn-1",
    ),
    "messaging.JsonPayloadSerializer.serialize_entity": lambda: dict(
        self=labkit.messaging.JsonPayloadSerializer(), ctxt=CONTEXT, entity=[1]
    ),
    "messaging.JsonPayloadSerializer.serialize_context": lambda: dict(
        self=labkit.messaging.JsonPayloadSerializer(), ctxt=CONTEXT
    ),
    "messaging.Broker.run": lambda: dict(self=labkit.messaging.Broker(), call=(each for each in ())),
    "messaging.RPCClient": lambda: dict(
        transport=a_transport(), target=TARGET, timeout_s=None, version_cap=None, serializer=None,
        monitor_s=None, by=None,
    ),
    "messaging.RPCClient.prepare": lambda: dict(
        self=a_client(), timeout=60, version_cap="6.0", call_monitor_timeout=None, by=None,
        server="cn-1",
    ),
    "messaging.RPCClient.can_send_version": lambda: dict(self=a_client(), version="6.0"),
    "messaging.RPCClient.cast": lambda: dict(
        self=a_client(), ctxt=CONTEXT, method="stop", instance={"uuid": "a"}
    ),
    "messaging.RPCClient.call": lambda: dict(
        self=a_client(), ctxt=CONTEXT, method="stop", instance={"uuid": "a"}
    ),
    "messaging.RPCServer": lambda: dict(
        transport=a_transport(), target=TARGET, endpoints=[object()], serializer=None, name=None
    ),
    "messaging.Target": lambda: dict(
        exchange="nova", topic="compute", namespace=None, version="6.0", server="cn-1",
        fanout=False,
    ),
    "messaging.Transport": lambda: dict(
        broker=labkit.messaging.Broker(), control_exchange="nova", name="client",
        allowed_remote_exmods=("nova.exception",),
    ),
    "messaging.version_is_compatible": lambda: dict(implemented="6.5", version="6.0"),
    "nova13.FilterScheduler": lambda: dict(old_options=None),
    "nova13.FilterScheduler.select_destinations": lambda: dict(
        self=labkit.nova13.FilterScheduler(), fleet=FLEET, spec_obj=SPEC, seed=0,
        instance_uuids=None,
    ),
    "nova13.LibvirtDriver": lambda: dict(old_options=None),
    "nova13.allocation_ratios": lambda: dict(compute=Options(), scheduler=None),
    "nova13.options": lambda: dict(ram_weight_multiplier=1.0),
    "nova13.limits": lambda: dict(host_state=FLEET["cn-1"], options=None),
    "nova13.remembering": lambda: dict(weigher=RAMWeigher()),
    "plots.Figure": lambda: dict(
        figure=matplotlib.figure.Figure(), answer="words"
    ),
    "plots.clusters": lambda: dict(
        clusters=pd.DataFrame({"start": [0], "kind": ["data"], "depth": [0]})
    ),
    "plots.fill": lambda: dict(
        hosts=tables.filled(3)[0], placed=tables.filled(3)[1], resource="memory_mb"
    ),
    "plots.funnel": lambda: dict(filters=decision().filters, instance=None),
    "plots.inventories": lambda: dict(
        inventories=labkit.reports.inventory_table(FLEET)
    ),
    "plots.lookup": lambda: dict(
        lookup=pd.DataFrame(
            {"part": ["header"], "offset": [0], "length": [8], "entry": ["entry 0"], "value": [0]}
        ),
    ),
    "plots.lanes": lambda: dict(
        states=done().states, notifications=done().notifications,
        holdings=done().holdings, instance=None,
    ),
    "plots.move": lambda: dict(
        states=done().states, migrations=done().migrations, holdings=done().holdings,
        instance=None,
    ),
    "plots.requests": lambda: dict(messages=done().messages),
    "plots.rights": lambda: dict(rights=rights({"alice": CONTEXT})),
    "plots.scores": lambda: dict(weights=decision().weights, instance=None),
    "plots.sequence": lambda: dict(messages=done().messages, calls=None),
    "plots.size": lambda: dict(name="page"),
    "plots.stages": lambda: dict(
        stages=snapshots().stages, states=snapshots().states
    ),
    "plots.state_graph": lambda: dict(transitions=transitions_table()),
    "plots.weighing": lambda: dict(
        weights=decision().weights, instance=None
    ),
    "plots.winner_map": lambda: dict(winners=tables.winners(2)),
    "qcow2.Image": lambda: dict(path=image(), backing_format=None, allow_outside=False),
    "qcow2.Image.read": lambda: dict(self=an_image(), offset=0, length=10),
    "qcow2.Image.table": lambda: dict(self=an_image(), index=0),
    "qcow2.WritableImage": lambda: dict(path=image(), backing_format=None, allow_outside=False),
    "qcow2.WritableImage.write": lambda: dict(
        self=labkit.qcow2.WritableImage(image()), offset=0, data=b"x"
    ),
    "qcow2.WritableImage.write_zeroes": lambda: dict(
        self=labkit.qcow2.WritableImage(image()), offset=0, length=10
    ),
    "qcow2.check": lambda: dict(image=image()),
    "qcow2.create": lambda: dict(
        path=new_path(), size=1 << 20, backing_file=None, backing_format=None,
        cluster_size=65536, allow_outside=False,
    ),
    "qcow2.flatten": lambda: dict(
        source=an_image(), path=new_path(), cluster_size=65536, most=1 << 30
    ),
    "reports.Domain": lambda: dict(uuid="a", running=True, vcpus=1, memory_kb=1024, over=()),
    "reports.Hypervisor": lambda: dict(
        hostname="cn-1", cpus=[1, 1], memory_mb=1024, avail_kb=1024, disk={"total": 1, "free": 1, "used": 0},
        type="QEMU", version=8000000, uuid="", host_ip=None, uptime="", guests=[],
    ),
    "reports.chain_table": lambda: dict(tracker=tracker()),
    "reports.fleet_of": lambda: dict(trackers=[tracker()], aggregates=()),
    "reports.inventory_table": lambda: dict(fleet=FLEET, resources={"VCPU": 1}),
    "reports.report_table": lambda: dict(
        resources=tracker().driver.get_available_resource("cn-1")
    ),
    "reports.tracker_of": lambda: dict(hypervisor=labkit.reports.Hypervisor(), options=None),
}  # fmt: skip


@functools.cache
def transitions_table():
    return labkit.transitions()


def a_conf():
    path = scratch() / "nova.conf"
    path.write_text("[scheduler]\nmax_attempts = 2\n")
    return path


def new_path():
    path = scratch() / "new.qcow2"
    path.unlink(missing_ok=True)
    return path


def called(name):
    """The function of a name of CALLS."""
    found = labkit
    for part in name.split()[0].split("."):
        found = getattr(found, part)
    return found


def call(function, arguments):
    """Call a function with arguments by name; those that have none get it by place."""
    given, places = dict(arguments), []
    if inspect.isfunction(function) or inspect.ismethod(function):
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL and "path" in given:
                places.append(given.pop("path"))  # Options.read(*paths)
            elif parameter.name == "self" or parameter.kind is parameter.POSITIONAL_ONLY:
                places.append(given.pop(parameter.name))
    try:
        result = function(*places, **given)
        if isinstance(result, labkit.qcow2.Image):
            result.close()
    finally:
        close(arguments)


def close(arguments):
    """Close the images among them."""
    for one in arguments.values():
        if isinstance(one, labkit.qcow2.Image):
            one.close()


def raw(error, name, value):
    """Say why an error was not raised on purpose with a sentence; None if it was."""
    if isinstance(error, OSError) and error.filename is not None:
        return None  # the system's own sentence: it names the file
    frame = traceback.extract_tb(error.__traceback__)[-1]
    try:
        str(error)
    except RuntimeError:
        return f"{type(error).__name__} whose words cannot be shown, at {frame.lineno}"
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    if not frame.filename.startswith(LABKIT) or frame.lineno not in raises(frame.filename):
        return f"{type(error).__name__} at {where}: {str(error)[:90]}"
    said = str(error)
    if len(said) > 1000:
        return f"{type(error).__name__} at {where}: a sentence of {len(said)} characters"
    names = {
        name,
        name.replace("_", " ").removesuffix("y"),
        name.removesuffix("s"),
        shown(value)[:12],
        f"Object of type {type(value).__name__} is",  # json's own words
    }
    if not any(one.lower() in said.lower() for one in names):
        return f"{type(error).__name__} at {where} does not name {name}: {said[:90]}"
    return None


@functools.cache
def raises(filename):
    """The lines of a file that belong to a raise."""
    tree = ast.parse("".join(linecache.getlines(filename)))
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        for line in range(node.lineno, node.end_lineno + 1)
    }


#: Public names without a call in CALLS, and why.
UNCALLED = {
    "BaseHostFilter": "a learner's class is made of it; it takes nothing",
    "BaseHostWeigher": "as BaseHostFilter",
    "Decision": "made by select_destinations; its methods are in CALLS",
    "NoValidHost": "raised, not made",
    "NotModelled": "raised, not made",
    "SnapshotCosts": "made by SnapshotCosts.read",
    "commands": "takes nothing",
    "transitions": "takes nothing",
    "dials.context": "takes nothing",
    "dials.rpc": "takes nothing",
    "messaging.JsonPayloadSerializer": "takes nothing",
    "messaging.expected_exceptions": "a decorator, which takes exceptions",
    "nova13.claim_test": "called by a host with what it holds itself",
    "qcow2.Extent": "a row of what an image says",
    "qcow2.Field": "a row of what an image says",
    "qcow2.Header": "what an image says",
    "qcow2.scratch": "takes nothing",
    "reports.GI": "a number",
}
#: Public methods that are no learner's to call: by class, why not.
INSIDE = {
    "BaseHostFilter": "Nova's scheduler calls them, and learners write them",
    "BaseHostWeigher": "as BaseHostFilter",
    "Fleet": "with numbers of rows, or of a Cloud at work: the scheduler and the Cloud call them",
    "LibvirtDriver": "a nova-compute calls them, with an Instance",
    "messaging.Broker": "a transport calls them, with an envelope",
    "messaging.JsonPayloadSerializer": "takes what arrived",
    "messaging.RPCServer": "the server calls them when a message has come",
    "messaging.Transport": "clients and servers call them",
    "nova13.LibvirtDriver": "as LibvirtDriver",
    "plots.Figure": "the page calls them",
    "qcow2.Image": "an image over it, and the check, call them, with clusters that are there",
    "qcow2.WritableImage": "as qcow2.Image, whose methods they are",
}


def public_names():
    """What labkit and its modules export: functions, and classes that are no errors."""
    for name in labkit.__all__:
        thing = getattr(labkit, name)
        if not inspect.ismodule(thing):
            yield name
            continue
        for each in getattr(thing, "__all__", ["read"]):
            found = getattr(thing, each)
            error = isinstance(found, type) and issubclass(found, Exception)
            made_by_functions = name == "dials" and isinstance(found, type)
            nova13_filter = name == "nova13" and each.endswith("Filter")
            if callable(found) and not (error or made_by_functions or nova13_filter):
                yield f"{name}.{each}"


def test_every_public_name_has_a_call():
    called_names = {name.split()[0] for name in CALLS}
    assert sorted({*public_names()} - called_names - {*UNCALLED}) == []
    assert sorted(called_names & {*UNCALLED}) == []


def public_methods():
    """(class, method) of the methods that take something; those of operators are Python's own."""
    for name in public_names():
        thing = called(name)
        for method in dir(thing) if isinstance(thing, type) else ():
            found = getattr(thing, method)
            if (inspect.isfunction(found) or inspect.ismethod(found)) and not method.startswith(
                "_"
            ):
                taken = [each for each in inspect.signature(found).parameters if each != "self"]
                if taken:
                    yield name, method


def test_every_public_method_has_a_call_or_is_no_learners():
    called_names = {name.split()[0] for name in CALLS}
    without = {name for name, method in public_methods() if f"{name}.{method}" not in called_names}
    assert without == {*INSIDE}


def values_for(name, argument):
    """The values to try: all, or some that are always the same."""
    if length.ALL:
        return list(BAD)
    return random.Random(f"{name} {argument}").sample(list(BAD), 2)


def trials(name):
    """(argument, what is wrong, what came of it) of each wrong value of each argument."""
    function = called(name)
    right = CALLS[name]()
    close(right)
    for argument in right:
        if argument == "self":
            continue
        for wrong in values_for(name, argument):
            value = BAD[wrong]
            right = CALLS[name]()
            arguments = right | {argument: value}
            try:
                call(function, arguments)
            except Exception as error:
                yield argument, wrong, raw(error, argument, value)
            else:
                yield argument, wrong, None
            finally:
                close(right)


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_gets_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a name that is good enough for a new file
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [f"{argument}, {wrong}: {what}" for argument, wrong, what in trials(name) if what]
    assert not found, "\n".join(found)
