"""The letters about a case: to those responsible when it is opened or overdue, to the stranger when it is answered."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from auditd import tell, xarf
from auditd.answers import FLOW
from auditd.cases import Case, Event
from auditd.clean import cell
from auditd.settings import Settings
from planetlab.mail import Attachment, Letter

_LATE = {"overdue": "OVERDUE: "}
_SHOWN = 15  # flows that stand in the letter itself


def address_of(settings: Settings, name: str, authority: str) -> str:
    """The role address of a slice's users, PIs and site contacts; "" when none is set."""
    return settings.slice_mail.replace("SLICE", name).replace("AUTHORITY", authority)


def page(settings: Settings, token: str) -> str:
    """The address of a case's page."""
    return f"{settings.page_url.rstrip('/') or f'http://{settings.node}'}/case/{token}"


def letter(settings: Settings, case: Case, kind: str, events: Sequence[Event]) -> Letter | None:
    """What is to be sent, or None when there is nobody to send it to."""
    if kind == "answered":
        return _to_stranger(settings, case, events) if case.reply_to else None
    slices = [address_of(settings, name, authority) for name, authority in case.slices]
    operators = [address for address in (settings.operator_mail, settings.abuse_mail) if address]
    to = [address for address in dict.fromkeys(slices) if address][:50]
    if not to and not operators:
        return None
    return Letter(
        to=tuple(to or operators),
        cc=tuple(address for address in dict.fromkeys(operators) if to and address not in to),
        subject=f"[{case.number}] {_LATE.get(kind, '')}Packets to {case.about} from {settings.node}",
        text=_text(settings, case, kind),
        reply_to=case.reply_to,
        attachments=_attachments(settings, case),
        headers=(("X-Case", case.number),),
    )


def _text(settings: Settings, case: Case, kind: str) -> str:
    names = ", ".join(name for name, _ in case.slices) or "no slice that is known"
    parts = [
        f"Somebody at {case.network} asks about packets from {settings.node} ({settings.address}) to {case.about}.",
        f"Their sender: {names}.",
    ]
    if kind == "overdue":
        parts.insert(0, "Nobody has answered this until now, and it should have been answered by now.")
    if case.message:
        parts += ["They write:", "\n".join(f"> {each}" for each in case.message.splitlines())]
    if case.pause_until:
        until = tell.moment(round(case.pause_until * 1e6))
        parts.append(f"Until {until} nothing is sent from this node's slices to {case.about}, as they wish.")
    lines = [_flow_line(flow) for flow in case.flows[:_SHOWN]]
    more = f"\n... and {len(case.flows) - _SHOWN} more, attached" if len(case.flows) > _SHOWN else ""
    parts += ["The flows, times in UTC:" if lines else "No flow of the last hour fits.", "\n".join(lines) + more]
    parts += [
        f"Please answer by {tell.moment(round(case.deadline * 1e6))}, here:",
        page(settings, case.owner_token),
        "There you can also lift a pause and close the case. Keep the link to yourselves.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _flow_line(flow: dict[str, Any]) -> str:
    ends = [
        f"{flow[side]}" if flow[f"{side}_port"] is None else f"{flow[side]} port {flow[f'{side}_port']}"
        for side in ("source", "destination")
    ]
    count = f"{flow['packets']} packets, {flow['octets']} octets"
    return f"{flow['first_utc']} {flow['last_utc']} {flow['slice']} {flow['protocol']} {' > '.join(ends)}, {count}"


def _attachments(settings: Settings, case: Case) -> tuple[Attachment, ...]:
    if not case.flows:
        return ()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(FLOW)
    for flow in case.flows:
        writer.writerow([cell(flow[name]) for name in FLOW])
    reports = xarf.reports(settings, case.about, list(case.flows), round(case.opened * 1e6))
    return (
        Attachment("flows.csv", "text/csv", out.getvalue().encode()),
        Attachment("xarf.json", "application/json", json.dumps(reports, indent=1).encode()),
    )


def _to_stranger(settings: Settings, case: Case, events: Sequence[Event]) -> Letter:
    answers = [event.text for event in events if event.who == "owner" and event.text]
    text = "\n\n".join(
        (
            f"Those responsible for the packets to {case.about} have answered:",
            "\n".join(f"> {each}" for each in (answers[-1] if answers else "").splitlines()),
            f"The case with everything that happened: {page(settings, case.token)}",
        )
    )
    return Letter(to=(case.reply_to,), subject=f"[{case.number}] An answer from {settings.node}", text=text + "\n")
