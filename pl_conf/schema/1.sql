-- What this node has promised, to whom, and by which ticket. Times are seconds since the epoch, UTC.
create table wishes (
    authority text not null,       -- hrn of the ticket's issuer
    slice text not null,           -- as an account on the node would be called
    serial text not null,
    issued real not null,          -- the issuer's time of issue; 0 when the ticket does not say
    expires real not null,
    digest text not null,          -- SHA-256 of the sealed bytes, hex
    sealed blob not null,          -- the ticket exactly as it came, the evidence
    instantiation text not null,
    source text not null,          -- push, poll or node: which way it came last
    feed text not null,            -- hrn of the root whose poll lists it, '' when it was only ever pushed
    rcap text not null unique,     -- answered to the creator; stays as long as the wish
    handle text not null,          -- the rcap by which the node manager knows it now
    asked text not null,           -- JSON, the record that the ticket asks for
    told text not null,            -- JSON, the record as the owner's rules left it, which the node manager was told
    since real not null,           -- first redeemed
    renewed real not null,         -- last redeemed
    absent integer not null,       -- answers in a row of its feed that did not list it
    primary key (authority, slice)
) strict, without rowid;

-- An operation that was begun and whose end is not known; a start finishes or undoes it.
create table journal (
    number integer primary key,
    verb text not null check (verb in ('redeem', 'release')),
    authority text not null,
    slice text not null,
    sealed blob not null,
    source text not null,
    feed text not null,
    rcap text not null,            -- '' while the node manager has not given one
    why text not null,
    at real not null
) strict;

-- Slivers that were deleted here, until no ticket from before can still be valid.
create table gone (
    authority text not null,
    slice text not null,
    rcap text not null,
    serial text not null,
    issued real not null,          -- tickets issued up to here do not come back
    expires real not null,         -- the same for tickets that tell no time of issue
    at real not null,
    until real not null,           -- may be forgotten then
    why text not null,
    primary key (authority, slice)
) strict, without rowid;
create index gone_by_rcap on gone(rcap);

-- Every serial that took effect here, until its ticket expires.
create table serials (
    authority text not null,
    serial text not null,
    slice text not null,
    digest text not null,
    expires real not null,
    at real not null,
    primary key (authority, serial, digest)
) strict, without rowid;

-- How far each authority has been heard, each by its own clock.
create table watermarks (
    authority text primary key,
    stamp integer not null,        -- version of its last answer, as it counts them
    issued real not null,          -- the latest time of issue seen on a ticket
    answered real not null         -- when it last answered, by this node's clock
) strict, without rowid;

-- What was asked of this node and what came of it, for the owner.
create table receipts (
    number integer primary key,
    at real not null,
    authority text not null,
    slice text not null,
    source text not null,
    deed text not null,            -- created, renewed, same, deleted, expired, refused, paused, resumed, policy
    reason integer not null,       -- 0, or the number of the refusal
    text text not null,
    digest text not null
) strict;
create index receipts_by_time on receipts(at);

-- Leases of 2003, by the name that the slice has there.
create table leases (
    slice text primary key,
    authority text not null,       -- hrn of the authority whose agent signed the ticket
    principle text not null,       -- hash of the holder's key, 40 hex digits
    sealed blob not null,          -- the lease as it was given
    ticket blob not null,          -- the ticket that it was given for
    start real not null,
    "end" real not null,
    bound integer not null,        -- whether it has its sliver
    first_key text not null,
    keys text not null             -- JSON, one authorized_keys line each
) strict, without rowid;

create table about (key text primary key, value text not null) strict, without rowid;
