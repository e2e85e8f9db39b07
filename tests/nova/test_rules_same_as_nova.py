"""Single rules of labkit beside those of the installed Nova 34.0.0, on inputs made to be odd."""

import json
import math
import random
import re
import warnings
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import Aggregate, Cloud, Flavor, Fleet, ImageMeta, Options, RequestSpec
from labkit.nova import weights
from labkit.nova.conf import OPTIONS, using
from labkit.nova.exception import TooManyInstances
from labkit.nova.objects import ComputeNode
from labkit.nova.quota import check_num_instances_quota
from labkit.nova.scheduler import filters, utils
from labkit.nova.scheduler import weights as host_weights
from labkit.nova.scheduler.filters import extra_specs_ops, image_props_filter
from labkit.nova.scheduler.host_manager import HostManager, HostState
from labkit.nova.scheduler.request_filter import REFUSED_PROPERTIES
from labkit.nova.weights import normalize
from tests.helpers import length
from tests.helpers.answers import bits

pytestmark = pytest.mark.nova
pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")

LISTS = 20_000
NUMBERS = st.one_of(
    st.floats(), st.integers(-(2**53), 2**53), st.sampled_from([0, 0.0, -0.0, 1, 5, 5.0, math.nan])
)


@pytest.fixture(scope="module")
def nova():
    from tools.oracle import installed

    return installed


def numbers(rng):
    """Return a list in which ties, NaN, infinities and both zeros are common."""
    few = rng.choice(
        [
            [rng.uniform(-10, 10) for _ in range(6)],
            [rng.randint(-3, 3) for _ in range(6)],
            [0, 0.0, -0.0, 1],
            [math.nan, math.inf, -math.inf, 1.0, 2.0],
            [1e308, -1e308, 5e-324, 0.1],
        ]
    )
    return [rng.choice(few) for _ in range(rng.randint(0, 9))]


def test_normalize_on_20_000_lists(nova):
    rng = random.Random(20)
    for _ in range(LISTS):
        values = numbers(rng)
        ends = {key: rng.choice([None, None, 0, 1.5, -2]) for key in ("minval", "maxval")}
        expected = list(nova.nova_weights.normalize(values, **ends))
        assert bits(normalize(values, **ends)) == bits(expected), (values, ends)


@settings(max_examples=300)
@given(values=st.lists(NUMBERS, max_size=8), minval=st.one_of(st.none(), NUMBERS))
@example(values=[5, 5, 5], minval=0)
def test_normalize_on_any_list(nova, values, minval):
    expected = list(nova.nova_weights.normalize(values, minval=minval))
    assert bits(normalize(values, minval=minval)) == bits(expected)


def test_weighing_sorting_and_adding_up(nova):
    rng = random.Random(21)
    for _ in range(length.few(4000, 4)):
        columns = [numbers(rng) for _ in range(rng.randint(1, 4))]
        size = min(len(column) for column in columns)
        rules = [
            (column[:size], rng.choice([None, 0, -1]), rng.choice([None, None, 3]), rng.random())
            for column in columns
        ]
        objs = [SimpleNamespace(host=str(k), nodename="", number=k) for k in range(size)]
        theirs = nova.host_weights.HostWeightHandler().get_weighed_objects(
            [made(nova.nova_weights.BaseWeigher, *rule) for rule in rules], objs, None
        )
        mine = host_weights.HostWeightHandler().get_weighed_objects(
            [made(weights.BaseWeigher, *rule) for rule in rules], objs, None
        )
        assert [one.obj.number for one in mine] == [one.obj.number for one in theirs]
        assert bits([one.weight for one in mine]) == bits([one.weight for one in theirs])


def made(base, column, minval, maxval, multiplier):
    """Return a weigher that says a column's numbers."""
    hooks = {
        "minval": minval,
        "maxval": maxval,
        "_weigh_object": lambda self, obj, _: column[obj.number],
        "weight_multiplier": lambda self, obj: multiplier,
    }
    return type("Weigher", (base,), hooks)()


WORDS = ["a", "b", "ab", "1", "2", "10", "1.0", "-3", "1e1", "nan", "inf", "", " ", "0x1"]
OPERATORS = [*extra_specs_ops.op_methods, "<or>", ">", "<", "in", "=="]


