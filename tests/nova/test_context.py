"""Contexts beside the installed Nova's, on random values; and what a lesson says of them."""

import random
from inspect import signature
from types import SimpleNamespace

import pytest

from labkit.neighbours import oslo_context
from labkit.nova import context
from labkit.nova.exception import Forbidden, NotModelled
from tests.helpers import length

# Nova's own: its rules still look at is_admin, which its policy library warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Policy enforcement is depending:DeprecationWarning")
CELL1 = SimpleNamespace(uuid="c1", database_connection="sqlite://", transport_url="rabbit://q")
CELL0 = SimpleNamespace(uuid="c0", database_connection="sqlite://", transport_url="none:///")
BADGE = "of alice"
TEXTS = (None, "", "alice", "-", "Ünïcode", "a b")
ROLES = (
    None,
    [],
    ["admin"],
    ["ADMIN", "member"],
    ["member"],
    ["reader", "Admin"],
    ["administrator"],
)
CATALOG = [
    {"type": kind, "name": f"the {kind}"} for kind in ("image", "compute", "network", "sharev2")
]
CATALOG.append({"name": "of no type"})
TEXT_FIELDS = (
    "user_id project_id remote_address quota_class auth_token domain_id user_domain_id"
    " project_domain_id request_id resource_uuid user_name project_name global_request_id"
    " system_scope"
).split()


def values_of(rng):
    """Arguments as they may come: each one given or not."""
    values = {name: rng.choice(TEXTS) for name in TEXT_FIELDS if rng.random() < 0.6}
    values.setdefault("request_id", "req-1")
    values["request_id"] = values["request_id"] or "req-2"
    for name, choices in {
        "is_admin": (None, None, True, False),
        "read_deleted": ("no", "yes", "only"),
        "roles": ROLES,
        "service_catalog": (None, [], CATALOG, CATALOG[1:3]),
        "read_only": (True, False),
        "show_deleted": (True, False),
        "is_admin_project": (True, False),
    }.items():
        if rng.random() < 0.6:
            values[name] = rng.choice(choices)
    values["timestamp"] = rng.choice(("2016-03-01T12:00:00.000000", "2026-11-22T23:59:59.999999"))
    return values


def answer(module, ask):
    try:
        return ask(module)
    except Exception as error:
        return type(error).__name__, str(error)


def asked(values, other):
    """What is asked of both: a function of the module."""

    def ask(module):
        one = module.RequestContext(**values)
        told = [one.to_dict(), one.global_id, one.is_admin]
        told.append(module.RequestContext.from_dict(one.to_dict()).to_dict())
        told.append(module.RequestContext.from_dict(other).to_dict())
        raised = one.elevated(read_deleted=other.get("read_deleted"))
        told += [raised.to_dict(), raised.request_id == one.request_id, list(one.roles)]
        told.append(module.is_user_context(one))
        for check, *what in (
            ("require_context",),
            ("authorize_project_context", other.get("project_id")),
            ("authorize_user_context", other.get("user_id")),
            ("authorize_quota_class_context", other.get("quota_class")),
        ):
            told.append(answer(module, lambda m, c=check, w=what: getattr(m, c)(one, *w)))
        return told

    return ask


@pytest.mark.nova
def test_random_contexts_are_the_same(nova):
    admins = users = refused = 0
    for seed in range(length.few(2000, 4)):
        rng = random.Random(seed)
        values, other = values_of(rng), values_of(rng)
        if seed % 50 == 0:
            values["read_deleted"] = rng.choice(("maybe", None, 1))
        ask = asked(values, other)
        theirs, ours = answer(nova, ask), answer(context, ask)
        assert ours == theirs, (seed, values)
        if isinstance(ours, list):
            admins += ours[2]
            users += ours[8]
            refused += sum(part is not None for part in ours[9:])
    assert min(admins, users, refused) > length.few(150, 4)


@pytest.mark.nova
def test_random_headers_are_read_the_same(nova):
    from oslo_context.context import _ENVIRON_HEADERS

    assert all(
        list(keys) == _ENVIRON_HEADERS[name] for name, keys in oslo_context.ENVIRON_HEADERS.items()
    )
    keys = [key for keys in _ENVIRON_HEADERS.values() for key in keys]
    for seed in range(length.few(2000, 4)):
        rng = random.Random(seed)
        environ = {key: rng.choice(TEXTS[1:]) for key in keys if rng.random() < 0.4}
        environ["openstack.request_id"] = "req-9"
        for key in ("HTTP_X_ROLES", "HTTP_X_ROLE"):
            if rng.random() < 0.4:
                environ[key] = rng.choice(("admin", " Admin , member", "", "member,,reader", ","))
        if rng.random() < 0.3:
            environ["HTTP_X_IS_ADMIN_PROJECT"] = rng.choice(("true", "False", "TRUE", "no"))
        more = {"timestamp": "2016-03-01T12:00:00.000000"}
        if rng.random() < 0.3:
            more["user_id"] = "given"

        def ask(module, environ=environ, more=more):
            return module.RequestContext.from_environ(environ, **more).to_dict()

        assert answer(context, ask) == answer(nova, ask), environ


@pytest.mark.nova
def test_the_ready_made_contexts_are_the_same(nova):
    unlike = ("request_id", "timestamp")
    for make in (lambda m: m.get_context(), lambda m: m.get_admin_context(read_deleted="yes")):
        theirs, ours = make(nova).to_dict(), make(context).to_dict()
        assert list(ours) == list(theirs)
        assert len(ours) == 25
        for name in unlike:
            assert theirs.pop(name)
            assert ours.pop(name)
        assert ours == theirs


@pytest.mark.nova
def test_an_argument_of_novas_that_the_lab_lacks_is_refused_by_its_name(nova):
    theirs, ours = (
        {name for cls in module.RequestContext.__mro__[:2] for name in signature(cls).parameters}
        for module in (nova, context)
    )
    assert {"overwrite", "service_token", "user_auth_plugin"} < theirs - ours
    for name in theirs - ours - {"kwargs"}:
        nova.RequestContext(**{name: None})
        with pytest.raises(NotModelled, match=f"no {name}=$"):
            context.RequestContext(**{name: None})


def test_an_admin_context_has_no_token_and_an_elevated_one_keeps_it():
    alice = context.RequestContext("alice", "physics", roles=["member"], auth_token=BADGE)
    assert context.get_admin_context().auth_token is None
    raised = alice.elevated()
    assert (raised.auth_token, raised.is_admin, raised.user_id) == (BADGE, True, "alice")
    assert (alice.is_admin, alice.roles) == (False, ["member"])


def test_a_context_without_a_user_is_forbidden():
    with pytest.raises(Forbidden, match="Forbidden"):
        context.require_context(context.get_context())


def test_a_copy_leads_to_a_cell_and_the_context_itself_does_not():
    alice = context.RequestContext("alice", "physics")
    with context.target_cell(alice, CELL1) as targeted:
        assert (targeted.mq_connection, targeted.cell_uuid) == ("rabbit://q", "c1")
        assert targeted.to_dict() == alice.to_dict()
        with context.target_cell(targeted, CELL0) as in_cell0:
            assert (in_cell0.mq_connection, in_cell0.db_connection) == (None, "sqlite://")
    assert alice.cell_uuid is None


def test_a_wrong_word_is_named():
    with pytest.raises(ValueError, match="not 'maybe'"):
        context.RequestContext(read_deleted="maybe")
    with pytest.raises(TypeError, match="tenant"):
        context.RequestContext(tenant="physics")
