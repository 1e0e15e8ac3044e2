"""``plfed peer`` as two operators type it, against authorities that run."""

import json
import os
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from tests.peering.ground import PASSWORD, Peered, Served


class Commands(Peered):
    timeout = 300

    async def plfed(self, one: Served, *said: str, code: int = 0) -> Any:
        """What a command about one authority answers to a program; its last words when it fails."""
        word = self.base / "password"
        word.write_text(PASSWORD)
        whom = ("--url", one.place.url("sa", "PLCAPI"), "--ca", str(one.path / "ca.pem"))
        who = ("--user", f"root@{one.hrn.leaf}.example", "--password-file", str(word))
        command = ("-m", "planetlab.cli", "peer", *said, *whom, *who, "--json")
        out, err, ended = await getProcessOutputAndValue(sys.executable, command, env=dict(os.environ), reactor=reactor)
        self.assertEqual(code, ended, err.decode())
        return json.loads(out) if not code else err.decode().strip()

    async def test_two_commands_on_two_sides(self) -> None:
        files = {}
        for one in (self.plc, self.epfl):
            said = await self.plfed(one, "invite")
            files[one] = self.base / f"{one.hrn}.json"
            files[one].write_text(said["statement"])
            files[one, "words"] = said["words"]
        wrong = await self.plfed(self.plc, "accept", str(files[self.epfl]), "--words", files[self.plc, "words"], code=1)
        self.assertIn("it is forged", wrong)
        await self.plfed(self.plc, "accept", str(files[self.epfl]), "--words", files[self.epfl, "words"])
        await self.plfed(self.epfl, "accept", str(files[self.plc]), "--words", files[self.plc, "words"])
        said = await self.plfed(self.plc, "diff", "epfl")
        self.assertEqual(1, said["objects"]["Node"]["new"])
        await self.plfed(self.plc, "refresh", "epfl")
        (row,) = await self.plfed(self.plc, "list")
        self.assertEqual(
            ("epfl", "plfed", "active", 1), (row["hrn"], row["kind"], row["state"], row["objects"]["nodes"])
        )
        self.assertEqual(files[self.epfl, "words"], (await self.plfed(self.plc, "show", "epfl"))["words"])
        await self.plfed(self.plc, "suspend", "epfl")
        self.assertIn("is suspended", await self.plfed(self.plc, "refresh", "epfl", code=1))
        await self.plfed(self.plc, "remove", "epfl")
        self.assertEqual([], await self.plc.call("GetPeerBooks"))