def test_extra_specs_operators_on_20_000_pairs(nova):
    from nova.scheduler.filters import extra_specs_ops as theirs

    rng = random.Random(22)
    for _ in range(LISTS):
        parts = [rng.choice(OPERATORS) if rng.random() < 0.9 else ""]
        parts += [
            rng.choice(["<or>", *OPERATORS]) if rng.random() < 0.2 else rng.choice(WORDS)
            for _ in range(rng.randint(0, 4))
        ]
        req, value = rng.choice([" ", "  "]).join(parts), rng.choice(WORDS)
        try:
            expected = theirs.match(value, req)
        except (ValueError, IndexError):
            with pytest.raises(ValueError):  # noqa: PT011 - labkit's sentence is its own
                extra_specs_ops.match(value, req)
        else:
            assert extra_specs_ops.match(value, req) == expected, (value, req)


def test_multipliers_of_aggregates(nova):
    rng = random.Random(23)
    texts = ["1", "-2.5", "1e3", " 7 ", "x", "", "1_0", "inf", "0", "٣", "0x1"]
    for number in range(length.few(4000, 16)):
        found = [
            Aggregate(f"a{k}", ["cn-1"], {"cpu_weight_multiplier": rng.choice(texts)})
            for k in range(rng.randint(0, 3))
        ]
        if number % 40 == 0:
            found = [Aggregate("a", ["cn-1"], {"cpu_weight_multiplier": "nan"})]
        fleet = Fleet([{"host": "cn-1"}, {"host": "cn-2"}], found)
        usual = rng.choice([1.0, 0.0, -3.0])
        with nova.quiet():
            expected = nova.scheduler_utils.get_weight_multiplier(
                SimpleNamespace(aggregates=found), "cpu_weight_multiplier", usual
            )
        options = Options(weight_classes=["CPUWeigher"], cpu_weight_multiplier=usual)
        here = HostManager(options).weighers[0]
        with using(options):
            assert bits([here.weight_multiplier(fleet["cn-1"])]) == bits([expected])
            assert here.weight_multiplier(fleet["cn-2"]) == usual


def test_settings_of_names_and_ratios(nova):
    rng = random.Random(24)
    parts = ["a", "b.c", "=", "==", "1", "-2.5", " ", "x", "", "nan", "1e3"]
    for _ in range(length.few(4000, 4)):
        items = ["".join(rng.choices(parts, k=rng.randint(0, 4))) for _ in range(3)]
        with nova.quiet():
            expected = nova.scheduler_utils.parse_options(items, converter=float, name="x")
        assert repr(utils.parse_options(items, converter=float)) == repr(expected)


def test_hypervisor_versions(nova):
    from oslo_utils import versionutils

    rng = random.Random(25)
    for _ in range(length.few(6000, 4)):
        version = rng.choice([0, None, 5, 1000, 6002000, 7000000, 8002001, 8010000, 10000000])
        parts = [
            rng.choice(["<", "<=", ">", ">=", "==", "!="])
            + rng.choice(["", " "])
            + ".".join(str(rng.choice([0, 1, 2, 6, 7, 8, 10])) for _ in range(rng.randint(1, 4)))
            for _ in range(rng.randint(1, 3))
        ]
        wanted = rng.choice([",", ", "]).join(parts)
        expected = True
        if version:
            text = versionutils.convert_version_to_str(version)
            expected = versionutils.VersionPredicate(wanted).satisfied_by(text)
        assert image_props_filter.version_satisfied(version, wanted) == expected, (version, wanted)


@pytest.mark.parametrize("wanted", ["banana", "", ">=", "7.0", "=>7", ">=7..0", ">=7,"])
def test_odd_version_predicates_are_odd_for_both(nova, wanted):
    from oslo_utils import versionutils

    try:
        expected = versionutils.VersionPredicate(wanted).satisfied_by("8.2.0") if wanted else True
    except Exception:
        with pytest.raises(ValueError, match="cannot read"):
            image_props_filter.version_satisfied(8002000, wanted)
    else:
        assert image_props_filter.version_satisfied(8002000, wanted) == expected


