"""Addresses and prefixes as strangers write them, and for how much of the network one address may speak."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from planetlab.errors import BadArgument, Forbidden

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_MAPPED = IPv6Network("::ffff:0:0/96")
WIDEST = {4: 24, 6: 48}  # bits of the widest prefix that one address speaks for


def read_network(text: str, where: str) -> Network:
    """An address or a prefix; IPv4 as such also where it is mapped into IPv6. Raises `BadArgument`.

    Brackets around IPv6, and the zone of an address, which names an interface of the writer's own, are dropped.

    >>> read_network("::ffff:192.0.2.7", "to"), read_network("[fe80::1%eth0]", "to")
    (IPv4Network('192.0.2.7/32'), IPv6Network('fe80::1/128'))
    """
    address, slash, length = text.strip().partition("/")
    bare = address.removeprefix("[").removesuffix("]").partition("%")[0]
    try:
        network = ip_network(f"{bare}{slash}{length}", strict=False)
        if network.version == 6 and network.prefixlen >= 96 and network.network_address in _MAPPED:
            return ip_network(f"{IPv4Address(int(network.network_address) & 0xFFFFFFFF)}/{network.prefixlen - 96}")
        if WIDEST[6] <= network.prefixlen < 96 and network.version == 6 and _MAPPED.subnet_of(network):
            raise ValueError  # in so narrow a prefix of IPv6 all of IPv4 would hide
        return network
    except ValueError:
        expected = "expected an IPv4 or IPv6 address or prefix, like 192.0.2.7 or 2001:db8::/48"
        raise BadArgument(f"{expected}, got {text[:80]!r}", where) from None


def shown(network: Network) -> str:
    """A prefix for people; an address without its length.

    >>> shown(ip_network("192.0.2.7/32"))
    '192.0.2.7'
    """
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def around(viewer: str) -> Network:
    """The widest network that ``viewer`` may speak for. Raises `Forbidden` when that is no address."""
    try:
        address = ip_address(viewer)
    except ValueError:
        raise Forbidden("expected a request from an IP address") from None
    return ip_network(f"{address}/{WIDEST[address.version]}", strict=False)


def own_network(text: str, viewer: str, where: str) -> Network:
    """The address or prefix that ``viewer`` acts for, "" for its own address.

    Raises `BadArgument` for what is none, `Forbidden` for one that the connection does not prove.
    """
    widest = around(viewer)
    asked = read_network(text.strip() or viewer, where)
    inside = asked.version == widest.version and asked.subnet_of(widest)  # type: ignore[arg-type]  # versions are equal
    if not inside or ip_address(viewer) not in asked:
        raise Forbidden(f"{where}: expected your address {viewer} or a prefix around it up to {widest}, got {asked}")
    return asked


def plain(host: str) -> str:
    """A peer's address without its zone, IPv4 as such also where it is mapped into IPv6; "" for what is none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
