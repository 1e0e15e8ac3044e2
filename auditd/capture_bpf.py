# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes to a pipe.
"""Ask the kernel to write on each packet who sends it: bpf(2) by ctypes, without a compiler.

The program of a dozen instructions hangs at the egress of an interface, behind address translation and before the
packet sockets. It writes into the packet's hash, which the ring hands on:

* the low 32 bits of the id of the cgroup whose socket sends, when a socket of this machine does (1: the kernel itself);
* else, for what is forwarded from a sliver's own network, 2^31 + the index of the interface that it came in by, or
  2^31 + 2^30 + its mark.

It is gone when its file descriptor is closed, so with the process. Linux 6.6 attaches it as a TCX link; an older kernel
refuses, and the caller falls back to what the packet itself tells.
"""

import ctypes
import os
import platform
import struct

FORWARDED = 1 << 31
MARKED = 1 << 31 | 1 << 30

_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_PROG_LOAD, _LINK_CREATE = 5, 28
_SCHED_CLS, _TCX_EGRESS, _BEFORE = 3, 47, 8  # before all programs that hang there: one of them may end the chain
_GET_CGROUP, _SET_HASH = 79, 48  # helper numbers of bpf_skb_cgroup_id, bpf_set_hash
_MARK, _INGRESS = 8, 36  # offsets in struct __sk_buff
_libc = ctypes.CDLL(None, use_errno=True)


def _instruction(code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("<BBhi", code, source << 4 | to, offset, value)


def _load(to: int, source: int, offset: int) -> bytes:
    return _instruction(0x61, to, source, offset)


def _move(to: int, source: int) -> bytes:
    return _instruction(0xBF, to, source)


def _call(helper: int) -> bytes:
    return _instruction(0x85, value=helper)


def program(by_mark: bool) -> bytes:
    """The instructions. ``by_mark``: packets that are forwarded are told apart by their mark, not by interface."""
    field, bits = (_MARK, MARKED) if by_mark else (_INGRESS, FORWARDED)
    return b"".join(
        (
            _move(6, 1),
            _call(_GET_CGROUP),
            _instruction(0xBC, 2, 0),  # r2 = low half of the id
            _instruction(0x55, 2, offset=3, value=0),  # sent by a socket here: done
            _load(2, 6, field),
            _instruction(0x15, 2, offset=1, value=0),  # neither: 0
            _instruction(0x47, 2, value=bits - (1 << 32)),
            _move(1, 6),
            _call(_SET_HASH),
            _instruction(0xB7, 0, value=-1),  # go on as if this program were not here
            _instruction(0x95),
        )
    )


def _bpf(command: int, attributes: bytes) -> int:
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(38, f"the number of bpf(2) on {platform.machine()} is not known here")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _libc.syscall(number, command, buffer, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)


def attach(interface: int, by_mark: bool = False) -> list[int]:
    """Hang the program at the egress of ``interface`` (its index).

    Gives the descriptors to keep open as long as it shall hang there. Raises `OSError` with the kernel's reason.
    """
    code = program(by_mark)
    text = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(65536)
    attributes = struct.pack(
        "<IIQQIIQII16sII",
        _SCHED_CLS, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence),
        1, len(log), ctypes.addressof(log), 0, 0, b"plfed_sender", 0, 0,
    )  # fmt: skip
    try:
        loaded = _bpf(_PROG_LOAD, attributes)
    except OSError as error:
        said = log.value.decode(errors="replace").strip()[-300:]
        raise OSError(error.errno, f"{error.strerror} {said}".strip()) from None
    try:
        link = _bpf(_LINK_CREATE, struct.pack("<IIIIQQQ", loaded, interface, _TCX_EGRESS, _BEFORE, 0, 0, 0))
    except OSError:
        os.close(loaded)
        raise
    return [loaded, link]
