"""A place for a few things that are dear to make: the ones asked for last are kept."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from attrs import define, field

_T = TypeVar("_T")


@define(eq=False)
class Shelf:
    """Keeps the ``most`` things that were asked for last. Two threads may ask at once; both may make a thing then."""

    most: int
    _kept: dict[Hashable, Any] = field(factory=dict, init=False)

    def get(self, name: Hashable, make: Callable[[], _T]) -> _T:
        """The thing of this name, made if it is not there."""
        if (found := self.seen(name)) is None:
            found = make()
            self.put(name, found)
        told: _T = found
        return told

    def seen(self, name: Hashable) -> Any:
        """The thing of this name, None when it is not there."""
        found = self._kept.pop(name, None)
        if found is not None:
            self._kept[name] = found  # at the end: last to go
        return found

    def put(self, name: Hashable, thing: Any) -> None:
        """Keep a thing, in the place of the one that nobody asked for longest where there is no room."""
        self._kept.pop(name, None)
        while len(self._kept) >= self.most:
            self._kept.pop(next(iter(self._kept), None), None)
        self._kept[name] = thing
