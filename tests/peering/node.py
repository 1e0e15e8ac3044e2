"""A node of a served authority, in this process: pl_conf and a node manager that remembers, over real sockets."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

from node_manager.books import Books
from node_manager.drivers.memory import MemoryDriver
from node_manager.service import NodeManager
from node_manager.settings import Settings as NodeSettings
from pl_conf.policy import Policy, Root
from pl_conf.service import PlConf
from pl_conf.settings import Settings
from planetlab import settings
from planetlab.ask import Ask
from planetlab.launch import Running
from planetlab.names import Hostname
from tests.peering.ground import Served

PERIOD = 0.3  # seconds between two polls


class Node:
    """A node of ``owner`` that trusts ``roots``, each with its share; ``relayed`` ones come through the owner's own."""

    def __init__(self, host: str, owner: Served, roots: dict[Served, float]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="plfed-n-", dir="/tmp"))  # sockets' paths are short
        self.place, self.owner = folder, owner
        (folder / "node.key").write_text("node-key")
        (folder / "node.key").chmod(0o600)
        said = [self.root(one, share, "session" if one is owner else "relayed") for one, share in roots.items()]
        settings.write(Policy(root=tuple(said)), folder / "owner.toml")
        where = f"{folder}/nm"
        stated = NodeSettings(
            socket=f"unix:{where}", tcp="", sensors="", slicestat="", pl_conf=f"unix:{folder}/pl",
            pl_conf_uid=os.getuid(), owner_uids=(os.getuid(),), cores=4, memory=1 << 20, hostname=host,
        )  # fmt: skip
        self.manager = NodeManager(
            stated, owner.clock, time.monotonic, reactor, MemoryDriver(now=owner.clock.now), Books()
        )
        self.running: Running[Any] = Running(stated, reactor, owner.clock, folder)
        name = Hostname.parse(host).hrn(owner.hrn.child(host.split(".")[1]))
        self.settings = Settings(
            hrn=str(name), hostname=host, node_id=1, node_key="node.key", policy="owner.toml", ledger="ledger.db",
            deletions="deletions.log", listen=(f"unix:{folder}/public",), listen_keys=(), socket=f"unix:{folder}/pl",
            listen_operator="", node_manager=f"unix:{where}", period=PERIOD, jitter=0.0, report="", sweep=0.2,
            watch=0.1,
        )  # fmt: skip
        self.pl_conf = PlConf(self.settings, folder, reactor, owner.clock, time.monotonic, lambda: 0.5)
        self.asked, get = 0, self.pl_conf.news.get

        async def counted(where: str, ca: Path | None) -> bytes:
            self.asked += 1
            return await get(where, ca)

        self.pl_conf.news.get = counted

    @staticmethod
    def root(one: Served, share: float, auth: str) -> Root:
        """What the owner says of an authority."""
        return Root(
            hrn=str(one.hrn), gid=str(one.path / "gid.pem"), share=share, auth=auth,
            poll=one.place.url("sa", "SA") if auth == "session" else "", ca=str(one.path / "ca.pem"),
        )  # fmt: skip

    async def start(self) -> None:
        """Serve."""
        await self.manager.serve(self.running.listen)
        await self.pl_conf.start(self.running)

    def stop(self) -> Any:
        """Serve no more."""

        async def end() -> None:
            self.pl_conf._stopping = True  # begin nothing new
            for delayed in self.pl_conf._delayed.values():
                if delayed.active():
                    delayed.cancel()
            await deferLater(reactor, 4 * PERIOD)  # what is begun, at the authority and the node manager, ends
            await self.running.end()
            await self.manager.stop()
            await deferLater(reactor, PERIOD)
            shutil.rmtree(self.place)

        return ensureDeferred(end())

    async def redeem(self, sealed: str) -> tuple[int, Any]:
        """What the node answers to whoever brings this ticket."""
        ask = Ask(f"unix:{self.place}/public", reactor=reactor, tries=1)
        code, value = await ask.call("create_sliver", Binary(sealed.encode()))
        return code, value

    async def policy(self, **more: float) -> None:
        """The owner changes his mind in the file; the node reads it by itself."""
        stated = settings.read(Policy, self.place / "owner.toml")
        roots = tuple(evolve(root, share=more.get(root.hrn, root.share)) for root in stated.root)
        settings.write(evolve(stated, root=roots), self.place / "owner.toml")

    @property
    def slivers(self) -> dict[str, bool]:
        """The slivers that are here, and whether each runs."""
        wishes = self.pl_conf.ledger.wishes()
        return {str(wish.slice): bool(wish.told["rspec"]["enabled"]) for wish in wishes}
