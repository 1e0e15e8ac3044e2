"""One alert (T8): what no honest caller shows becomes one event that the operator sees, however often it is shown."""

from typing import Any

from planetlab.credential_xml import delegate
from planetlab.errors import PlanetLabError
from planetlab.presented import Presented
from planetlab.privileges import Privilege
from slice_authority.sfa.alerts import EVENT, MOST, QUIET, STRANGERS, Alerts, Watched
from slice_authority.sfa.replies import Replies
from tests.registry.world import ADMIN, NOW
from tests.sfa.test_slivers import World
from tests.sfa.world import SLICE, ann, anns_slice, below, by_itself, key, request, root, showing


class AlertsOfTheInterfaces(World):
    def setUp(self) -> None:
        super().setUp()
        self.alerts = Alerts(self.world.desk.job_now, self.world.clock.now)
        self.dialect = Watched(Replies(), self.alerts)

    def show(self, paper: str, who: Presented) -> PlanetLabError:
        """A paper is shown, and the refusal goes out as it does over the wire."""
        error = self.refused("CreateSliver", "epfl.lab.cdn", [paper], request(self.hosts[0]), [], {}, who=who)
        self.dialect.refuse(error, "CreateSliver", None)
        return error

    def told(self) -> list[str]:
        """What an administrator reads of it."""
        rows = self.world.call("GetEvents", ADMIN, {"call_name": EVENT})
        return [row["message"] for row in sorted(rows, key=lambda row: int(row["event_id"]))]

    def forged(self) -> str:
        return anns_slice().replace("<serial>1</serial>", "<serial>2</serial>")

    def test_a_thousand_forgeries_of_one_authoritys_people_are_one_event(self) -> None:
        for _ in range(3):
            self.assertEqual("epfl", getattr(self.show(self.forged(), self.ann), "shown_by", ""))
        error = self.show(self.forged(), self.ann)
        for _ in range(996):
            self.dialect.refuse(error, "CreateSliver", None)
        (said,) = self.told()
        self.assertIn("epfl showed a paper at CreateSliver", said)
        self.assertIn("forged", said)

    def test_after_an_hour_it_is_said_again_with_how_many_there_were(self) -> None:
        for _ in range(3):
            self.show(self.forged(), self.ann)
        self.world.clock.advance(QUIET + 1)
        self.show(self.forged(), self.ann)
        self.assertIn("2 more since", self.told()[1])

    def test_strangers_are_one_however_many_keys_they_have(self) -> None:
        for name in ("eve", "mallory", "user"):
            self.show(self.forged(), by_itself(name))
        (said,) = self.told()
        self.assertTrue(said.startswith(STRANGERS), said)

    def test_each_authority_is_told_of_by_itself(self) -> None:
        self.show(self.forged(), self.ann)
        ours = below("plc.princeton.user", "user", "user", (root("plc"),), "plc")
        self.show(self.forged(), showing(ours))
        self.assertEqual(["epfl", "plc"], [said.split()[0] for said in self.told()])

    def test_who_pretends_to_be_of_an_authority_is_a_stranger(self) -> None:
        pretended = (*below("evil.lab.eve", "user", "eve", (root("evil"),), "evil")[:1], root("epfl"))
        self.show(self.forged(), showing(pretended))
        self.assertTrue(self.told()[0].startswith(STRANGERS))

    def test_a_delegation_of_more_than_was_held_is_told(self) -> None:
        lent = delegate(anns_slice().encode(), ann(), (Privilege("authority"),), NOW + 600, "9", key("ann")).decode()
        self.assertEqual("not-permitted", getattr(self.show(lent, self.ann), "reason", ""))
        self.assertEqual(1, len(self.told()))

    def test_mistakes_of_honest_people_are_no_alert(self) -> None:
        held = self.held()
        for error in (
            self.refused("DeleteSliver", "plc.princeton.other", [held]),
            self.refused("DeleteSliver", SLICE, [held], who=self.ann),
            self.refused("DeleteSliver", SLICE, ["junk"]),
            self.refused("CreateSliver", SLICE, [held], "<rspec/>", [], {}),
        ):
            self.dialect.refuse(error, "DeleteSliver", None)
        self.world.clock.advance(400 * 86_400)
        self.dialect.refuse(self.refused("DeleteSliver", SLICE, [held]), "DeleteSliver", None)
        self.assertEqual([], self.told())

    def test_names_that_never_end_fill_no_memory(self) -> None:
        error: Any = self.show(self.forged(), self.ann)
        for number in range(2 * MOST):
            error.shown_by = f"a{number}"
            self.alerts.saw(error, "Resolve", "192.0.2.9")
        self.assertEqual(MOST + 1, len(self.told()))

    def test_what_is_said_is_one_line_whatever_the_paper_says(self) -> None:
        error: Any = self.show(self.forged(), self.ann)
        error.args, error.shown_by = ("forged: \x1b[2J\n\u202eevil",), "epfl.x"
        self.alerts.saw(error, "Resolve", "192.0.2.9")
        self.assertEqual([], [c for c in self.told()[1] if not c.isprintable()])
