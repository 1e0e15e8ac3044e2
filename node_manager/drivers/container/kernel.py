"""The Linux calls that Python 3.11 has no function for: mounts, namespaces, opening inside another root.

Each raises `OSError` with the call and its objects in the text. Numbers are those of x86-64 and arm64, which agree
for all but the oldest calls (include/uapi/asm-generic/unistd.h).
"""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT = 32
MS_BIND, MS_REC, MS_SLAVE = 4096, 16384, 1 << 19
MNT_DETACH = 2

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x00100000
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_OPENAT2, _SYS_MOUNT_SETATTR = 428, 429, 437, 442
_RESOLVE_NO_MAGICLINKS, _RESOLVE_IN_ROOT = 0x02, 0x10

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def unshare(flags: int) -> None:
    """Give the calling thread namespaces of its own; other threads stay where they are."""
    _check(_libc.unshare(flags), f"unshare {flags:#x}")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace that ``descriptor`` refers to."""
    _check(_libc.setns(descriptor, kind), f"setns {kind:#x}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    made = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(made, f"mount {kind or 'bind'} {source} on {target} ({options})")


def unmount(target: str) -> None:
    """Detach what is mounted on ``target``, also when it is busy; nothing mounted there is not an error."""
    if _libc.umount2(target.encode(), MNT_DETACH) < 0 and ctypes.get_errno() not in (2, 22):  # ENOENT, EINVAL
        _check(-1, f"unmount {target}")


def bind_with_ids(source: str, target: str, user_namespace: int) -> None:
    """Show ``source`` on ``target`` with its ids shifted as ``user_namespace`` (a descriptor) maps them; Linux 5.12."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    tree = _check(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, source.encode(), flags), f"open_tree {source}")
    try:
        attr = _MountAttr(_MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
        size = ctypes.sizeof(attr)
        _check(
            _libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attr), size),
            f"show {source} with shifted ids",
        )
        _check(
            _libc.syscall(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH),
            f"mount {source} on {target}",
        )
    finally:
        os.close(tree)


def open_inside(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open ``path`` as a process would whose root directory is ``root``: no link in it leads out.

    Links in the last part are followed inside the root only; add O_NOFOLLOW to refuse them.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    size = ctypes.sizeof(how)
    return _check(
        _libc.syscall(_SYS_OPENAT2, root, path.encode(), ctypes.byref(how), size), f"open {path} inside the sliver"
    )


def told(path: str) -> str:
    """A small file, or one that the kernel writes as it is read, whole; a few calls are all that it takes."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(file, 65536):
            parts.append(part)
        return b"".join(parts).decode(errors="replace")
    finally:
        os.close(file)


def _check(answer: int, what: str) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer
