"""The slice authority, put together: its methods, its keys, its jobs."""

from functools import partial
from secrets import SystemRandom
from typing import Any

from attrs import evolve

from planetlab import gids
from planetlab.both import api as both
from planetlab.both import old_names, peering, posting, rounds, serving
from planetlab.both.methods import accessors, tags, word_lists
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.launch import Running
from planetlab.methods import unite
from planetlab.registry import tidying
from slice_authority import agent, federation, of_2004
from slice_authority.issuing import Sealer, carried
from slice_authority.methods import (
    adm,
    families,
    keys,
    leases,
    persons,
    placement,
    resolving,
    slice_tags,
    slices,
    spellings,
    ticket_log,
    tickets,
    verifying,
)
from slice_authority.methods import (
    peering as peer_methods,
)
from slice_authority.settings import Settings
from slice_authority.sfa import listening

api = unite(
    both.api,
    word_lists.api_of("SA"),
    accessors.api_of("SA"),
    tags.writing(tags.SITES),
    tags.writing(tags.PERSONS),
    tags.reading(tags.PERSONS, persons.of_visible),
    persons.api,
    verifying.api,
    resolving.api,
    keys.api,
    slices.api,
    placement.api,
    slice_tags.api,
    leases.api,
    families.api,
    spellings.api,
    tickets.api,
    tickets.tickets_api,
    peer_methods.api,
    ticket_log.api,
)
old = unite(spellings.old)
older = unite(old_names.api_of(api), adm.api)


async def main(running: Running[Settings]) -> None:
    """Serve until told to stop."""
    stated = running.settings
    peers = peering.of(running)
    said, sealers = federation.of(stated.federation, _sealer(running), running.clock.now(), stated.legacy_signatures)
    peers.federation = said
    sfa, places = listening.identity(running, said), listening.places(stated.sfa)
    places = evolve(places, sibling=serving.sibling(stated, running))
    plc = stated.plc(seal=sealers, peers=peers, sfa=sfa, sfa_places=places)
    desk = serving.open_desk(running, "slice", plc)
    peers.desk = desk
    more = {} if said is None else {"federation": federation.tree(said)}
    await serving.serve(running, desk, "SA", unite(api, old), older, more, partial(of_2004.Whole, clock=running.clock))
    if said is not None:
        serving.every(running, federation.LOOK_EVERY, lambda: said.look(desk), "looking at the authority's folder")
    if sfa is not None:
        await listening.serve(running, desk, sfa)
    if stated.agent.is_on:
        await agent.serve(running, stated.agent, desk, stated.certificate, stated.key, SystemRandom().shuffle)
    serving.every(running, serving.TIDY_EVERY, lambda: desk.job(tidying.tidy), "tidying")
    if stated.relay:
        serving.every(running, posting.EVERY, posting.Post.of(running, desk).round, "sending mail")
    if stated.refresh_every:
        serving.every(running, stated.refresh_every, rounds.periodically(peers), "refreshing peers")


def _sealer(running: Running[Any]) -> Sealer | None:
    stated: Settings = running.settings
    if stated.ticket_key is None or stated.pgp_secret is None:
        return None
    try:
        chain = gids.read_chain(stated.ticket_chain.read_bytes()) if stated.ticket_chain is not None else ()
        return Sealer.load(stated.hrn, stated.ticket_key, stated.pgp_secret, carried(chain), stated.legacy_signatures)
    except (OSError, PlanetLabError) as error:
        raise BadSettings(f"{running.config}: ticket_key, ticket_chain or pgp_secret: {error}") from error
