"""What is played: each scenario is a function of a cloud and a trace."""

import dataclasses
import importlib
from collections.abc import Callable

FILES = {
    "lifecycle": ("create", "create_fails", "delete", "actions", "restart"),
    "moves": ("moves", "moves_fail", "moves_live", "moves_shelve"),
}


@dataclasses.dataclass
class Scenario:
    """A scenario, the options and hosts of its cloud, and whether the cloud can be used again."""

    play: Callable
    note: str = ""
    options: tuple = ()
    hosts: tuple = ("host1", "host2")
    fresh: bool = False


def scenario(**fields):
    """Make a scenario of a function; its docstring is the note."""

    def register(function):
        # one line, without the full stop
        note = " ".join((function.__doc__ or "").split()).rstrip(".")
        function.scenario = Scenario(function, note, **fields)
        return function

    return register


def load(part):
    """The scenarios of a part of the recording, by name, in the order of the files."""
    found = {}
    for file in FILES[part]:
        module = importlib.import_module(f"tools.record.lives.scenarios.{file}")
        for name, value in vars(module).items():
            if isinstance(getattr(value, "scenario", None), Scenario):
                if value.__module__ != module.__name__:
                    continue
                if name in found:
                    raise ValueError(f"two scenarios are called {name}")
                found[name] = value.scenario
    return found
