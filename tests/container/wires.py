"""Programs that send and hear packets in a network namespace that the caller chose (`nsenter`).

``forge LINK TO SOURCE…`` sends a UDP packet to port 9 of TO from each SOURCE, past the sliver's own network code.
``hear SECONDS`` prints for each UDP packet to port 9: its source address and what it carries, until standard input has
ended, which says that all is sent, and it has been silent for so long.
``ports SECONDS`` prints the same with its source port in place of the address.
``see LINK COUNT`` prints, for each packet carrying text that leaves by LINK, the mark and the first word, counted.
"""

import collections
import json
import select
import socket
import struct
import sys

PORT = 9
_SO_RCVMARK, _SO_MARK = 75, 36  # include/uapi/asm-generic/socket.h
_SO_RCVBUFFORCE = 33


def forge(link: str, to: str, *sources: str) -> None:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((link, 0))
    inner = wire.getsockname()[4]
    outer = inner[:3] + b"\x00" + inner[4:]  # as the node numbers its end
    for source in sources:
        carried = source.encode()
        addresses = socket.inet_aton(source) + socket.inet_aton(to)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(carried), 1, 0, 64, socket.IPPROTO_UDP, 0) + addresses
        head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
        udp = struct.pack("!HHHH", 4000, PORT, 8 + len(carried), 0) + carried
        wire.send(outer + inner + b"\x08\x00" + head + udp)


def hear(seconds: str, by_port: bool = False) -> None:
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
    ear.bind(("", PORT))
    print("ready", flush=True)
    heard: collections.Counter[str] = collections.Counter()
    watched, patience = [ear, sys.stdin], None
    while True:
        ready, _, _ = select.select(watched, [], [], patience)
        if ear in ready:
            carried, (source, port) = ear.recvfrom(2048)
            heard[f"{port if by_port else source} {carried.decode().split()[0]}"] += 1
        elif ready:
            watched, patience = [ear], float(seconds)
        else:
            break
    print(json.dumps(heard))


def ports(seconds: str) -> None:
    hear(seconds, by_port=True)


def see(link: str, count: str) -> None:
    eye = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL: leaving ones too
    eye.bind((link, 3))
    eye.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
    eye.setsockopt(socket.SOL_SOCKET, _SO_RCVMARK, 1)
    eye.settimeout(60)
    print("ready", flush=True)
    seen: collections.Counter[str] = collections.Counter()
    try:
        while sum(seen.values()) < int(count):
            packet, extra, _, where = eye.recvmsg(2048, 64)
            if where[2] == 4 and packet[9:10] == b"\x11" and packet[22:24] == struct.pack("!H", PORT):
                marks = [struct.unpack("I", said)[0] for level, kind, said in extra if kind == _SO_MARK]
                seen[f"{marks[0] if marks else 'none'} {packet[28:].decode().split()[0]}"] += 1
    except TimeoutError:
        pass
    print(json.dumps(seen))


def _checksum(octets: bytes) -> int:
    total = sum(struct.unpack("!10H", octets))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


if __name__ == "__main__":
    {"forge": forge, "hear": hear, "ports": ports, "see": see}[sys.argv[1]](*sys.argv[2:])
