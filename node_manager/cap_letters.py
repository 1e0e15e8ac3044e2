"""Telling a slice's people that it sent its day's amount and is slowed down: one letter a day, as the original's was.

It goes to the slice's address and to whoever watches the node. A relay that is slow, silent or away costs nothing but
time: what it did not take is tried again, and dropped when the slice's day is over.
"""

import secrets
from datetime import UTC, datetime

from attrs import define, field, frozen
from twisted.logger import Logger

from node_manager.caps import Caps, Meter
from planetlab.errors import BadArgument, Unreachable
from planetlab.mail import Letter, Relay
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.units import DAY, KIB

MOST = 1000  # letters that wait


@frozen(kw_only=True)
class Capped:
    """A slice that was slowed down: to what, after how much, and what its day's amounts are."""

    name: SliceName
    authority: Hrn
    caps: Caps
    meter: Meter
    rspec: ResourceSpec


def letter(capped: Capped, hostname: str, to: tuple[str, ...], now: float) -> Letter:
    """The words for people. ``now`` is when it was slowed down, seconds since the epoch."""
    meter, rspec = capped.meter, capped.rspec
    kinds = (
        ("low", capped.caps.ordinary, meter.sent, rspec.net_max_kbyte, "ordinary destinations"),
        ("high", capped.caps.exempt, meter.exempt, rspec.net_i2_max_kbyte, "exempt destinations"),
    )
    told = [
        f"It sent {sent // KIB:,} KiB to {where} ({kind} bandwidth); {most:,} KiB in 24 hours are its limit.\n"
        f"Until its day is over it sends at {rate:,} kbit/s there at most."
        for kind, rate, sent, most, where in kinds
        if rate is not None
    ]
    since, until = (
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC" for at in (meter.since, meter.since + DAY)
    )
    text = "\n\n".join(
        (
            f"Slice {capped.name} of {capped.authority} was slowed down on {hostname}.",
            *told,
            f"Its day began at {since} and ends at {until}; then it is as fast as before.\n"
            "Nothing else of it was touched. Its limits are tags of the slice (net_max_kbyte, net_thresh_kbyte).",
        )
    )
    return Letter(to, f"pl_mom capped bandwidth of slice {capped.name} on {hostname}", f"{text}\n")


@define
class Postman:
    """Letters on their way. ``slice_mail`` is the slices' address, SLICE in it replaced; ``monitor`` gets a copy."""

    relay: Relay | None
    hostname: str
    slice_mail: str
    monitor: str
    log = Logger()
    _waiting: list[tuple[Letter, float]] = field(factory=list, init=False)  # and until when it is worth sending

    def tell(self, capped: Capped, now: float) -> None:
        """Have a letter sent; without a relay or an address there is none."""
        slices = self.slice_mail.replace("SLICE", str(capped.name)).replace("AUTHORITY", str(capped.authority))
        to = tuple(address for address in (slices, self.monitor) if address)
        if self.relay is not None and to:
            self._waiting = [*self._waiting, (letter(capped, self.hostname, to, now), capped.meter.since + DAY)][-MOST:]

    async def deliver(self, now: float) -> None:
        """Hand in what waits; what the relay did not take waits on."""
        waiting, self._waiting = self._waiting, []
        for each, until in waiting:
            if self.relay is None or now >= until:
                continue
            try:
                await self.relay.send(each, now, f"<{secrets.token_hex(16)}@{self.hostname}>")
            except BadArgument as error:
                self.log.warn("a letter cannot be sent: {error}", error=str(error))
            except Unreachable as error:
                self.log.warn("a letter waits: {error}", error=str(error))
                self._waiting.append((each, until))
