"""The pages on which strangers complain, pause and look after their case, and those responsible answer."""

from typing import Any

from attrs import asdict, frozen

from auditd import disclosure, tell
from auditd.answers import Answer
from auditd.asking import Query, read_network
from auditd.cases import Case, State
from auditd.clean import line
from auditd.desk import Desk
from planetlab.errors import PlanetLabError
from planetlab.prefixes import around

_TOLD = {
    State.NEW: "written down, and about to be forwarded",
    State.FORWARDED: "forwarded to those responsible",
    State.SEEN: "seen by those responsible",
    State.ANSWERED: "answered",
    State.CLOSED: "closed",
}


@frozen
class SeeOther:
    """Where to go next."""

    path: str


@frozen
class CasePages:
    """The pages of one desk."""

    desk: Desk

    def form(self, viewer: str, query: Query, steady: int, wall: int) -> Answer:
        """`/complain`: an empty form."""
        answers = self.desk.answers
        state = answers.state(steady, wall)
        about = line(query.get("about", ""), 100) or viewer
        facts = {"about": about, "viewer": viewer, "widest": _widest(viewer), "can_pause": self.desk.pauses is not None}
        told = {**state, "about": about, "fields": ["about", "message", "reply_to"]}
        return Answer(template="complain.html", title="Tell those responsible", json=told, facts=facts)

    def complain(self, viewer: str, form: Query, steady: int, wall: int, ending: str) -> SeeOther:
        """Open a case; its page comes next."""
        case = self.desk.complain(form, viewer, wall / 1e6, steady)
        return SeeOther(_path(case.token, ending))

    def pause(self, viewer: str, form: Query, steady: int, wall: int, ending: str) -> SeeOther:
        """Pause; the case's page comes next."""
        case = self.desk.pause(form, viewer, wall / 1e6, steady)
        return SeeOther(_path(case.token, ending))

    def case(self, token: str, steady: int, wall: int) -> Answer:
        """`/case/<token>`: how far a case has come."""
        case, owner = self.desk.find(token, wall / 1e6)
        state = self.desk.answers.state(steady, wall)
        told = {**state, **self._struct(case, wall / 1e6), "owner": owner}
        facts = {
            "case": case,
            "owner": owner,
            "token": token,
            "told": told,
            "stage": _TOLD[case.state],
            "flows": [{**flow, "slice": line(flow["slice"], 64)} for flow in self._shown(case, owner)],
        }
        return Answer(template="case.html", title=f"Case {case.number}", json=told, facts=facts)

    def _shown(self, case: Case, owner: bool) -> list[dict[str, Any]]:
        """Flows of a case for its page. A stranger reads of no address that they could not read of anywhere else."""
        about, network = read_network(case.about, "about"), read_network(case.network, "network")
        shown = "whole" if owner else disclosure.of_case(self.desk.settings.disclosure, about, network)
        flows = list(case.flows[:20]) if shown != "nothing" else []
        if shown == "veiled":
            named = [flow for flow in flows if flow["destination"] is not None]
            return [{**flow, "destination": disclosure.veiled(flow["destination"])} for flow in named]
        return flows

    def act(self, token: str, form: Query, wall: int, ending: str) -> SeeOther:
        """What the case's forms do."""
        self.desk.act(token, form, wall / 1e6)
        return SeeOther(_path(token, ending))

    def _struct(self, case: Case, now: float) -> dict[str, Any]:
        error = self.desk.pauses.error if self.desk.pauses is not None else ""
        paused = case.paused(now)
        events = [
            {**asdict(event), "at_utc": tell.moment(round(event.at * 1e6))}
            for event in self.desk.books.events(case.number)
        ]
        return {
            "case": case.number,
            "state": str(case.state),
            "about": case.about,
            "opened_utc": tell.moment(round(case.opened * 1e6)),
            "deadline_utc": tell.moment(round(case.deadline * 1e6)),
            "overdue": case.overdue(now),
            "slices": [name for name, _ in case.slices],
            "flow_count": len(case.flows),
            "paused": paused and not error,
            "pause_error": error if paused else "",
            "paused_until_utc": tell.moment(round(case.pause_until * 1e6)) if case.pause_until else "",
            "events": events,
        }


def _path(token: str, ending: str) -> str:
    return f"/case/{token}" + ("" if ending == "html" else f".{ending}")


def _widest(viewer: str) -> str:
    try:
        return str(around(viewer))
    except PlanetLabError:
        return ""
