"""A node manager that dies and comes again finds its root slivers as they were, and every handle still opens."""

from pathlib import Path

from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS
from tests.container.managed import Managed


class ANodeManagerThatDied(Managed):
    def firsts(self) -> dict[str, str]:
        """The number of each sliver's first process."""
        return {path.parent.name: path.read_text() for path in Path(self.work).glob("slivers/slivers/*/init.pid")}

    def handles(self) -> tuple[object, ...]:
        owners = [(each["slice"], each["kind"], each["tag"]) for each in self.call("GetOwners", 0)["owners"]]
        rcaps = {each["name"]: each["rcap"] for each in self.call("Slivers")}
        return self.call("GetXIDs"), sorted(owners), rcaps, self.firsts()

    def test_finds_its_slivers_running_with_the_same_handles_and_serves_them(self) -> None:
        self.said(self.node, "sleep 1234 >/dev/null 2>&1 & echo kept > /run/kept")
        before = self.handles()
        self.manager.kill()
        self.manager.communicate()
        self.launch()
        self.assertEqual(before, self.handles())
        self.assertEqual({str(CODEEN), str(SIRIUS)}, before[0].keys())  # type: ignore[attr-defined]  # GetXIDs' answer
        self.assertIn("1234", self.said(self.node, "cat /run/kept; ps -o args"))
        self.assertEqual(self.rcaps[CODEEN], self.instantiate(CODEEN, rspec=ResourceSpec(rlimits={"nproc_hard": 33})))
        self.assertEqual(before[3], self.firsts())
        self.call("Release", self.rcaps[CODEEN])
        self.assertEqual([SIRIUS], list(self.node.look()))
