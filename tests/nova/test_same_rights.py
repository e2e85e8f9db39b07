"""What a context may do, beside the installed Nova: policy, rows, headers, glance."""

import itertools
import random
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from labkit.dials.context import READ_DELETED, WAYS
from labkit.dials.context import ROLES as ROLES_OF
from labkit.nova import context, policy
from labkit.nova.api.auth import NovaKeystoneContext
from labkit.nova.db.main import api as db
from labkit.nova.db.main.models import Database
from labkit.nova.exception import NotModelled
from labkit.nova.image import glance
from labkit.studies.rights import QUESTIONS, SERVERS, rights
from tests.helpers import length

# Nova's own: its rules still look at is_admin, which its policy library warns of, and its
# statements are older than SQLAlchemy.
pytestmark = [
    pytest.mark.nova,
    pytest.mark.filterwarnings("ignore:Policy enforcement is depending:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Invoking and_:DeprecationWarning"),
]
PROJECTS = (None, "physics", "biology", "None")
ROLES = (None, [], ["reader"], ["Member", "reader"], ["member"], ["ADMIN"], ["manager"])
BADGE = "of alice"
IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"


def values_of(rng):
    """The arguments of a context as they may come."""
    return {
        "user_id": rng.choice((None, "alice", "bob")),
        "project_id": rng.choice(PROJECTS),
        "is_admin": rng.choice((None, None, True, False)),
        "roles": rng.choice(ROLES),
        "read_deleted": rng.choice(("no", "no", "yes", "only")),
        "system_scope": rng.choice((None, None, None, "all")),
        "domain_id": rng.choice((None, None, None, "default")),
    }


def made(module, values, way):
    """The context of one of the three ways."""
    match way:
        case "nobody":
            return module.get_context()
        case "by hand":
            return module.get_admin_context(values["read_deleted"])
        case "elevated":
            return module.RequestContext(**values).elevated(values["read_deleted"])
    return module.RequestContext(**values)


def answer(ask, *args):
    """What came back, or the error's name and words."""
    try:
        return ask(*args)
    except Exception as error:
        return type(error).__name__, str(error)


def test_the_rules_are_novas(nova):
    from nova import policies

    theirs = {rule.name: rule for rule in policies.list_rules()}
    assert len(theirs) == 214
    assert {name: theirs[name].check_str for name in policy.RULES} == policy.RULES
    for name in policy.RULES:
        assert theirs[name].scope_types == (None if name in policy.BASE else ["project"])


CONTEXTS = length.few(1000, 8)


def test_random_contexts_may_do_the_same(nova):
    asked = 0
    seen = set()
    for seed in range(CONTEXTS):
        rng = random.Random(seed)
        values, way = (
            values_of(rng),
            rng.choice(("given", "given", "elevated", "by hand", "nobody")),
        )
        target = rng.choice((None, {}, {"project_id": rng.choice(PROJECTS)}))
        theirs, ours = made(nova, values, way), made(context, values, way)
        assert ours.is_admin == theirs.is_admin
        for rule in rng.sample(sorted(policy.RULES), 6):
            wanted = rule, target, rng.random() < 0.5
            told = answer(theirs.can, *wanted)
            told = bool(told) if not isinstance(told, tuple) else told
            assert answer(ours.can, *wanted) == told, (seed, wanted)
            seen.add((way, told if isinstance(told, bool) else told[0]))
            asked += 1
    assert asked == 6 * CONTEXTS
    assert len(seen) == 4 * 3 - 2  # nobody passes as nobody, nor does what is made by hand


def test_a_rule_of_which_the_lab_knows_nothing_is_refused_by_name():
    with pytest.raises(NotModelled, match="did you mean 'os_compute_api:servers:stop'"):
        context.get_context().can("os_compute_api:servers:stopp")


@pytest.fixture(scope="module")
def cell(nova):
    """A database of Nova's in memory, and the four rows in it, as ours."""
    from nova.db.main import api as nova_db
    from nova.db.main import models

    manager = nova_db.create_context_manager("sqlite://")
    models.BASE.metadata.create_all(manager.writer.get_engine())
    admin = nova.get_admin_context()
    admin.db_connection = manager
    rows = []
    for project in ("physics", "biology"):
        for deleted in (False, True):
            row = {
                "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{project} {deleted}")),
                "project_id": project,
            }
            nova_db.instance_create(admin, {**row, "user_id": "alice"})
            if deleted:
                nova_db.instance_destroy(admin, row["uuid"])
            rows.append(row | {"deleted": deleted, "display_name": None})
    yield SimpleNamespace(manager=manager, rows=rows, database=Database(rows), api=nova_db)
    manager.writer.get_engine().dispose()


