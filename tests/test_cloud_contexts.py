"""Who asks: the request ids in a cloud's tables."""

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.nova import policy
from labkit.nova.exception import InstanceActionNotFound, NovaException, PolicyNotAuthorized
from labkit.nova.objects import instance_action
from labkit.nova.objects.instance import Instance

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


@pytest.fixture
def cloud(root):
    return Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)


def test_one_request_id_goes_from_the_api_to_the_compute(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    (request_id,) = cloud.requests.request_id
    sent = cloud.messages
    assert list(dict.fromkeys(sent.sender)) == ["api", "conductor", "scheduler", "compute@cn-2"]
    for table in (sent, cloud.actions, cloud.states, cloud.notifications, cloud.events):
        assert set(table.request_id) <= {request_id}
    assert request_id.startswith("req-")
    assert len(request_id) == 40


def test_each_request_has_an_id_of_its_own_and_a_refused_one_too(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "stop")
    with pytest.raises(NovaException):
        cloud.act("web-1", "pause")
    cloud.settle()
    asked = cloud.requests
    assert asked.status.tolist() == [202, 202, 409]
    assert asked.request_id.nunique() == 3
    stop = asked.request_id[1]
    assert set(cloud.messages.query("method == 'stop_instance'").request_id) == {stop}
    assert set(cloud.actions.query("action == 'stop'").request_id) == {stop}


def test_the_same_seed_gives_the_same_ids(root):
    fleet, found = Fleet.read(root / "data" / "two_hosts"), []
    for seed in (17, 17, 18):
        cloud = Cloud(fleet, seed=seed)
        cloud.create("web-1", SPEC)
        found.append(cloud.requests.request_id[0])
    assert found[0] == found[1] != found[2]


def test_what_a_compute_tells_the_scheduler_it_tells_as_an_administrator(cloud):
    cloud.create("web-1", SPEC, is_admin=False)
    cloud.settle()
    told = dict(zip(cloud.messages.method, cloud.messages.is_admin, strict=True))
    assert told.pop("update_instance_info") is True
    assert not any(told.values())


def test_the_rounds_of_periodic_tasks_have_ids_of_their_own(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.guest_stops("web-1")
    start = cloud.now
    cloud.run(until_s=1300)
    stopped = cloud.messages.query("method == 'stop_instance'")
    assert stopped.t_s.gt(start).all()
    assert set(stopped.is_admin) == {True}
    assert not set(stopped.request_id) & set(cloud.requests.request_id)
    assert set(cloud.actions.query("action == 'stop'").request_id) == set(stopped.request_id)


def test_tasks_that_are_due_at_once_on_one_host_share_a_context(cloud):
    (one, other) = cloud.site.computes.values()
    first = one.periodic_context()
    assert one.periodic_context() is first
    assert other.periodic_context().request_id != first.request_id
    cloud.run(until_s=1)
    assert one.periodic_context().request_id != first.request_id


def test_a_message_that_waits_for_a_dead_host_keeps_its_request_id(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    host = cloud.show("web-1")["host"]
    cloud.add_fault(Fault("host_down", host=host, at="powering-off"))
    cloud.act("web-1", "stop")
    cloud.settle()
    cloud.host_up(host)
    cloud.settle()
    stop = cloud.requests.request_id[1]
    later = cloud.actions.query("event == 'compute_stop_instance'")
    assert stop in set(later.request_id)


def test_an_ordinary_user_cannot_take_part_in_what_another_request_began(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    site = cloud.site
    instance = Instance.get_by_uuid(cloud._api.service, site.uuid_of("web-1"))
    with (
        site.clock.within(site.keystone.context("project", is_admin=False)),
        pytest.raises(InstanceActionNotFound, match="req-"),
    ):
        instance_action.event_start(instance, "compute_stop_instance")
    with site.clock.within(site.keystone.admin_context()):  # a nova-compute at its start
        instance_action.event_start(instance, "compute_stop_instance")
    assert cloud.actions.event.iloc[-1] == "compute_stop_instance"


def test_who_asks_must_be_told_by_true_or_false(cloud):
    with pytest.raises(ValueError, match="is_admin = 'root' is neither True nor False"):
        cloud.create("web-1", SPEC, is_admin="root")
    with pytest.raises(ValueError, match="is_admin"):
        cloud.at(5, "web-1", "create", spec=SPEC, is_admin=1)
    cloud.at(5, "web-1", "create", spec=SPEC, is_admin=False)
    cloud.settle()
    assert cloud.messages.is_admin[0] is False


def test_a_reclaimed_server_is_deleted_in_the_context_of_the_round(root):
    options = Options(reclaim_instance_interval=100)
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), options)
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "delete")
    cloud.settle()
    cloud.run(until_s=400)
    gone = cloud.states.iloc[-1]
    assert gone.vm_state == "deleted"
    assert gone.request_id not in set(cloud.requests.request_id)


@pytest.mark.parametrize(
    ("action", "rule"), [("stop", "servers:stop"), ("pause", "os-pause-server:pause")]
)
def test_policy_decides_what_a_user_may_ask_of_a_cloud(cloud, monkeypatch, action, rule):
    cloud.create("web-1", SPEC, is_admin=False)
    cloud.settle()
    rule = f"os_compute_api:{rule}"
    monkeypatch.setitem(policy.RULES, rule, policy.ADMIN)
    words = f"Policy doesn't allow {rule} to be performed."
    assert cloud.answer("web-1", action, is_admin=False) == (403, words)
    with pytest.raises(PolicyNotAuthorized, match=rule):
        cloud.act("web-1", action, is_admin=False)
    assert cloud.act("web-1", action) == 202
    monkeypatch.setitem(policy.RULES, "os_compute_api:servers:create", policy.ADMIN)
    with pytest.raises(PolicyNotAuthorized, match="os_compute_api:servers:create"):
        cloud.create("web-2", SPEC, is_admin=False)
