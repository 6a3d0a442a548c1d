"""A registry maps a name to a part, and says what there is when a name is missed."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

from auditkit.errors import UsageError, suggestion

T = TypeVar("T")


class Registry(Generic[T]):
    """Parts by name. The package that holds them is imported at the first look-up.

    kind is the word for a part in messages ("architecture"); package is the dotted name whose
    modules register themselves by decorator when they are imported.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._parts: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files a part under a name. Raises ValueError for a name in use."""

        def add(part: T) -> T:
            if name in self._parts:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._parts[name] = part
            return part

        return add

    def __getitem__(self, name: str) -> T:
        self._fill()
        if name not in self._parts:
            known = suggestion(name, sorted(self._parts))
            raise UsageError(f"no {self.kind} {name!r}; {known}")
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(sorted(self._parts))

    def __contains__(self, name: object) -> bool:
        self._fill()
        return name in self._parts

    def __len__(self) -> int:
        self._fill()
        return len(self._parts)

    def items(self) -> list[tuple[str, T]]:
        """Name and part, by name."""
        return [(name, self[name]) for name in self]

    def _fill(self) -> None:
        if self._package is None:
            return
        package, self._package = import_module(self._package), None
        for module in iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")