def listed(api, who):
    return [row["uuid"] for row in api.instance_get_all(who)]


def read(api, who, uuid_):
    return api.instance_get_by_uuid(who, uuid_)["project_id"]


def written(api, who, uuid_, name):
    pair = api.instance_update_and_get_original(who, uuid_, {"display_name": name})
    return [row["display_name"] for row in pair]


def test_random_contexts_see_and_write_the_same_rows(nova, cell):
    outcomes = set()
    for seed in range(length.few(400, 8)):
        rng = random.Random(seed)
        values, way = (
            values_of(rng),
            rng.choice(("given", "given", "elevated", "by hand", "nobody")),
        )
        theirs, ours = made(nova, values, way), made(context, values, way)
        theirs.db_connection, ours.db_connection = cell.manager, cell.database
        told = answer(listed, cell.api, theirs)
        assert answer(listed, db, ours) == told, seed
        uuid_ = rng.choice([row["uuid"] for row in cell.rows] + [str(uuid.UUID(int=1))])
        told = answer(read, cell.api, theirs, uuid_)
        assert answer(read, db, ours, uuid_) == told, seed
        told = answer(written, cell.api, theirs, uuid_, f"by {seed}")
        assert answer(written, db, ours, uuid_, f"by {seed}") == told, seed
        outcomes.add(told[0] if isinstance(told, tuple) else "written")
    assert outcomes == {"written", "Forbidden", "InstanceNotFound"}


def test_a_context_that_leads_nowhere_finds_no_database(nova, cell):
    told = answer(cell.api.instance_get_all, nova.get_admin_context())
    assert answer(db.instance_get_all, context.get_admin_context()) == told
    assert told[0] == "CantStartEngineError"


def test_random_headers_make_the_same_context_or_the_same_refusal(nova):
    import webob
    import webob.dec
    from nova.api import auth

    statuses = []
    for seed in range(500):
        rng = random.Random(seed)
        environ = {"REMOTE_ADDR": "192.0.2.1", "openstack.request_id": "req-1"}
        for key, choices in {
            "HTTP_X_USER_ID": ("alice", ""),
            "HTTP_X_USER": ("bob",),
            "HTTP_X_PROJECT_ID": ("physics", ""),
            "HTTP_X_ROLES": ("member", "admin, member", ""),
            "HTTP_X_AUTH_TOKEN": ("badge",),
            "HTTP_X_SERVICE_CATALOG": ('[{"type": "image"}, {"type": "compute"}]', "[{", "[]"),
        }.items():
            if rng.random() < 0.6:
                environ[key] = rng.choice(choices)
        found = {}

        @webob.dec.wsgify
        def application(request, found=found):
            found.update(request.environ["nova.context"].to_dict())
            return "200 OK"

        reply = webob.Request.blank("/", environ=dict(environ)).get_response(
            auth.NovaKeystoneContext(application)
        )
        try:
            ours = NovaKeystoneContext(lambda environ: environ["nova.context"].to_dict())(environ)
            status, words = 200, ""
        except Exception as error:
            ours, status, words = {}, error.code, str(error)
        assert status == reply.status_code, (seed, environ)
        assert words in reply.text
        ours.pop("timestamp", None), found.pop("timestamp", None)
        assert ours == found
        statuses.append(status)
    assert min(map(statuses.count, (200, 401, 500))) > 30


class Glance(BaseHTTPRequestHandler):
    """Notes who asks, and knows no image."""

    asked = []

    def do_GET(self):
        names = ("X-Auth-Token", "X-OpenStack-Request-ID")
        self.asked.append({"path": self.path} | {name: self.headers[name] for name in names})
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        """Stay silent."""


def test_glance_is_asked_with_the_users_token_or_not_at_all(nova):
    from nova.image import glance as nova_glance

    server = HTTPServer(("127.0.0.1", 0), Glance)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    raised = set()
    try:
        for seed in range(60):
            rng = random.Random(seed)
            endpoint = {
                f"{kind}URL": f"{address}/{kind}"
                for kind in ("admin", "internal", "public")
                if rng.random() < 0.5
            }
            values = values_of(rng) | {
                "auth_token": rng.choice((None, "badge", "other")),
                "request_id": "req-1",
                "global_request_id": rng.choice((None, "req-2")),
                "service_catalog": rng.choice(
                    (None, [{"type": "network"}], [{"type": "image", "endpoints": [endpoint]}])
                ),
            }
            way = rng.choice(("given", "elevated", "by hand", "nobody"))
            Glance.asked.clear()
            told = answer(nova_glance.API().get, made(nova, values, way), IMAGE)
            ours = answer(glance.show, made(context, values, way), IMAGE)
            if Glance.asked:
                ours["path"] = ours.pop("url").removeprefix(address)
                assert ours == Glance.asked[0], seed
                assert told[0] == "ImageNotFound"
            else:
                assert ours == told, (seed, values)
            raised.add(told[0])
    finally:
        server.shutdown()
        server.server_close()
    assert raised == {"ImageNotFound", "EmptyCatalog", "EndpointNotFound", "AuthorizationFailure"}


