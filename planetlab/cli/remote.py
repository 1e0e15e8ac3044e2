"""An authority's methods as Python functions: the auth struct put first, help by the declaration, many calls as one."""

import builtins
import secrets
import ssl
import xmlrpc.client
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from attrs import define, field, frozen

from planetlab.ask import KEY
from planetlab.auth import Auth
from planetlab.errors import BadSettings, PeerError, Unreachable
from planetlab.introspection import NAMES

PATIENCE = 120.0  # seconds for one call: refreshing a peer is slow
AT_ONCE = 100  # calls that a server takes in one system.multicall


class _Keyed:
    """Each call carries an own Idempotency-Key, so that one sent again after a broken connection is done once."""

    key = ""

    def request(self, *said: Any, **more: Any) -> Any:
        self.key = secrets.token_hex(16)
        return super().request(*said, **more)  # type: ignore[misc]  # beside a transport of xmlrpc.client, which sends twice

    def send_headers(self, connection: Any, headers: list[tuple[str, str]]) -> None:
        super().send_headers(connection, [*headers, (KEY.decode(), self.key)])  # type: ignore[misc]  # as above


class _Https(_Keyed, xmlrpc.client.SafeTransport):
    def make_connection(self, host: Any) -> Any:
        connection = super().make_connection(host)
        connection.timeout = PATIENCE
        return connection


class _Http(_Keyed, xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> Any:
        connection = super().make_connection(host)
        connection.timeout = PATIENCE
        return connection


@frozen
class Fixed:
    """An auth struct that is the same for every call."""

    said: dict[str, Any] = field(repr=False)

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return dict(self.said)


def proxy(url: str, ca: str | None) -> xmlrpc.client.ServerProxy:
    """A client of the interface at ``url``; over TLS it trusts the authority's own CA, or the system's without one."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname:
        return xmlrpc.client.ServerProxy(url, _Http(), allow_none=True)
    if parts.scheme != "https" or not parts.hostname:
        raise BadSettings(f"{url}: expected an address like https://plc.example/PLCAPI/")
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise BadSettings(f"{ca} holds no CA certificate that can be read: {error.strerror or error}") from error
    return xmlrpc.client.ServerProxy(url, _Https(context=context), allow_none=True)


@define
class Remote:
    """The interface at ``url``, called as ``auth`` says; between `begin` and `commit` calls are kept."""

    url: str
    api: xmlrpc.client.ServerProxy = field(repr=False)
    auth: Auth
    kept: list[dict[str, Any]] | None = None

    def names(self) -> list[str]:
        """What the interface answers. Raises `Unreachable`."""
        listed = self.call("system.listMethods")
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise Unreachable(f"{self.url} does not list its methods; is it an interface of an authority?")
        return listed

    def call(self, name: str, *args: Any) -> Any:
        """What a method answers; nil while calls are kept. Raises `xmlrpc.client.Fault` or `Unreachable`."""
        whole = args if name in NAMES else (self.auth.struct(args), *args)
        if self.kept is not None and name not in NAMES:
            self.kept.append({"methodName": name, "params": list(whole)})
            return None
        try:
            return getattr(self.api, name)(*whole)
        except xmlrpc.client.ProtocolError as error:
            raise Unreachable(f"{self.url} answered HTTP {error.errcode} {error.errmsg}") from error
        except (TypeError, OverflowError) as error:
            raise BadSettings(f"{name}: what is to be sent is nothing XML-RPC knows: {error}") from error
        except (ExpatError, xmlrpc.client.ResponseError, HTTPException) as error:
            raise PeerError(f"{self.url}: its answer to {name} is not understood: {error}") from error
        except OSError as error:
            raise Unreachable(f"{self.url} does not answer: {error.strerror or error}") from error

    def begin(self) -> None:
        """Keep the calls that come, until `commit` makes them; each gives None."""
        if self.kept is not None:
            raise BadSettings(f"begin() again: {len(self.kept)} calls wait for commit()")
        self.kept = []

    def commit(self) -> list[Any] | None:
        """Make the kept calls, in order; their answers. The first fault is raised, and all calls were made then.

        Each is a transaction of its own. Without `begin`, nothing.
        """
        if self.kept is None:
            return None
        waiting, self.kept = self.kept, None
        told: list[Any] = []
        for start in range(0, len(waiting), AT_ONCE):
            told += self.call("system.multicall", waiting[start : start + AT_ONCE])
        for answer in told:
            if isinstance(answer, dict):
                raise xmlrpc.client.Fault(answer["faultCode"], answer["faultString"])
        return [answer[0] for answer in told]

    def help(self, about: Any = None) -> None:
        """Show what the server's declaration says of a method, given as function or name; else as Python's help."""
        name = about if isinstance(about, str) else getattr(about, "method_name", None)
        if name is None:
            builtins.help() if about is None else builtins.help(about)
        else:
            print(self.call("system.methodHelp", name).rstrip("\n"))

    def function(self, name: str) -> Callable[..., Any]:
        """The method as a function."""

        def call(*args: Any) -> Any:
            return self.call(name, *args)

        call.__name__ = call.__qualname__ = name
        call.__doc__ = f"{name}(…) of {self.url}: help({name}) tells more."
        call.method_name = name  # type: ignore[attr-defined]  # a function may bear any
        return call

    def space(self) -> dict[str, Any]:
        """What a script or a prompt finds: every method by its name, and the shell's own words."""
        functions = {name: self.function(name) for name in self.names()}
        found: dict[str, Any] = {name: one for name, one in functions.items() if "." not in name}
        system = {name.partition(".")[2]: one for name, one in functions.items() if name.startswith("system.")}
        own = {"begin": self.begin, "commit": self.commit, "help": self.help, "auth": self.auth.struct(())}
        return {**found, **own, "api": self.api, "system": _Group(system)}


class _Group:
    """The methods whose names begin with one word and a dot."""

    def __init__(self, functions: dict[str, Callable[..., Any]]) -> None:
        self.__dict__.update(functions)
