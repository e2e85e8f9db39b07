"""Whole files in the shapes that deployment tools write, read as oslo.config reads them."""

import importlib
import random
import re
import warnings

import pytest

from labkit import LibvirtDriver, NotModelled, Options
from labkit.nova.conf import FILTERS, OPTIONS, WEIGHERS
from labkit.nova.exception import Invalid
from labkit.nova.virt.hardware import parse_cpu_spec
from labkit.nova.virt.libvirt.host import Hypervisor

KOLLA = """[DEFAULT]
debug = {debug}
log_dir = /var/log/kolla/nova
state_path = /var/lib/nova
my_ip = 192.0.2.11
instance_usage_audit_period = hour
notify_on_state_change = vm_and_task_state
transport_url = rabbit://openstack:pa%ss@192.0.2.11:5672//
max_concurrent_live_migrations = {few}

[conductor]
workers = 5

[filter_scheduler]
enabled_filters = ComputeFilter,ComputeCapabilitiesFilter,{filter}
available_filters = nova.scheduler.filters.all_filters
ram_weight_multiplier = {weight}

[libvirt]
connection_uri = "qemu+tcp://192.0.2.11/system"
images_type = rbd
images_rbd_pool = {text}
images_rbd_ceph_conf = /etc/ceph/ceph.conf
rbd_user = nova
disk_cachemodes = "network=writeback"

[placement]
password = a$b%c

[oslo_messaging_notifications]
driver = noop
"""
OPENSTACK_ANSIBLE = """# {{{{ ansible_managed }}}}

[DEFAULT]
# Disable stderr logging
use_stderr = False
host = {text}
cpu_allocation_ratio = {ratio}
ram_allocation_ratio={ratio}
reserved_host_memory_mb = 2048
reserved_host_disk_mb: {number}
## Scheduler
scheduler_default_filters = RetryFilter,RamFilter
service_down_time = {seconds}

[scheduler]
max_attempts = {few}
periodic_task_interval = 60
discover_hosts_in_cells_interval = 60
driver = filter_scheduler
[filter_scheduler]
max_instances_per_host = {few}
max_io_ops_per_host = 10
host_subset_size = {few}
weight_classes = nova.scheduler.weights.all_weighers
use_baremetal_filters = False
enabled_filters = {filter}, ComputeFilter
    , IoOpsFilter
baremetal_enabled_filters = RetryFilter
"""
PUPPET = """
[DEFAULT]
#
# From nova.conf
#
#cpu_allocation_ratio=<None>
initial_cpu_allocation_ratio={ratio}
allow_resize_to_same_host={debug}
shelved_offload_time=-1
compute_driver=libvirt.LibvirtDriver
[Compute]
cpu_shared_set={cpus}
[filter_scheduler]
shuffle_best_same_weighed_hosts={debug}
available_filters=nova.scheduler.filters.all_filters
available_filters=nova.scheduler.filters.pci_passthrough_filter.PciPassthroughFilter
enabled_filters="{filter},PciPassthroughFilter"
[notifications]
notification_format={format}
default_level = INFO
versioned_notifications_topics = a,b
[libvirt]
virt_type=kvm
images_type={image}
"""
CHARM = """# juju
[DEFAULT]
verbose=True
logdir=/var/log/nova
dhcpbridge_flagfile=/etc/nova/nova.conf
sync_power_state_interval = {seconds}
initial_disk_allocation_ratio = {ratio}
notification_format = {format}
notification_format = unversioned

[FILTER_SCHEDULER]
enabled_filters = {filter},ServerGroupAffinityFilter
disk_weight_multiplier = {weight}
disk_weight_multiplier = 0.5
[filter_scheduler]
cpu_weight_multiplier = {weight}
[scheduler]
# Disable automatic discovery
discover_hosts_in_cells_interval = -1
limit_tenants_to_placement_aggregate = {debug}
[metrics]
weight_setting = cpu.percent={weight}, cpu.frequency=1.0
weight_of_unavailable = {weight}
"""
DEVSTACK = """[DEFAULT]
graceful_shutdown_timeout = 5
metadata_workers = 2
state_path = /opt/stack/data/nova
instances_path = $state_path/instances
logging_context_format_string = %(color)s%(levelname)s %(name)s [01;36m%(request_id)s
host = devstack
force_config_drive = False
send_arp_for_ha = {debug}
[filter_scheduler]
isolated_hosts = $host, {text}
isolated_images = {text}-${{scheduler.max_attempts}}
enabled_filters = {filter}
[scheduler]
max_attempts = {few}
workers = 2
[libvirt]
rbd_user = ${{filter_scheduler.image_properties_default_architecture}}x
images_volume_group = \\$pool
live_migration_uri = qemu+ssh://stack@%s/system
"""
HELM = """[DEFAULT]
default_ephemeral_format = ext4
reserved_host_cpus = {number}
metadata_workers = 1
my_ip = 0.0.0.0
osapi_compute_listen = 0.0.0.0
resize_confirm_window = {seconds}
[filter_scheduler]
available_filters = nova.scheduler.filters.all_filters
build_failure_weight_multiplier = {weight}
enabled_filters = ComputeFilter, {filter}
[metrics]
required = {debug}
[vnc]
enabled = true
[workarounds]
disable_libvirt_livesnapshot = {debug}
"""
PACKSTACK = """[DEFAULT]
instances_path=/var/lib/nova/instances
block_device_allocate_retries=120
use_cow_images={debug}
scheduler_max_attempts=9
report_interval={number}
service_down_time={seconds}
max_concurrent_builds={few}
[default]
max_concurrent_builds=1
[ scheduler ]
max_attempts=77
[scheduler]
max_placement_results={few}
[filter_scheduler]
image_properties_default_architecture=x86_64
[libvirt]
snapshot_image_format={image}
snapshot_compression = {debug}
inject_partition=-2
"""
SHAPES = (KOLLA, OPENSTACK_ANSIBLE, PUPPET, CHARM, DEVSTACK, HELM, PACKSTACK)
#: What is put into them, now and then something with which Nova does not start.
WORDS = {
    "debug": ["True", "false", "on", "0", '"yes"', "'off'", "NO", *["TRUE"] * 6, "maybe", '" on"'],
    "few": ["1", "3", "1_000", " 7 ", '"12"', *["5"] * 6, "0", "three", "2.0", "5 # five"],
    "number": ["0", "1", "'2'", "10", "-1", ""],
    "seconds": ["60", "5", "10", "1_0", "600", "1h"],
    "ratio": ["1.5", "0", "16", "1e1", '"4.0"', "", "-1", "1,5"],
    "weight": ["1.0", "-1", "0", '"2.5"', "1e3", *["0.5"] * 4, "heavy"],
    "text": ["vms", "cn-1", '"a b"', "a:b=c", "'q", '""', "\\$5", "$$", "100%", "$max_attempts"],
    "cpus": ['"4-12,^8,15"', "0-3", "0,,1,", "^2,0-5", "", "'1'"],
    "image": ["raw", "qcow2", "QCOW2", '"raw"'],
    "format": ["both", "versioned", '"both"', "all"],
    "filter": ["AggregateInstanceExtraSpecsFilter", "JsonFilter", "NUMATopologyFilter"],
}
#: What is done to a file as a whole; mostly nothing.
SPOILT = (
    *[lambda text: text] * 12,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("[", " [", 1),
    lambda text: "\n".join("    " + line for line in text.splitlines()),
    lambda text: text.replace("]\n", "] ; the first\n", 1),
    lambda text: text.partition("\n")[2] if text.startswith("[") else "a = b\n" + text,
    lambda text: text + "just words\n",
    lambda text: text + "= 5\n",
    lambda text: text + "[]\n",
    lambda text: text + "\n    continued\n",
    lambda text: "\ufeff" + text,
)


