"""Find the classes of a package (nova/loadables.py)."""

import functools
import importlib
import pkgutil
import sys


class BaseLoader:
    """Finds all classes of one kind in the package that the loader itself is defined in.

    Source: ``BaseLoader`` in nova/loadables.py, Nova 34.0.0. Unlike Nova, which takes the
    modules in the order of the directory, the lab takes them in alphabetical order.
    """

    def __init__(self, loadable_cls_type):
        self.package = sys.modules[type(self).__module__]
        self.loadable_cls_type = loadable_cls_type

    def get_all_classes(self) -> list[type]:
        """Return the classes, in the order of their modules and names."""
        found = []
        for module in _modules(self.package):
            names = vars(module)
            found += [names[name] for name in sorted(names) if self._is_correct_class(names[name])]
        return found

    def _is_correct_class(self, obj):
        return (
            isinstance(obj, type)
            and issubclass(obj, self.loadable_cls_type)
            and not obj.__name__.startswith("_")
        )


@functools.cache  # a decision of the lab asks every time, Nova's scheduler when it starts
def _modules(package):
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]
