"""The methods of the node manager, and who may call which.

Roles on a node: ``anonymous`` is anybody on it; ``user`` is a sliver or an account of the node, and where the method's
first argument is ``sliver_name`` only that sliver itself or the controller it delegates to; ``peer`` is the creation
service, ``admin`` the node's owner. Local root is nobody special, but what the settings make it.
"""

from typing import Any

from attrs import evolve, frozen

from node_manager.identity import Accounts, Caller
from node_manager.node import Node
from node_manager.records import Record
from planetlab.calls import Call
from planetlab.errors import BadArgument, BadArgumentCount, Forbidden, NoSuchMethod, PlanetLabError
from planetlab.methods import Api, Method, Role
from planetlab.names import SliceName

TARGET = "sliver_name"
NO_SLIVER = "Invalid argument: the first argument must be a sliver name."


class CallFailed(PlanetLabError):
    """A method of the v4 interface could not do what it was asked."""

    code = 104
    generic = "Error in call"


@frozen(eq=False)
class NodeMethod(Method):
    """A method that counts its arguments as the v4 node manager did."""

    def count(self, args: tuple[Any, ...]) -> None:
        """Raise `BadArgumentCount`, in the original's words."""
        least = sum(not argument.optional for argument in self.accepts)
        if not least <= len(args) <= len(self.accepts):
            raise BadArgumentCount(f"Invalid argument count: got {len(args)}, expecting {len(self.accepts)}.")


class NodeApi(Api):
    """The methods that one node answers."""

    def add(self, method: Method) -> None:
        """Take up a method, which counts its arguments in the original's way."""
        fields = {name: getattr(method, name) for name in Method.__match_args__}
        super().add(NodeMethod(**fields))

    def find(self, name: str) -> Method:
        """The method of this name. Raises `NoSuchMethod`, in the original's words."""
        try:
            return self[name]
        except KeyError:
            raise NoSuchMethod(f"Invalid API method {name}.  Valid choices are {', '.join(sorted(self))}") from None


class Gate:
    """Recognises callers, and lets them through to what is theirs."""

    def __init__(self, node: Node, accounts: Accounts) -> None:
        self._node = node
        self._accounts = accounts
        self._blessed = SliceName(node.settings.slice_prefix, "sfacm")

    def greet(self, method: Method, args: tuple[Any, ...], request: Any) -> Call:
        """The call of a request. Raises `Forbidden` or `BadArgument`, in the original's words and order."""
        return self.admit(method, args, self._accounts.of_request(request))

    def admit(self, method: Method, args: tuple[Any, ...], caller: Caller) -> Call:
        """The call that ``caller`` makes, if it may."""
        call = Call(
            caller=caller,
            roles=self._roles(caller),
            store=self._node,
            now=self._node.now(),
            method=method.name,
        )
        if Role.ANONYMOUS in method.roles:
            return call
        if method.name == "AdminTicket" and not self._is_blessed(caller):
            raise BadArgument(NO_SLIVER)  # as the original, which took the text for a sliver's name
        if not method.roles & call.roles:
            raise Forbidden(f"{caller}: Permission denied.")
        rules = bool(method.roles & call.roles & {Role.ADMIN, Role.PEER})
        if method.accepts and method.accepts[0].name == TARGET and not rules:
            self._may_act_on(args[0], caller)
        return evolve(call, auth_method="uid")

    def is_trusted(self, uid: int) -> bool:
        """Whether a user id speaks for the owner or the creation service, who may ask as fast as they like."""
        settings = self._node.settings
        if uid in settings.owner_uids or uid == settings.pl_conf_uid:
            return True
        return bool(settings.pl_conf_slice) and self._is_pl_conf(self._accounts.of(uid))

    def name(self, uid: int) -> str:
        """Who has this user id."""
        return str(self._accounts.of(uid))

    def uid_of(self, request: Any) -> int | None:
        """The user id of who sent a request; None when nobody knows."""
        return self._accounts.of_request(request).uid

    def _may_act_on(self, name: Any, caller: Caller) -> None:
        record = None
        try:
            entry = self._node.books.entries.get(SliceName.parse(name)) if isinstance(name, str) else None
            record = entry.record if entry and not entry.releasing else None
        except BadArgument:
            pass
        if record is None or not record.is_sliver:
            raise BadArgument(NO_SLIVER)
        if caller.account != name and not self._controls(caller, record) and not self._is_blessed(caller):
            raise Forbidden(f"{caller}: Permission denied.")

    def _controls(self, caller: Caller, record: Record) -> bool:
        """Whether the sliver is delegated to the caller, which must not be a stranger's slice of the right name."""
        if not record.delegations or caller.account != record.delegations:
            return False
        try:
            entry = self._node.books.entries.get(SliceName.parse(caller.account))
        except BadArgument:
            return True  # an account of the node, no slice
        mine, theirs = record.authority, entry.record.authority if entry else record.authority
        return theirs.governs(mine) or mine.governs(theirs)

    def _is_blessed(self, caller: Caller) -> bool:
        """Whether this is the SFA's component manager, a slice of the node's own authority."""
        entry = self._node.books.entries.get(self._blessed) if caller.account == str(self._blessed) else None
        return entry is not None and self._node.settings.is_own(entry.record)

    def _is_pl_conf(self, caller: Caller) -> bool:
        """Whether the creation service calls out of a sliver of its own."""
        settings = self._node.settings
        if not settings.pl_conf_slice or caller.account != settings.pl_conf_slice:
            return False
        entry = self._node.books.entries.get(SliceName.parse(settings.pl_conf_slice))
        return entry is not None and settings.is_pl_conf(entry.record)

    def _roles(self, caller: Caller) -> frozenset[Role]:
        settings = self._node.settings
        roles = {Role.ANONYMOUS}
        if caller.account is not None:
            roles.add(Role.USER)
        if caller.uid is not None and caller.uid == settings.pl_conf_uid or self._is_pl_conf(caller):
            roles.add(Role.PEER)
        if caller.uid in settings.owner_uids:
            roles.add(Role.ADMIN)
        return frozenset(roles)
