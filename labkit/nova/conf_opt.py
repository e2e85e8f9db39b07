"""One option of Nova's, and what it accepts (oslo.config)."""

import math
from dataclasses import dataclass

from labkit.nova.exception import NotModelled

TRUE, FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}


@dataclass(frozen=True)
class Opt:
    """One option: where Nova keeps it, what it accepts, what it is when nobody sets it.

    *modelled* is False for options that Nova has and the lab has no use for; those of
    _MUST_BE_DEFAULT (conf.py) would change the answer: they are accepted with their default only.
    """

    group: str
    name: str
    kind: type
    default: object
    min: float | None = None
    modelled: bool = True
    choices: tuple[str, ...] = ()

    def checked(self, value):
        """Turn *value* (an object, or text from a file) into what the option holds."""
        if self.kind is list:
            if isinstance(value, str):
                text = value.strip().rstrip(",")
                value = [part.strip() for part in text.split(",")] if text else []
            elif not isinstance(value, list | tuple):
                self.refuse(value, "a list, or names with commas between them")
            result = tuple(value)
        elif self.kind is bool:
            text = str(value).strip().lower()
            if text not in TRUE | FALSE:
                self.refuse(value, "true or false")
            result = text in TRUE
        elif self.kind is str:
            result = None if value is None else str(value)
            if (self.name, result) == ("images_type", "ploop"):
                raise NotModelled("Unlike Nova, the lab has no ploop disks (images_type = ploop)")
            if self.choices and result is not None and result not in self.choices:
                self.refuse(value, "one of " + ", ".join(self.choices))
        elif value is None and self.default is None:
            result = None
        else:
            try:
                result = self.kind(value)
                if isinstance(value, bool) or (self.kind is int and float(value) != result):
                    self.refuse(value, "a whole number" if self.kind is int else "a number")
            except (TypeError, ValueError, OverflowError):
                self.refuse(value, "a whole number" if self.kind is int else "a number")
            if self.min is not None and not (result >= self.min):
                self.refuse(value, f"at least {self.min}")
            if self.kind is float and math.isnan(result):
                self.refuse(value, "a number")
        return result

    def refuse(self, value, wanted):
        """Say which value of which option is not what was expected."""
        raise ValueError(f"[{self.group}] {self.name} = {value!r}: expected {wanted}") from None
