"""Flows written as JSON: the same text as of their structs, in a third of the time, for there may be ten thousand."""

import json
from collections.abc import Iterator

from auditd import rows, tell
from auditd.owners import Owners
from auditd.rows import Rows

_ODD = rows.HOW_PORTLESS | rows.HOW_COARSE | rows.HOW_FOLDED | rows.HOW_PACKETS_ONLY
_PORTED = '"source_port":{0},"destination":{2},"destination_port":{1},"icmp_type":null,"icmp_code":null'
_BARE = '"source_port":null,"destination":{2},"destination_port":null,"icmp_type":null,"icmp_code":null'
_ICMP = '"source_port":null,"destination":{2},"destination_port":null,"icmp_type":{3},"icmp_code":{4}'


class _Heads(dict[tuple[int, int, int], str]):
    """What is told of each sender (number, tag, interface)."""

    def __init__(self, owners: Owners) -> None:
        super().__init__()
        self._owners = owners

    def __missing__(self, key: tuple[int, int, int]) -> str:
        sender = self._owners.sender(key[0])
        told = {
            "slice": self._owners.label(*key),
            "kind": tell.kind(key[0]),
            "authority": sender.authority if sender else "",
        }
        self[key] = head = json.dumps(told, separators=(",", ":"))[:-1]
        return head


def flows(found: Rows, owners: Owners, veiled: bool = False) -> Iterator[str]:
    """Each flow of ``found`` (rows in wall time); ``veiled``: destinations by /24 and /48 only."""
    if veiled:
        found = found.copy()
        found["d_hi"], found["d_lo"] = tell.network_of(found["d_hi"], found["d_lo"])
    heads, sources, destinations = _Heads(owners), tell.Addresses(), tell.Addresses(veiled)
    for row in zip(*(found[name].tolist() for name in tell.COLUMNS), strict=True):
        number, tag, iface, first, last, proto, how, ports, s_hi, s_lo, d_hi, d_lo, flags, packets, octets, frames = row
        if how & _ODD:
            yield json.dumps(tell.struct(row, owners, sources, destinations), separators=(",", ":"))
            continue
        form = _PORTED if proto in rows.PORTED else _ICMP if proto in (rows.ICMP, rows.ICMP6) else _BARE
        ends = form.format(
            ports >> 16, ports & 0xFFFF, f'"{destinations[d_hi, d_lo]}"', ports >> 8 & 0xFF, ports & 0xFF
        )
        yield (
            f'{heads[number, tag, iface]},"first":{first / 1e6!r},"last":{last / 1e6!r},'
            f'"first_utc":"{tell.moment(first)}","last_utc":"{tell.moment(last)}","protocol":"{tell.protocol(proto)}","protocol_number":{proto},'
            f'"source":"{sources[s_hi, s_lo]}",{ends},"tcp_flags":"{tell.tcp_flags(flags)}","packets":{packets},'
            f'"octets":{octets},"frames":{frames},"note":""}}'
        )