def test_host_states_derived_from_compute_nodes(nova):
    rng = random.Random(26)
    for _ in range(length.few(4000, 16)):
        least = rng.choice([None, rng.randint(-50, 600)])
        free = rng.choice([None, rng.randint(-50, 500), rng.randint(-50, 500)])
        numbers = {
            name: rng.randint(0, 9000)
            for name in ("memory_mb", "local_gb", "local_gb_used", "vcpus", "vcpus_used")
        }
        numbers["free_ram_mb"] = rng.randint(-4000, 9000)
        names = ["num_instances", "io_workload", "failed_builds", "other"]
        stats = {n: str(rng.randint(0, 99)) for n in names if rng.random() < 0.7}
        metrics = {
            name: rng.choice([0, 0.29, 0.66, 1])
            for name in ("cpu.percent", "cpu.idle.percent")
            if rng.random() < 0.5
        } | {"cpu.frequency": rng.choice([1200, 2600])}
        more = {
            "host": "cn-1",
            "free_disk_gb": free,
            "disk_available_least": least,
            "hypervisor_version": rng.choice([None, 8002000]),
            "cpu_allocation_ratio": rng.choice([4.0, 16.0]),
            "stats": stats,
        }
        mine = HostState("cn-1", "cn-1", "cell")
        mine.update(compute=ComputeNode(**numbers, **more, metrics=metrics))
        state = nova.host_manager.HostState("cn-1", "cn-1", "cell")
        theirs = more | {"host_ip": None, "hypervisor_type": "QEMU", "uuid": nova.as_uuid("cn-1")}
        version = theirs.pop("hypervisor_version")
        node = nova.objects.ComputeNode(
            **numbers,
            **theirs,
            hypervisor_version=version or 0,
            hypervisor_hostname="cn-1",
            updated_at=None,
            numa_topology=None,
            pci_device_pools=None,
            metrics=json.dumps(
                [
                    {"name": name, "value": value, "timestamp": "2026-01-01", "source": "fake"}
                    for name, value in metrics.items()
                ]
            ),
            cpu_info="",
            supported_hv_specs=[],
            ram_allocation_ratio=1.0,
            disk_allocation_ratio=1.0,
        )
        with nova.quiet():
            state.update(compute=node)
        if mine.uuid is None:
            assert state.uuid is None
            continue
        assert {m.name: m.value for m in mine.metrics} == {m.name: m.value for m in state.metrics}
        for name, value in vars(mine).items():
            if name not in ("metrics", "hypervisor_version", "pci_stats"):
                assert getattr(state, name) == value, name
        fleet = Fleet.from_compute_nodes([ComputeNode(**numbers, **more)])
        for name in ("free_ram_mb", "free_disk_mb", "num_io_ops", "failed_builds"):
            assert getattr(fleet["cn-1"], name) == getattr(state, name)


def test_image_properties_are_spelled_as_nova_stores_them(nova):
    rng = random.Random(27)
    values = {
        "hw_architecture": ["x86_64", "AMD64", "i386", "aarch64"],
        "architecture": ["amd64", "ppc64"],
        "img_hv_type": ["KVM", "xapi", "qemu"],
        "hypervisor_type": ["kvm"],
        "hw_vm_mode": ["hvm", "pv", "HV", "baremetal"],
        "vm_mode": ["xen"],
        "hw_cpu_cores": ["4", 4],
        "hw_boot_menu": ["true", "False", "1", "off", True],
        "os_distro": ["ubuntu"],
        "vmware_ostype": ["fedora"],
        "hypervisor_version_requires": [">=6"],
        "colour": ["red"],
        "trait:CUSTOM_A": ["required", "no"],
        "min_ram": ["1"],
    }
    for _ in range(length.few(3000, 4)):
        given = {n: rng.choice(v) for n, v in values.items() if rng.random() < 0.4}
        theirs = nova.objects.ImageMetaProps.from_dict(dict(given))
        expected = {name: getattr(theirs, name) for name in theirs.obj_what_changed()}
        assert ImageMeta(properties=given).properties.to_dict() == expected, given


def test_the_values_of_image_properties_are_those_of_nova(nova):
    """What nova-api answers with 400, invalid image metadata, is no ImageMeta in the lab."""
    ends = Counter()
    for name, field in nova.objects.ImageMetaProps.fields.items():
        values = getattr(field._type, "valid_values", None) or ()
        if name.startswith(tuple(REFUSED_PROPERTIES)) or not (values or "version" in name):
            continue
        values = [*values, *map(str.upper, values), "x", "", "AMD64", "paravirtual", "VirtualE1000"]
        for value in [*values, ">=1, <9", "9", ">="]:
            try:
                expected = getattr(nova.objects.ImageMetaProps.from_dict({name: value}), name)
            except ValueError:
                expected = None
                with pytest.raises(ValueError, match=name):
                    ImageMeta(properties={name: value})
            else:
                assert ImageMeta(properties={name: value}).properties.to_dict() == {name: expected}
            ends[expected is None] += 1
    assert min(ends.values()) > 100


