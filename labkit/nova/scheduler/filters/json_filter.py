"""Choose hosts by a small JSON language in the hint ``query`` (filters/json_filter.py)."""

import json
import operator

from labkit.nova.scheduler import filters


def _compare(op):
    # every pair is compared, so that a wrong type counts wherever it stands
    return lambda args: len(args) > 1 and all([op(args[0], other) for other in args[1:]])  # noqa: C419


class JsonFilter(filters.BaseHostFilter):
    """Pass hosts for which the query is true, as in ``["and", [">=", "$free_ram_mb", 1024], ...]``.

    ``$name`` is an attribute of HostState, ``$name.key`` looks into a dict; what is not there is
    left out of the arguments. Raises JSONDecodeError for a query that is not JSON, KeyError for an
    unknown operator.
    """

    commands = {
        "=": _compare(operator.eq),
        "<": _compare(operator.lt),
        ">": _compare(operator.gt),
        "in": lambda args: len(args) > 1 and args[0] in args[1:],
        "<=": _compare(operator.le),
        ">=": _compare(operator.ge),
        "not": lambda args: [not arg for arg in args],
        "or": any,
        "and": all,
    }

    def host_passes(self, host_state, spec_obj):
        """Return whether the query holds for the host."""
        query = spec_obj.get_scheduler_hint("query")
        if not query:
            return True
        try:
            query = json.loads(query)
        except json.JSONDecodeError as error:
            text = f"hint query: {query!r} is not JSON"
            raise json.JSONDecodeError(text, query, error.pos) from None
        result = self._process_filter(query, host_state)
        return bool(any(result) if isinstance(result, list) else result)

    def _process_filter(self, query, host_state):
        if not query:
            return True
        try:
            command = self.commands[query[0]]
        except KeyError:
            known = " ".join(self.commands)
            raise KeyError(f"hint query: {query[0]!r} is none of {known}") from None
        args = []
        for arg in query[1:]:
            if isinstance(arg, list):
                arg = self._process_filter(arg, host_state)
            elif isinstance(arg, str):
                arg = self._parse_string(arg, host_state)
            if arg is not None:
                args.append(arg)
        return command(args)

    def _parse_string(self, string, host_state):
        if not string.startswith("$"):
            return string or None
        name, *keys = string[1:].split(".")
        value = getattr(host_state, name, None)
        for key in keys:
            if value is not None:
                value = value.get(key)
        return value
