"""What a slice sent in its day slows its real sliver down; the neighbour goes on at full speed."""

import re
from typing import Any, ClassVar

from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS, STRANGER, within
from tests.container.managed import Managed
from tests.container.test_traffic import SEND
from tests.waiting import until

_SMALL = ResourceSpec(net_thresh_kbyte=10, net_max_kbyte=20)


class AfterTheDaysAmount(Managed):
    stated: ClassVar[dict[str, Any]] = {"sample_every": 0.2}
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {CODEEN: _SMALL, SIRIUS: _SMALL}

    def ceilings(self) -> list[str]:
        """What the ordinary class of each sliver may send at most, as tc tells."""
        told = within(self.netns, "tc", "class", "show", "dev", "up0")
        rows = [line for line in told.splitlines() if re.search(r" 1:1(?!000|fff)[0-9a-f]{3} ", line)]
        return sorted(re.findall(r"ceil (\S+)", "\n".join(rows)))

    def test_its_class_is_slowed_and_no_other(self) -> None:
        before = self.ceilings()
        self.assertEqual(2, len(before))
        with self.program(self.world, "hear", "0.3"):
            self.node.enter(CODEEN, ("perl", "-e", SEND % (STRANGER, 400, CODEEN)))
        until(
            lambda: self.ceilings() != before,
            lambda: f"slowed down after {self.node.stats(CODEEN)}: {self.log.read_text('utf-8')}",
        )
        slowed = self.ceilings()
        self.assertEqual((1, 1), (sum(each == before[0] for each in slowed), sum(each != before[0] for each in slowed)))
        self.assertIn("1Kbit", slowed)
