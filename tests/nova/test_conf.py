"""Options: Nova's names and defaults, and a sentence for each mistake."""

import re

import pytest

from labkit import NotModelled, Options


def write(tmp_path, text):
    path = tmp_path / "nova.conf"
    path.write_text(text)
    return path


def test_a_real_nova_conf_is_read_and_the_rest_is_listed(tmp_path):
    options = Options.read(
        write(
            tmp_path,
            """[DEFAULT]
debug = true
service_down_time = 120
# a comment
[filter_scheduler]
ram_weight_multiplier = -1.0
enabled_filters = ComputeFilter,
    IoOpsFilter
shuffle_best_same_weighed_hosts = yes
weight_classes = nova.scheduler.weights.ram.RAMWeigher
[metrics]
weight_setting = cpu.percent=-1.0, cpu.frequency=0.5
[libvirt]
virt_type = kvm
""",
        )
    )
    assert options.filter_scheduler.ram_weight_multiplier == -1.0
    assert options.enabled_filters == ("ComputeFilter", "IoOpsFilter")
    assert options.shuffle_best_same_weighed_hosts is True
    assert options.metrics.weight_setting == ("cpu.percent=-1.0", "cpu.frequency=0.5")
    assert options.service_down_time == 120
    assert options.ignored == ("[DEFAULT] debug", "[libvirt] virt_type")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[filter_scheduler]\nram_weight_multiplyer = 1\n",
            "unknown option 'ram_weight_multiplyer'; did you mean 'ram_weight_multiplier'?",
        ),
        (
            "[scheduler]\nram_weight_multiplier = 1\n",
            "[scheduler] unknown option 'ram_weight_multiplier'",
        ),
        (
            "[filter_scheduler]\nhost_subset_size = 0\n",
            "[filter_scheduler] host_subset_size = '0': expected at least 1",
        ),
        (
            "[filter_scheduler]\nram_weight_multiplier = heavy\n",
            "[filter_scheduler] ram_weight_multiplier = 'heavy': expected a number",
        ),
        (
            "ram_weight_multiplier = 1\n",
            "line 1: 'ram_weight_multiplier' stands before any [section]",
        ),
    ],
)
def test_a_mistake_in_nova_conf_is_named(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Options.read(write(tmp_path, text))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ram_weight_multiplyer": 1}, "did you mean 'ram_weight_multiplier'?"),
        ({"ram_weight_multiplier": "x"}, "ram_weight_multiplier = 'x': expected a number"),
        ({"ram_weight_multiplier": None}, "ram_weight_multiplier = None: expected a number"),
        ({"ram_weight_multiplier": float("nan")}, "expected a number"),
        ({"ram_weight_multiplier": True}, "expected a number"),
        ({"pci_weight_multiplier": -1}, "pci_weight_multiplier = -1: expected at least 0.0"),
        ({"host_subset_size": 1.5}, "host_subset_size = 1.5: expected a whole number"),
        ({"enabled_filters": 7}, "expected a list"),
        ({"required": "perhaps"}, "[metrics] required = 'perhaps': expected true or false"),
        ({"pci_in_placement": True}, "the lab does not model anything else"),
    ],
)
def test_a_wrong_keyword_is_named(values, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Options(**values)


def test_disks_that_the_lab_does_not_have_are_refused_by_name(tmp_path):
    with pytest.raises(NotModelled, match="no ploop disks"):
        Options(images_type="ploop")
    conf = "[ephemeral_storage_encryption]\nenabled = {}\n"
    with pytest.raises(NotModelled, match="encrypts no disk"):
        Options.read(write(tmp_path, conf.format("True")))
    read = Options.read(write(tmp_path, conf.format("false")))
    assert read.ignored == ("[ephemeral_storage_encryption] enabled",)


def test_options_are_equal_by_value_and_say_what_differs():
    options = Options(ram_weight_multiplier=-1)
    assert options == Options().replace(ram_weight_multiplier=-1.0)
    assert hash(options) == hash(Options(ram_weight_multiplier=-1.0))
    assert repr(options) == "Options(ram_weight_multiplier=-1.0)"
    assert repr(Options()) == "Options()"


@pytest.mark.nova
def test_every_option_has_novas_default():
    import nova.conf

    from labkit.nova.conf import OPTIONS

    nova.conf.CONF([], project="nova", default_config_files=[])
    for opt in OPTIONS:
        group = nova.conf.CONF if opt.group == "DEFAULT" else nova.conf.CONF[opt.group]
        default = group[opt.name]
        assert opt.default == (tuple(default) if isinstance(default, list) else default), opt.name


@pytest.mark.nova
def test_every_option_of_the_three_sections_is_in_the_table():
    import nova.conf

    from labkit.nova.conf import OPTIONS

    names = {(opt.group, opt.name) for opt in OPTIONS}
    for group in ("filter_scheduler", "scheduler", "metrics"):
        for name in nova.conf.CONF[group]:
            assert (group, name) in names
