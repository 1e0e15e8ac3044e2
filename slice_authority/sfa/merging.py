"""One answer out of many aggregates' answers: each is read for what is its own, and may be nonsense."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from lxml import etree
from twisted.logger import Logger

from planetlab.ask import Outcome
from planetlab.errors import BadArgument, PeerError, PlanetLabError
from planetlab.names import Hrn, Urn
from planetlab.redact import one_line
from planetlab.rspecs import codec, versions
from planetlab.rspecs.documents import Document, Kind
from slice_authority.sfa.places import Neighbour
from slice_authority.sfa.replies import struct, told
from slice_authority.sfa.slivers import packed
from slice_authority.sfa.visitor import Visitor

log = Logger()

MOST_SLICES = 100_000  # names, or slivers, that one aggregate may tell of
ON_OFFER = ("ListResources", "ListSlices")
RSPECS = ("ListResources", "CreateSliver", "UpdateSliver")
THIRD = {
    **dict.fromkeys(("Provision", "Describe", "Status", "Delete"), 2),
    **dict.fromkeys(("Allocate", "Renew", "PerformOperationalAction"), 3),
}
"""The calls of GENI's third version on slivers, and the place of their options."""


@frozen
class Asked:
    """One call as it came: ``options`` are those of the caller, ``args`` all arguments."""

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any]
    visitor: Visitor

    @property
    def credentials(self) -> Any:
        """The argument with the credentials."""
        return self.args[0 if self.name in ON_OFFER else 1]


def answer(asked: Asked, outcomes: Sequence[Outcome[Neighbour, Any]], own: Hrn) -> Any:
    """One answer of all that can be read; what cannot is the fault of who sent it, and nobody else's."""
    read = [_read(asked, one) for one in outcomes]
    good = [one.value for one in read if one.error is None]
    if not good:
        raise next((one.error for one in read if one.error is not None), PeerError("nobody answered"))
    return reply(asked, _merged(asked, good, own), read)


def _read(asked: Asked, one: Outcome[Neighbour, Any]) -> Outcome[Neighbour, Any]:
    if one.error is not None:
        return one
    try:
        return evolve(one, value=_piece(asked, one.item, one.value))
    except PlanetLabError as error:
        return evolve(one, value=None, error=PeerError(f"its answer cannot be read: {one_line(str(error), 200)}"))


def _piece(asked: Asked, whose: Neighbour, value: Any) -> Any:
    """An aggregate's part of the answer: its own nodes, its own names. Raises `PlanetLabError`."""
    if asked.name in RSPECS:
        kind = Kind.MANIFEST if asked.name != "ListResources" or slice_in(asked) else Kind.ADVERTISEMENT
        if not isinstance(value, str | bytes):
            raise BadArgument(f"expected an RSpec document, got {type(value).__name__}")
        return codec.read(value, kind).of(whose.hrn)
    if asked.name in THIRD:
        return _third(whose, value)
    if asked.name == "ListSlices":
        if not isinstance(value, list) or len(value) > MOST_SLICES or any(not isinstance(one, str) for one in value):
            raise BadArgument(f"expected at most {MOST_SLICES} names of slices")
        return value
    if asked.name == "SliverStatus":
        parts = value.get("geni_resources") if isinstance(value, dict) else None
        if not isinstance(parts, list) or len(parts) > MOST_SLICES:
            raise BadArgument("expected a struct with geni_resources")
    return value


@frozen
class _Slivers:
    """What one aggregate tells of slivers, and its part of the RSpec where it gives one."""

    slivers: tuple[dict[str, Any], ...]
    document: Document | None
    urn: str


def _third(whose: Neighbour, value: Any) -> _Slivers:
    said = value if isinstance(value, dict) else {"geni_slivers": value}
    told_of, text = said.get("geni_slivers"), said.get("geni_rspec")
    if not isinstance(told_of, list) or len(told_of) > MOST_SLICES:
        raise BadArgument("expected geni_slivers")
    for one in told_of:
        name = one.get("geni_sliver_urn") if isinstance(one, dict) else None
        if not isinstance(name, str) or Urn.parse(name).authority != whose.hrn.path:
            raise BadArgument(f"{name!r:.80} is no sliver of {whose.hrn}")
    document = codec.read(text, Kind.MANIFEST).of(whose.hrn) if isinstance(text, str | bytes) and text else None
    return _Slivers(tuple(told_of), document, str(said.get("geni_urn", "")))