def test_options_are_read_as_oslo_config_reads_them(nova, tmp_path):
    import nova.conf.scheduler as scheduler_conf
    from oslo_config import cfg

    rng, path = random.Random(28), tmp_path / "nova.conf"
    texts = {
        float: ["1.5", "-2", " 1e3 ", "x", "inf"],
        int: ["3", "0", "-1", "2.5", "x", " 7 "],
        bool: ["true", "False", "1", "no", "On", "maybe", ""],
        list: ["a,b", " a , b ", "", "a,,b", "a", "a,", ",a", "a, ,", ",", "a b"],
        str: ["x86_64", ""],
    }
    registered = ("scheduler", "filter_scheduler", "metrics")
    for _ in range(length.few(600, 3)):
        opt = rng.choice([o for o in OPTIONS if o.modelled and o.group in registered])
        if opt.name in ("enabled_filters", "weight_classes"):
            continue
        text = rng.choice(texts[opt.kind])
        path.write_text(f"[{opt.group}]\n{opt.name} = {text}\n", encoding="utf-8")
        conf = cfg.ConfigOpts()
        scheduler_conf.register_opts(conf)
        with warnings.catch_warnings(), nova.quiet():
            warnings.simplefilter("ignore")
            conf([], default_config_files=[str(path)])
            try:
                expected = getattr(conf[opt.group], opt.name)
            except (cfg.ConfigFileValueError, ValueError):
                expected = ValueError
        if expected is ValueError or expected == math.inf:  # unlike Nova: weights would be nan
            with pytest.raises(ValueError, match=opt.name):
                Options.read(path)
            continue
        mine = getattr(Options.read(path), opt.name)
        mine = list(mine) if isinstance(mine, tuple) else mine
        assert mine == expected, (opt.name, text)


def test_the_lists_of_names_are_those_of_nova(nova):
    import os_resource_classes
    from nova.objects import fields, image_meta

    from labkit.nova.objects import image_meta as mine
    from labkit.nova.scheduler import request_filter

    for mine_, theirs in (
        (host_weights.all_weighers(), nova.WEIGHERS),
        (filters.all_filters(), nova.FILTERS),
    ):
        modules = {cls.__name__: cls.__module__.removeprefix("labkit.") for cls in mine_}
        assert modules == {name: cls.__module__ for name, cls in theirs.items()}
        assert list(modules) == sorted(modules, key=lambda name: (modules[name], name))
    assert set(request_filter.RESOURCE_CLASSES) == set(os_resource_classes.STANDARDS)
    assert set(image_meta.ImageMetaProps.fields) == mine.KNOWN_PROPERTIES
    assert image_meta.ImageMetaProps._legacy_property_map == mine._LEGACY
    assert set(mine.ARCHITECTURES) == set(fields.Architecture.ALL)


def test_of_many_servers_in_one_request_the_quota_alone_leaves_some_out(nova, monkeypatch):
    """With a min_count: the most that the lab's quota lets through, if these are enough.

    That the scheduler leaves none out is recorded: clouds.json.gz, 165.
    """
    from nova import objects
    from nova.compute import utils as theirs

    def check_deltas(context, deltas, *args, **kwargs):
        overs = sorted(name for name, more in deltas.items() if used[name] + more > limits[name])
        if overs:
            raise nova.exception.OverQuota(overs=overs, quotas=limits, usages=used)

    monkeypatch.setattr(objects.Quotas, "get_all_by_project_and_user", lambda *args: {})
    monkeypatch.setattr(objects.Quotas, "check_deltas", check_deltas)
    cloud = Cloud(Fleet([{"host": "cn-1", "vcpus_total": 40, "total_usable_ram_mb": 40_000}]))
    cloud.create("old", RequestSpec(Flavor(2, 700), num_instances=2))
    cloud.settle()
    used, service = {"instances": 2, "cores": 4, "ram": 1400}, cloud.site.conductor
    ends, rng = Counter(), random.Random(3)

    def lab(count):
        return check_num_instances_quota(service, RequestSpec(flavor, num_instances=count))

    for _ in range(300):
        limits = {"instances": rng.randint(2, 9), "cores": rng.randint(4, 14)}
        limits["ram"] = rng.randrange(1400, 5000, 100)
        cloud.site.quota.update(limits)
        flavor, most = Flavor(rng.randint(1, 3), rng.choice((256, 512, 900))), rng.randint(1, 5)
        least = rng.randint(1, most)
        fits = [count for count in range(least, most + 1) if _passes(lab, count)]
        asked = nova.context.RequestContext("u", "p", is_admin=False), flavor, least, most
        if fits:
            assert theirs.check_num_instances_quota(*asked) == fits[-1]
        else:
            with pytest.raises(nova.exception.TooManyInstances) as caught:
                theirs.check_num_instances_quota(*asked)
            if least == most:
                with pytest.raises(TooManyInstances, match=re.escape(str(caught.value))):
                    lab(most)
        ends[bool(fits), fits[-1:] == [most]] += 1
    assert min(ends.values()) > 30, ends


def _passes(check, count):
    try:
        check(count)
    except TooManyInstances:
        return False
    return True
