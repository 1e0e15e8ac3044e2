"""The slice authority's settings."""

from pathlib import Path

from attrs import frozen

from planetlab.both.settings import Common, said
from slice_authority.agent import AgentPorts
from slice_authority.sfa.settings import SfaPorts


@frozen(kw_only=True)
class Settings(Common):
    """Everything a slice authority must know; print a sample with ``--sample``."""

    ticket_key: Path | None = said("The RSA key that signs v3 tickets, PEM.", None)
    ticket_chain: Path | None = said("Certificates from the ticket key up to the authority's, PEM, leaf first.", None)
    pgp_secret: Path | None = said("The OpenPGP key that signs v4 tickets and calls to peers, armoured.", None)
    federation: Path | None = said("The authority's folder, with its book and the key that speaks for it.", None)
    legacy_signatures: bool = said("Sign v3 tickets with RSA-SHA1, for nodes of 2005; each is logged.", False)
    sfa: SfaPorts = said("The SFA and GENI interfaces; off while no endpoint is said.", SfaPorts())
    agent: AgentPorts = said("The agent of 2003; off while no endpoint is said.", AgentPorts())