def _all_slivers(asked: Asked, values: Sequence[_Slivers], own: Hrn) -> Any:
    whole = [one for value in values for one in value.slivers]
    if asked.name in ("Renew", "PerformOperationalAction", "Delete"):
        return whole
    told_of: dict[str, Any] = {"geni_slivers": whole, "geni_urn": next((one.urn for one in values if one.urn), "")}
    documents = [one.document for one in values if one.document is not None]
    if not documents:
        return told_of
    text = _one_document(asked, documents, own)
    return {**told_of, "geni_rspec": packed(text, asked.options)}


def value_of(answer: Any) -> Any:
    """What an aggregate answered, out of its struct. Raises `PeerError` for a refusal in one."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), dict):
        return answer
    if answer["code"].get("geni_code") != 0:
        raise PeerError(one_line(str(answer.get("output", "")), 300))
    return answer.get("value")


def slice_in(asked: Asked) -> str:
    """The slice that a call's options name; empty if it asks for what is on offer."""
    return str(asked.options.get("geni_slice_urn") or asked.options.get("geni_slice_hrn") or "")


def _merged(asked: Asked, values: Sequence[Any], own: Hrn) -> Any:
    if asked.name in RSPECS:
        return _one_document(asked, values, own)
    if asked.name in THIRD:
        return _all_slivers(asked, values, own)
    if asked.name == "ListSlices":
        return sorted({one for value in values for one in value})
    return _one_status(values) if asked.name == "SliverStatus" else True


def _one_document(asked: Asked, read: Sequence[Document], own: Hrn) -> str:
    whole = evolve(
        read[0],
        network=own,
        nodes=tuple(node for one in read for node in one.nodes),
        leases=tuple(lease for one in read for lease in one.leases),
    )
    default = versions.GENI3 if asked.name in THIRD else versions.SFA1
    if asked.name in ("CreateSliver", "UpdateSliver", "Allocate"):
        default = codec.version_of(asked.args[2])
    return codec.write(whole, versions.asked(asked.options, default))


def _one_status(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = dict(values[0]) if values else {}
    words = [str(one.get("geni_status")) for one in values]
    first["geni_status"] = next((word for word in ("failed", "unknown", "configuring") if word in words), "ready")
    first["geni_resources"] = [part for one in values for part in one.get("geni_resources", [])]
    times = [str(one["geni_expires"]) for one in values if one.get("geni_expires")]
    return {**first, **({"geni_expires": min(times)} if times else {})}


def nothing(name: str) -> Any:
    """An empty answer of the type that a method gives."""
    if name in RSPECS:
        return ""
    if name in THIRD or name == "ListSlices":
        return []
    return {} if name == "SliverStatus" else True


def reply(asked: Asked, value: Any, outcomes: Sequence[Outcome[Neighbour, Any]]) -> Any:
    """``value`` in the caller's form, with a word on each aggregate that failed."""
    failed = [f"{one.item.hrn}: {_sentence(one.error)}" for one in outcomes if one.error is not None]
    for sentence in failed:
        log.warn("{method}: {sentence}", method=asked.name, sentence=sentence)
    if asked.name in THIRD:
        statistics = [_statistic(one) for one in outcomes]
        return {**struct(value, 0, "; ".join(failed)), "geni_api": 3, "statistics": statistics}
    if asked.visitor.modern:
        if isinstance(value, str) and value:
            value = packed(value, asked.options)
        said = struct(value, 0, "; ".join(failed))
        return {**said, "statistics": [_statistic(one) for one in outcomes]}
    if isinstance(value, str) and failed:
        document = etree.fromstring(value.encode())
        document.append(etree.Comment(" " + "; ".join(failed).replace("--", "- -") + " "))
        return '<?xml version="1.0"?>\n' + etree.tostring(document, encoding="unicode")
    return int(value) if value is True and asked.name in ("DeleteSliver", "Start", "Stop", "Shutdown") else value


def _statistic(one: Outcome[Neighbour, Any]) -> dict[str, Any]:
    said = "success" if one.error is None else _sentence(one.error)
    return {"aggregate": str(one.item.hrn), "elapsed": round(one.seconds, 3), "status": said}


def _sentence(error: Exception | None) -> str:
    if isinstance(error, PlanetLabError):
        return one_line(told(error) if not isinstance(error, PeerError) else str(error), 300)
    return "internal error" if error is not None else ""
