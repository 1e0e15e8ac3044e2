"""The sample of the owner's file says everything that can be said, and means the defaults."""

import os
import re
from pathlib import Path
from tempfile import mkdtemp

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.policy import Ceilings, Names, Policy, Root, Window
from pl_conf.sample import policy_sample
from pl_conf.settings import Settings
from planetlab import settings


class TheSample(SynchronousTestCase):
    def read(self, text: str) -> Policy:
        path = Path(mkdtemp(dir=os.environ.get("TMPDIR"))) / "owner.toml"
        path.write_text(text)
        return settings.read(Policy, path)

    def test_as_printed_is_the_default_policy(self) -> None:
        self.assertEqual(Policy(), self.read(policy_sample()))

    def test_with_every_line_uncommented_is_read_without_an_unknown_key(self) -> None:
        text = re.sub(r"(?m)^# (\[|[a-z_0-9]+ = )", r"\1", policy_sample()).replace("hrn = \n", 'hrn = "plc"\n')
        read = self.read(text)
        self.assertEqual((1, 1, "plc"), (len(read.root), len(read.calendar), read.root[0].hrn))

    def test_explains_every_key(self) -> None:
        lines = policy_sample().splitlines()
        for kind in (Policy, Root, Ceilings, Names, Window):
            for each in fields(kind):
                self.assertIn(each.metadata["doc"], " ".join(lines))
        self.assertTrue(all(each.metadata["doc"] for each in fields(Settings)))
