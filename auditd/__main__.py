"""``python -m auditd --config FILE``: the audit of one node, and its pages for strangers."""

import sys

from attrs import evolve

from auditd.metrics import watched
from auditd.service import Service
from auditd.settings import Settings
from planetlab.launch import Running, run_service
from planetlab.limits import Limits, hardened_site

# Strangers only ever read: a request has no body to speak of, and comes at a person's pace or a small program's.
_STRANGERS = Limits(body=64 << 10, idle=15.0, rate=5.0, burst=50)
_TRUSTED = Limits(body=64 << 10, idle=15.0, per_peer=200)  # on loopback, where readers share one address

# While a thread sums up an hour, the reactor waits this long at each of the few system calls that a request takes: with
# Python's own 5 ms a page would take 30 ms longer.
TURN = 0.0005  # seconds


async def serve(running: Running[Settings]) -> None:
    """Set the audit up and begin."""
    place = running.config.absolute().parent
    said = running.settings
    settings = evolve(
        said,
        data_dir=str(place / said.data_dir),
        nm_socket=str(place / said.nm_socket),
        recording=str(place / said.recording) if said.recording else "",
        authority_ca=str(place / said.authority_ca) if said.authority_ca else "",
        log_token_file=str(place / said.log_token_file) if said.log_token_file else "",
        reader_token_file=str(place / said.reader_token_file) if said.reader_token_file else "",
    )
    service = Service(settings, running.reactor, running.clock)
    running.at_end(service.stop)
    running.why_not = service.why_not
    watched(service.audit)
    for where in settings.listen:
        limits = _TRUSTED if "interface=127." in where or "interface=\\:\\:1" in where else _STRANGERS
        await running.listen(where, hardened_site(service.pages, running.reactor, limits))
    await running.operator(settings.operator_listen)
    service.start()


def main() -> None:
    """Run until told to stop."""
    sys.setswitchinterval(TURN)
    run_service(serve, Settings, "plfed-audit")


if __name__ == "__main__":
    main()
