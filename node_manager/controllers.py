"""Controllers: slices that have an account on the node by which they act on slivers, and no sliver themselves."""

from node_manager.books import Books
from node_manager.records import CONTROLLER
from node_manager.settings import Settings
from planetlab.names import SliceName

_UID = "uid of "  # so begin the names of the books' facts


class Controllers:
    """The accounts of one node that are no slivers."""

    def __init__(self, settings: Settings, books: Books) -> None:
        self._settings = settings
        self._books = books

    def accounts(self) -> dict[str, int]:
        """By name their user ids: those of the settings, and controllers'."""
        told = dict(self._settings.accounts)
        for name, entry in self._books.entries.items():
            if entry.record.instantiation == CONTROLLER and (uid := self._books.fact(f"{_UID}{name}")):
                told.setdefault(str(name), int(uid))
        return told

    def allot(self, name: SliceName) -> None:
        """Give a controller a user id of its own, which it keeps."""
        if str(name) not in self.accounts():
            taken = self._books.numbers(_UID)
            uid = next(uid for uid in range(self._settings.first_controller, 2**31) if uid not in taken)
            self._books.set_fact(f"{_UID}{name}", str(uid))
