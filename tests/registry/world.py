"""One PLC in memory: its registry, both halves' methods, some people, and a clock that stands until it is moved."""

from typing import Any

from mgmt_authority import service as ma
from planetlab import auth_text
from planetlab.both.desk import Desk
from planetlab.both.founding import fill
from planetlab.both.greeting import Greeter, Maintenance
from planetlab.both.passwords import md5_crypt
from planetlab.calls import dispatch
from planetlab.clock import SetClock
from planetlab.errors import PlanetLabError
from planetlab.faults import fault
from planetlab.methods import Api
from planetlab.names import Hrn
from planetlab.registry.plc import DAY, Plc
from planetlab.registry.store import Store
from slice_authority import service as sa

NOW = 1_600_000_000.0
HERE = "192.0.2.1"
ADMIN = {"AuthMethod": "password", "Username": "root@plc.example", "AuthString": "root's own"}
NODE_KEY = "HqKkqLw9pTPHMxbXfmC1UVd5gkYyTrQ0aLzWnE7sJ4o"
KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA pi@princeton.example"

whole = Api()
for _method in (*sa.api.values(), *sa.old.values(), *sa.older.values(), *ma.api.values(), *ma.older.values()):
    if _method.name not in whole:
        whole.add(_method)


class World:
    """Calls go the way they go in a service, from the auth struct to the fault, without a socket."""

    def __init__(self, **plc: Any) -> None:
        self.clock = SetClock(NOW)
        self.plc = Plc(hrn=Hrn.parse("plc"), **plc)
        maintenance = Maintenance("maint@localhost.localdomain", "kept secret", (HERE,))
        self.desk = Desk(":memory:", "both", self.plc, Greeter(maintenance), self.clock)
        self.desk.job_now(lambda store: fill(store, ADMIN["Username"], quick(ADMIN["AuthString"])))
        self.admin = ADMIN

    def call(self, name: str, *args: Any, address: str = HERE) -> Any:
        """What the method answers. Raises what it raises."""
        method = whole.find(name)
        return self.desk.run_now(
            method, lambda: dispatch(whole, name, args, lambda m, given: self.desk.greet(m, given, address))
        )

    def refused(self, name: str, *args: Any, address: str = HERE) -> tuple[int, str]:
        """The code and text of the fault that a call ends with."""
        try:
            value = self.call(name, *args, address=address)
        except PlanetLabError as error:
            told = fault(error)
            return told.faultCode, told.faultString
        raise AssertionError(f"{name} was not refused but answered {value!r}")

    def store(self, work: Any) -> Any:
        """Look into, or change, the registry itself."""
        return self.desk.job_now(work)

    # people and things that many tests need

    def site(self, login_base: str = "princeton", **fields: Any) -> int:
        """A site that may have ten slices."""
        said = {"name": login_base.title(), "abbreviated_name": login_base[:4].upper(), "login_base": login_base}
        number = self.call("AddSite", self.admin, {**said, "max_slices": 10, **fields})
        assert isinstance(number, int)
        return number

    def person(self, name: str, *roles: str, site: int | str | None = None, **fields: Any) -> dict[str, Any]:
        """The auth struct of an enabled person with these roles at the site."""
        email = f"{name}@princeton.example"
        said = {"email": email, "first_name": name.title(), "last_name": "Example", "password": quick(f"{name}'s own")}
        number = self.call("AddPerson", self.admin, {**said, **fields})
        self.call("UpdatePerson", self.admin, number, {"enabled": True})
        for role in roles:
            self.call("AddRoleToPerson", self.admin, role, number)
        if site is not None:
            self.call("AddPersonToSite", self.admin, number, site)
        return {"AuthMethod": "password", "Username": email, "AuthString": f"{name}'s own"}

    def node(self, name: str = "node1", site: int | str = "princeton", **fields: Any) -> int:
        """A node with a key."""
        number = self.call("AddNode", self.admin, site, {"hostname": f"{name}.princeton.example", **fields})
        assert isinstance(number, int)
        self.call("UpdateNode", self.admin, number, {"key": NODE_KEY, "boot_state": "boot"})
        return number

    def by_node(self, node_id: int, name: str, *args: Any) -> Any:
        """What a method answers to a node that signs with its key."""
        return self.call(name, self.signed(node_id, *args), *args)

    @staticmethod
    def signed(node_id: int, *args: Any, key: str = NODE_KEY) -> dict[str, Any]:
        """A node's auth struct for a call with these arguments."""
        return {"AuthMethod": "hmac", "node_id": node_id, "value": auth_text.sign(key, args)}


class Princeton(World):
    """A site with a PI, a user and a tech, a node, and a slice on it that the user is in."""

    def __init__(self, **plc: Any) -> None:
        super().__init__(**plc)
        self.site_id = self.site()
        self.pi = self.person("pi", "pi", site=self.site_id)
        self.user = self.person("user", "user", site=self.site_id)
        self.tech = self.person("tech", "tech", site=self.site_id)
        self.node_id = self.node()
        self.slice_id = self.call("AddSlice", self.pi, {"name": "princeton_codeen"})
        self.call("AddPersonToSlice", self.pi, "user@princeton.example", self.slice_id)
        self.call("AddSliceToNodes", self.pi, self.slice_id, [self.node_id])

    def get(self, plural: str, key: Any, *fields: str) -> dict[str, Any]:
        """One row as an admin sees it."""
        rows = (
            self.call(f"Get{plural}", self.admin, [key], list(fields))
            if fields
            else self.call(f"Get{plural}", self.admin, [key])
        )
        assert len(rows) == 1, rows
        row: dict[str, Any] = rows[0]
        return row


def quick(password: str) -> str:
    """A password as the original kept it: checked in a millisecond, where ours takes fifty."""
    return md5_crypt(password, "saltsalt")


def days(number: float) -> float:
    """So many days in seconds."""
    return number * DAY


def rows(store: Store, table: str) -> int:
    """How many rows a table has."""
    return int(store.ask(f"SELECT count(*) AS n FROM {table}")[0]["n"])
