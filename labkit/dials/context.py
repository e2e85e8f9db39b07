"""The dial of contexts: choose a role, a way to the context and what it reads; see what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.dials.panel import Buttons, Panel
from labkit.nova.context import RequestContext, get_admin_context, get_context
from labkit.plots.rights import NOTE, RightsGrid, grid_axes, rows_of
from labkit.studies.rights import QUESTIONS, SERVERS, rights

if TYPE_CHECKING:
    import pandas as pd

#: A role, and those that keystone adds to it.
ROLES = {
    "reader": ["reader"],
    "member": ["member", "reader"],
    "admin": ["admin", "member", "reader"],
}
#: A way, and how its context is written in Nova's code.
WAYS = {
    "from the request": 'context = req.environ["nova.context"]',
    "elevated": 'context = req.environ["nova.context"].elevated()',
    "by hand": 'context = RequestContext("alice", "physics", is_admin=True)',
    "get_admin_context": "context = get_admin_context()",
    "get_context": "context = get_context()",
}
READ_DELETED = ("no", "yes", "only")
WORDS = {
    "role": ("role", "Alice's role in the project physics; it counts where the request is hers."),
    "way": ("way to the context", "How Nova's code came by the context."),
    "read_deleted": ("read_deleted", "Whether queries find deleted rows too, or only these."),
}
_CATALOG = [{"type": "image", "endpoints": [{"publicURL": "http://glance.example"}]}]


def context() -> ContextDial:
    """Choose who asks and how the context was made; see what it may do with four servers.

    Out: a panel. Each control is an attribute: ``role`` of the user alice of the project physics
    ("reader", "member", "admin"), ``way`` to the context ("from the request", "elevated",
    "by hand", "get_admin_context", "get_context") and ``read_deleted`` ("no", "yes", "only").
    All together are ``dial.value``, a dict; ``dial.answer`` is the sentence above the figure,
    ``dial.context`` the RequestContext and ``dial.table`` the table ``rights`` of it. Raises
    ValueError for a value that a control does not have.

    >>> dial = context()
    >>> dial.answer
    A member's context from the request, read_deleted no: it may not list all; policy lets it \
stop 2 of 4 servers; it reads and saves 1 of 4 rows; glance is asked with alice's token.
    >>> dial.way.value = "get_admin_context"
    >>> dial.answer
    A context of get_admin_context, read_deleted no: it may not list all; policy lets it stop \
0 of 4 servers; it reads and saves 2 of 4 rows; glance cannot be asked (EmptyCatalog).

    Source: ``labkit.studies.rights``.
    """
    return ContextDial()


class ContextDial(Panel):
    """The panel that ``context`` makes."""

    def __init__(self) -> None:
        self._asked = [(system, asked) for asked, (system, _) in QUESTIONS.items()]
        choices = {"role": tuple(ROLES), "way": tuple(WAYS), "read_deleted": READ_DELETED}
        controls = {name: Buttons(options) for name, options in choices.items()}
        controls["role"].value = "member"
        self._begin(controls, WORDS)

    def _lay_out(self) -> None:
        axes = grid_axes(list(SERVERS), self._asked, NOTE)
        self._grid = RightsGrid(axes, list(SERVERS), self._asked, NOTE)

    def _turned(self) -> None:
        role, way = self.role.value, self.way.value
        self.role.disabled = way not in ("from the request", "elevated")
        self.context = made(role, way, self.read_deleted.value)
        self.table: pd.DataFrame = rights({way: self.context})
        _, rows = rows_of(self.table)
        answers = [[row[one] for one in self._asked] for row in rows]
        self._grid.show(answers, looked_at(self.context))
        code = WAYS[way]
        if self.read_deleted.value != "no":
            code += f'; context.read_deleted = "{self.read_deleted.value}"'
        drawn = self._grid.ax.figure
        said = self._said(role, way)
        self._show(drawn, said, f"<code>{code}</code>", f"<b>{said}</b>")

    def _said(self, role: str, way: str) -> str:
        yes = self.table.groupby("asked").allowed.sum()
        mine = f"A{'n' if role == 'admin' else ''} {role}'s context"
        who = {
            "from the request": f"{mine} from the request",
            "elevated": f"{mine}, elevated",
            "by hand": "A context by hand",
        }.get(way, f"A context of {way}")
        errors = self.table.query("asked == 'image'").answer
        error = errors.iloc[0].partition(":")[0]
        image = f"cannot be asked ({error})" if error else "is asked with alice's token"
        return (
            f"{who}, read_deleted {self.read_deleted.value}:"
            f" it may {'' if yes['list all'] else 'not '}list all;"
            f" policy lets it stop {yes['stop']} of {len(SERVERS)} servers;"
            f" it reads and saves {yes['read']} of {len(SERVERS)} rows; glance {image}."
        )


def looked_at(context: RequestContext) -> dict[str, str]:
    """What of a context each system looks at."""
    project = f"project {context.project_id}" if context.project_id else "no project"
    return {
        "policy": f"roles {', '.join(context.roles)}" if context.roles else "no roles",
        "database": f"is_admin {context.is_admin}, {project}",
        "glance": "alice's token" if context.auth_token else "no token",
    }


def made(role: str, way: str, read_deleted: str) -> RequestContext:
    """The context of alice, or of nobody, as a way makes it."""
    token = {"auth_token": "of alice", "service_catalog": _CATALOG}
    alice = RequestContext("alice", "physics", roles=list(ROLES[role]), **token)
    context = {
        "from the request": lambda: alice,
        "elevated": alice.elevated,
        "by hand": lambda: RequestContext("alice", "physics", is_admin=True),
        "get_admin_context": get_admin_context,
        "get_context": get_context,
    }[way]()
    context.read_deleted = read_deleted
    return context