def written(rng):
    """Return the text of one file."""
    words = {
        name: rng.choice(each if rng.random() < 0.3 else each[:3]) for name, each in WORDS.items()
    }
    return rng.choice(SPOILT)(rng.choice(SHAPES).format(**words))


@pytest.fixture(scope="module")
def oslo():
    """The function that reads files as Nova 34 does: {option: value}, or the exception."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from oslo_config import cfg

    importlib.import_module("tools.oracle.installed")  # Nova without eventlet
    names = (
        "base compute conductor libvirt netconf notifications paths scheduler service workarounds"
    )
    modules = [importlib.import_module(f"nova.conf.{name}") for name in names.split()]

    def read(*paths):
        conf = cfg.ConfigOpts()
        for module in modules:
            module.register_opts(conf)
        try:
            conf([], project="nova", default_config_files=[str(path) for path in paths])
        except (cfg.Error, UnicodeDecodeError, OSError) as error:
            return error
        found = {}
        for opt in OPTIONS:
            try:
                found[opt.name] = (conf if opt.group == "DEFAULT" else conf[opt.group])[opt.name]
            except (cfg.Error, ValueError) as error:
                found[opt.name] = error
        return found

    def quietly(*paths):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(*paths)

    return quietly


def same(paths, theirs):
    """Compare what Options.read says of files with what oslo.config says; return "read" or why not."""
    said, options = "", None
    try:
        options = Options.read(*paths)
    except ValueError as error:
        said = str(error)
    if options is None:
        assert re.search(r"nova\d*\.conf", said), said
        if isinstance(theirs, dict) and not any(isinstance(v, Exception) for v in theirs.values()):
            # What the lab refuses beyond oslo.config: an empty number, which is None in Nova, and
            # what makes Nova's services stop at their start.
            assert re.search(r"= None: expected|reserved_host_cpus beside", said), said
        return "refused"
    assert not isinstance(theirs, Exception), theirs
    for opt in OPTIONS:
        mine, expected = getattr(options, opt.name), theirs[opt.name]
        if opt.name == "service_down_time" and expected <= theirs["report_interval"]:
            expected = int(theirs["report_interval"] * 2.5)
        if opt.name == "available_filters":
            continue  # Nova's filters are there in any case
        assert (list(mine) if isinstance(mine, tuple) else mine) == expected, opt.name
    return "read"


@pytest.mark.nova
def test_files_in_the_shapes_of_deployment_tools_are_read_as_oslo_config_does(oslo, tmp_path):
    rng, ends = random.Random(34), []
    for number in range(250):
        paths = [tmp_path / f"nova{number}.conf"]
        if rng.random() < 0.2:
            paths.append(tmp_path / f"nova{number}0.conf")
        for path in paths:
            path.write_bytes(written(rng).encode())
        ends.append(same(paths, oslo(*paths)))
    assert ends.count("read") > 80
    assert ends.count("refused") > 60


@pytest.mark.nova
@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_file_of_each_tool_is_read(oslo, tmp_path, shape):
    path = tmp_path / "nova.conf"
    words = {name: each[0] for name, each in WORDS.items()}
    path.write_text(shape.format(**words))
    assert same([path], oslo(path)) == "read"


def read(tmp_path, text, **more):
    path = tmp_path / "nova.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Options.read(path, **more)


def test_options_of_former_releases_and_those_not_modelled_are_listed(tmp_path):
    options = read(
        tmp_path,
        "[scheduler]\ndriver = filter_scheduler\nhost_manager = ironic_host_manager\n"
        "max_attempts = 10\nworkers = 3\n[filter_scheduler]\nuse_baremetal_filters = False\n"
        "baremetal_enabled_filters = RetryFilter\n[notifications]\ndefault_level = INFO\n",
    )
    assert options.max_attempts == 10
    assert options.ignored == (
        "[scheduler] driver",
        "[scheduler] host_manager",
        "[scheduler] workers",
        "[filter_scheduler] use_baremetal_filters",
        "[filter_scheduler] baremetal_enabled_filters",
        "[notifications] default_level",
    )


def test_quotes_are_taken_off_and_the_host_has_these_cpus(tmp_path):
    options = read(tmp_path, '[compute]\ncpu_dedicated_set = "4-12,^8,15"\n')
    assert options.cpu_dedicated_set == "4-12,^8,15"
    driver = LibvirtDriver(options, hypervisor=Hypervisor("cn-1", cpus=[1] * 16))
    assert driver.update_provider_tree({})["PCPU"]["total"] == 9


def test_deprecated_groups_count_and_the_right_one_counts_more(tmp_path):
    text = "[DEFAULT]\nnotification_format = both\n[notifications]\nnotification_format = {}\n"
    assert read(tmp_path, text.partition("[n")[0]).notification_format == "both"
    assert read(tmp_path, text.format("versioned")).notification_format == "versioned"


F, S = "[filter_scheduler]\n", "[scheduler]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  [scheduler]\n  max_attempts = 3\n", "line 1: '  [scheduler]' is indented"),
        (S + "\nmax_attempts = 3 # three\n", "line 3: [scheduler] max_attempts = '3 # three'"),
        (S + "max_attempts\n", "line 2: 'max_attempts' has neither = nor :"),
        ("[scheduler] # here\n", "line 1: '[scheduler] # here' must end with ]"),
        (S + "max_attempts =\n", "line 2: [scheduler] max_attempts = None: expected a whole"),
        (
            S + "max_attempts = $max_attempts\n",
            "line 2: [scheduler] max_attempts is made of itself",
        ),
        (S + "max_attempts = $few\n", "$few: expected an option of Nova that the lab knows"),
        (F + "ram_weight_multiplier = inf\n", "expected a finite number"),
        (F + "weight_classes = RAMWeigher\n", "write nova.scheduler.weights.ram.RAMWeigher"),
        (
            F + "weight_classes = nova.scheduler.weights.ram.RamWeigher\n",
            "did you mean nova.scheduler.weights.ram.RAMWeigher?",
        ),
        (F + "enabled_filters = ComputeFilter,RetryFilter\n", "line 2: [filter_scheduler] enabled"),
        (F + "enabled_filters = AvailabilityZoneFilter\n", "Placement does what it did"),
        (F + "enabled_filters = ComputFilter\n", "did you mean ComputeFilter?"),
        ("[compute]\ncpu_shared_set = 3-1\n", "line 2: Invalid range expression '3-1'"),
        ("[compute]\ncpu_shared_set = 1,^1\n", "no CPU is left"),
        ("[compute]\ncpu_shared_set = 0-3\ncpu_dedicated_set = 3-5\n", "both name the CPUs 3"),
        ("\ufeff" + S, "line 1: the file is UTF-8 with a byte order mark"),
        (S.encode("utf-16"), "line 1: the file is UTF-16"),
        (b"[DEFAULT]\nhost = \xe9t\xe9\n", "line 2: the byte 0xe9 is no UTF-8"),
        (b"\x7fELF\x02\x01\x00\x00", "line 1: a zero byte"),
    ],
)
def test_a_file_with_which_nova_does_not_start_gets_a_sentence(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        read(tmp_path, text)
    assert "nova.conf" in str(caught.value)


def test_what_the_lab_does_not_model_is_named_at_once_and_may_be_left_out(tmp_path):
    text = (
        "[DEFAULT]\ncompute_monitors = cpu.virt_driver\n[scheduler]\nmax_attempts = 4\n"
        "image_metadata_prefilter = True\n[filter_scheduler]\npci_in_placement = True\n"
        "available_filters = mine.Filter\nweight_classes = mine.Weigher\n"
        "enabled_filters = ComputeFilter,Filter\n[ephemeral_storage_encryption]\nenabled = on\n"
    )
    with pytest.raises(NotModelled) as caught:
        read(tmp_path, text)
    names = (
        "compute_monitors image_metadata_prefilter pci_in_placement available_filters "
        "weight_classes enabled_filters"
    ).split()
    for line, name in zip((2, 5, 7, 8, 9, 10), names, strict=True):
        assert re.search(rf"line {line}: \[\w+\] {name} = ", str(caught.value)), name
    assert "line 12: unlike Nova, the lab encrypts no disk" in str(caught.value)
    names[1:2] = ["[scheduler] image_metadata_prefilter", "[ephemeral_storage_encryption] enabled"]
    options = read(tmp_path, text, without=names)
    assert options == Options(max_attempts=4)
    assert len(options.ignored) == 7
    slip = "[filter_scheduler]\nram_weight_multiplyer = 2\n"
    assert read(tmp_path, slip, without=["ram_weight_multiplyer"]) == Options()
    with pytest.raises(ValueError, match="did you mean 'pci_in_placement'"):
        read(tmp_path, text, without=["pci_in_placemen"])


def test_names_of_files_get_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Options.read(tmp_path / "nova.conf")
    with pytest.raises(ValueError, match="is a folder; expected"):
        Options.read(tmp_path)
    for bad in (None, 5, ["nova.conf"]):
        with pytest.raises(TypeError, match="is not a path"):
            Options.read(bad)
    with pytest.raises(ValueError, match="expected the name of"):
        Options.read("a\0b")
    with pytest.raises(ValueError, match="has nothing to read"):
        Options.read()


def test_service_down_time_is_longer_than_report_interval():
    assert Options(service_down_time=5).service_down_time == 25
    assert Options(report_interval=60).service_down_time == 150
    assert Options(service_down_time=11).service_down_time == 11
    assert Options(report_interval=60).replace(report_interval=10).service_down_time == 60


@pytest.mark.nova
def test_service_down_time_is_novas(oslo):
    import nova.conf
    from nova.servicegroup import api

    for seconds, interval in ((5, 10), (10, 10), (11, 10), (60, 60), (60, 7), (1, 0), (0, 3)):
        nova.conf.CONF.set_override("service_down_time", seconds)
        nova.conf.CONF.set_override("report_interval", interval)
        api.API()
        expected = nova.conf.CONF.service_down_time
        for name in ("service_down_time", "report_interval"):
            nova.conf.CONF.clear_override(name)
        options = Options(service_down_time=seconds, report_interval=interval)
        assert options.service_down_time == expected


@pytest.mark.nova
def test_cpu_sets_are_read_as_nova_reads_them(oslo):
    from nova import exception
    from nova.virt import hardware

    rng = random.Random(21)
    texts = ["0-3,", "0,,1", "abc", "3-1", "0-", "^0", "^", "-1", "1 - 3", "^1-2,0-5", "", "^^1"]
    parts = ["0", "1-4", "^2", "^ 3", "7", "", " 9 ", "^4-5", "5-4", "-", "x", "1-2-3", "+3", "1_0"]
    texts += [",".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(500)]
    for text in texts:
        try:
            expected = hardware.parse_cpu_spec(text)
        except exception.Invalid as error:
            with pytest.raises(Invalid, match=re.escape(str(error))):
                parse_cpu_spec(text)
        else:
            assert parse_cpu_spec(text) == expected, text


@pytest.mark.nova
def test_the_names_of_filters_and_weighers_are_those_of_nova(oslo):
    from nova.scheduler import filters, weights

    for names, classes in ((FILTERS, filters.all_filters()), (WEIGHERS, weights.all_weighers())):
        assert sorted(names) == sorted(f"{one.__module__}.{one.__name__}" for one in classes)