def test_the_middleware_before_it_removes_what_came_from_outside():
    """Nova believes the headers; that they are keystone's, keystonemiddleware sees to."""
    module = pytest.importorskip("keystonemiddleware.auth_token._request")
    headers = {"X-User-Id": "mallory", "X-Roles": "admin", "X-Service-Catalog": "[]"}
    request = module._AuthTokenRequest.blank("/", headers=headers)
    assert "HTTP_X_ROLES" in request.environ
    request.remove_auth_headers()
    assert [key for key in request.environ if key.startswith("HTTP_X_")] == []


CATALOG = [{"type": "image", "endpoints": [{"publicURL": "http://127.0.0.1:1"}]}]


def alice_and_nobody(module):
    """The contexts of the dial: alice's of each role by each way, and nobody's."""
    for role, way, read_deleted in itertools.product(ROLES_OF, WAYS, READ_DELETED):
        alice = module.RequestContext(
            "alice",
            "physics",
            roles=list(ROLES_OF[role]),
            auth_token=BADGE,
            service_catalog=CATALOG,
        )
        one = {
            "from the request": lambda alice=alice: alice,
            "elevated": alice.elevated,
            "by hand": lambda: module.RequestContext("alice", "physics", is_admin=True),
            "get_admin_context": module.get_admin_context,
            "get_context": module.get_context,
        }[way]()
        one.read_deleted = read_deleted
        yield f"{role}, {way}, {read_deleted}", one


def test_the_table_of_rights_is_novas_word_for_word(nova, cell):
    """The 45 contexts of the dial, four servers, five questions."""
    from nova.image import glance as nova_glance

    stop = "os_compute_api:servers:stop"
    by_name = dict(zip(SERVERS, [row["uuid"] for row in cell.rows], strict=True))
    ask = {
        "list all": lambda c, u: c.can("os_compute_api:servers:index:get_all_tenants"),
        "read": cell.api.instance_get_by_uuid,
        "save": lambda c, u: written(cell.api, c, u, "new"),
        "image": lambda c, u: next(nova_glance.get_api_servers(c)),
    }
    told = []
    for name, one in alice_and_nobody(nova):
        one.db_connection = cell.manager
        for server, asked in itertools.product(SERVERS, QUESTIONS):
            target = {"project_id": SERVERS[server]["project_id"]}
            if asked == "stop":
                answered = answer(one.can, stop, target)
            else:
                answered = answer(ask[asked], one, by_name[server])
            words = ": ".join(answered) if isinstance(answered, tuple) else ""
            told.append((name, server, asked, words))
    ours = rights(dict(alice_and_nobody(context)))
    for row, (name, server, asked, words) in zip(ours.itertuples(), told, strict=True):
        mine = row.answer.replace(SERVERS[server]["uuid"], by_name[server])
        assert (row.context, row.server, row.asked, mine) == (name, server, asked, words)
    assert len(ours) == 900
    assert ours.groupby("asked").allowed.sum().between(48, 88).all()


def test_the_old_defaults_of_policy_looked_at_is_admin(nova):
    """What the lab leaves out and the lesson tells: [oslo_policy] enforce_new_defaults = False."""
    from nova import config, policy

    passed = {}
    try:
        for new in (True, False):
            policy.init(suppress_deprecation_warnings=True)  # registers the option
            config.CONF.set_override("enforce_new_defaults", new, group="oslo_policy")
            policy.reset()
            policy.init(suppress_deprecation_warnings=True)
            asked = "os_compute_api:servers:index:get_all_tenants"
            passed[new] = bool(nova.get_admin_context().can(asked, fatal=False))
    finally:
        config.CONF.clear_override("enforce_new_defaults", group="oslo_policy")
        policy.reset()
        policy.init(suppress_deprecation_warnings=True)
    assert passed == {True: False, False: True}
