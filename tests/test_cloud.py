"""The cloud from outside: what a lesson does with it, and what it says to a mistake."""

import subprocess
import sys

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, RequestSpec
from labkit.nova.exception import NovaException

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


@pytest.fixture
def cloud(root):
    return Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)


def test_a_server_becomes_active_and_is_stopped_and_deleted(cloud):
    assert cloud.create("web-1", SPEC) == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ACTIVE"
    assert cloud.act("web-1", "stop") == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == "SHUTOFF"
    cloud.act("web-1", "delete")
    cloud.settle()
    states = cloud.states
    assert states.vm_state.iloc[-1] == "deleted"
    assert states.seq.is_monotonic_increasing
    assert states.t_s.is_monotonic_increasing


def test_an_action_in_the_wrong_state_is_refused_in_novas_words(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "stop")
    with pytest.raises(NovaException, match="Cannot 'pause' instance") as refused:
        cloud.act("web-1", "pause")
    assert str(refused.value).endswith("while it is in task_state powering-off")
    assert refused.value.code == 409


def test_a_failed_spawn_is_tried_on_an_alternate(root):
    fleet = Fleet.read(root / "data" / "four_hosts")
    cloud = Cloud(fleet, faults=[Fault("spawn", host="cn-2")])
    cloud.create("web-1", SPEC)
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ACTIVE"
    asked = cloud.messages.query("method == 'select_destinations' and kind == 'call'")
    assert len(asked) == 1  # the scheduler is not asked again


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda c: c.act("web-9", "stop"), KeyError, "no server 'web-9'"),
        (lambda c: c.act("web-1", "fly"), ValueError, "unknown action 'fly'"),
        (lambda c: c.run(until_s=-1), ValueError, "time does not run"),
        (lambda c: Cloud(Fleet([]), faults=[Fault("nowhere")]), ValueError, "nowhere"),
        (lambda c: Cloud("two hosts"), TypeError, "is not a Fleet"),
    ],
)
def test_a_mistake_gets_a_sentence(cloud, ask, error, sentence):
    cloud.create("web-1", SPEC)
    with pytest.raises(error, match=sentence):
        ask(cloud)


def test_the_tables_are_the_same_under_any_hash_seed(root):
    code = (
        "from labkit import Cloud, Flavor, Fleet, RequestSpec\n"
        "cloud = Cloud(Fleet.read('data/four_hosts'), seed=3)\n"
        "for k in range(5): cloud.create(f's{k}', RequestSpec(Flavor(1, 512, 1)))\n"
        "cloud.settle()\n"
        "print(cloud.states.to_csv(), cloud.messages.to_csv(), cloud.actions.to_csv())\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1
