"""Sends known packets, and keeps its own books of them: a program that runs in a node's network.

``flows GROUP NUMBER COUNT SECONDS``: from the cgroup GROUP, COUNT flows of every kind to the destinations of sliver
NUMBER; two of them last SECONDS. Prints the books as JSON.

``orders``: reads one order a line (JSON: group, port, to, to_port, count), enters the cgroup, sends ``count`` datagrams
from ``port``, prints a line.

``scan GROUP NUMBER COUNT``: one datagram to each of COUNT ports; prints how many.

``ticks GROUP NUMBER``: a flow of one datagram each 10 ms, until its input ends; prints the moments.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

UDP, TCP, ICMP, ICMP6 = 17, 6, 1, 58
NODE, NODE6 = "10.77.0.1", "fd77::1"


def enter(group: str) -> None:
    """Become part of a sliver."""
    with open(f"{group}/cgroup.procs", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))


def cut(size: int, six: bool) -> tuple[int, int]:
    """Packets and octets of a datagram with ``size`` bytes of payload."""
    head, room = (48, 1448) if six else (20, 1480)
    body = size + 8
    if body + (40 if six else 20) <= 1500:
        return 1, body + (40 if six else 20)
    pieces = -(-body // room)
    return pieces, body + pieces * head


def datagrams(to: str, port: int, size: int, count: int, pause: float = 0.0) -> list[Any]:
    """A flow of datagrams."""
    six = ":" in to
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((NODE6 if six else NODE, 0))
        for _ in range(count):
            sender.sendto(b"x" * size, (to, port))
            time.sleep(pause)  # the flow's pace
        packets, octets = cut(size, six)
        return [UDP, *own(sender), to, port, count * packets, count * octets, 0]


def own(sender: socket.socket) -> tuple[str, int]:
    address, port, *_ = sender.getsockname()
    return address, port


def connection(to: str, size: int) -> list[Any]:
    """A flow of a connection; the last acknowledgements may follow after the books are closed."""
    with socket.socket() as sender:
        sender.bind((NODE, 0))
        sender.connect((to, 2000))
        sender.sendall(b"x" * size)
        sender.shutdown(socket.SHUT_WR)
        sender.recv(1)
        told = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
        (segments,), (octets,) = struct.unpack_from("I", told, 136), struct.unpack_from("Q", told, 200)
        return [TCP, *own(sender), to, 2000, segments, octets, 3]


def echo(to: str, count: int) -> list[Any]:
    """Echo requests by a raw socket."""
    six = ":" in to
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, ICMP6 if six else ICMP) as sender:
        sender.bind((NODE6 if six else NODE, 0))
        for _ in range(count):
            head = struct.pack(">BBHHH", 128 if six else 8, 0, 0 if six else 0xF7FE, 0, 1)
            sender.sendto(head, (to, 0))
        return [ICMP6 if six else ICMP, NODE6 if six else NODE, None, to, None, count, count * (48 if six else 28), 0]


def flows(group: str, number: str, count: str, seconds: str) -> None:
    """Every kind of flow in turn."""
    enter(group)
    made, begun = [], time.monotonic()
    lasting = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(2)]
    for sender in lasting:
        sender.bind((NODE, 0))
    ticks, total = 0, int(count) - len(lasting)
    for at in range(total):
        to, to6 = f"10.99.{number}.{at % 250 + 1}", f"fd99::{int(number) + 1:x}:{at % 250 + 1:x}"
        kind, times = at % 8, at % 5 + 1
        if kind < 3:
            made.append(datagrams(to, 3000 + at, 20 + at, times))
        elif kind == 3:
            made.append(datagrams(to, 3000 + at, 4000, times))
        elif kind == 4:
            made.append(connection(to, 1000 * times))
        elif kind == 5:
            made.append(datagrams(to6, 3000 + at, 30, times))
        elif kind == 6:
            made.append(datagrams(to6, 3000 + at, 3000, times))
        else:
            made.append(echo(to6 if at % 16 == 7 else to, times))
        if time.monotonic() - begun > ticks * 0.5:
            ticks += tick(lasting, number)
    while time.monotonic() - begun < float(seconds):
        time.sleep(0.5)  # the pace of the lasting flows
        ticks += tick(lasting, number)
    for sender in lasting:
        made.append([UDP, *own(sender), f"10.99.{number}.251", 2999, ticks, ticks * 33, 0])
    print(json.dumps(made), flush=True)


def tick(lasting: list[socket.socket], number: str) -> int:
    for sender in lasting:
        sender.sendto(b"hello", (f"10.99.{number}.251", 2999))
    return 1


def orders() -> None:
    """Do what each line says."""
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        enter(order["group"])
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind((NODE, order["port"]))
            began = time.time()
            for _ in range(order["count"]):
                sender.sendto(b"x" * 20, (order["to"], order["to_port"]))
        if order.get("leave"):
            enter(order["leave"])
        print(json.dumps([began, time.time()]), flush=True)


def scan(group: str, number: str, count: str) -> None:
    """A flow of one datagram to each of many ports, in no order."""
    enter(group)
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((NODE, 0))
        for at in range(int(count)):
            place = at * 7919 % int(count)  # a prime: each place once
            sender.sendto(b"x" * (place % 50), (f"10.99.{number}.{place % 250 + 1}", 1000 + place // 250))
            if at % 500 == 0:
                time.sleep(0.02)  # 25,000 a second, so that the ring holds them on a busy machine
    print(json.dumps(int(count)), flush=True)


def ticking(group: str, number: str) -> None:
    """A new flow each 10 ms, until the input ends; one line a flow: when, and from which port."""
    enter(group)
    at = 0
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind((NODE, 0))
            now = time.time()
            sender.sendto(b"x" * 20, (f"10.99.{number}.{at // 5000 + 1}", at % 5000 + 1))
            print(json.dumps([now, sender.getsockname()[1], at]), flush=True)
        at += 1


if __name__ == "__main__":
    {"flows": flows, "orders": orders, "scan": scan, "ticks": ticking}[sys.argv[1]](*sys.argv[2:])
