"""Reading and writing a sliver's files from the node, as if from inside.

A sliver may have made any of its paths a link, a pipe or a directory, and may change them while we look. Directories
are opened as the kernel would for a process in the sliver (`kernel.open_inside`); the last part is only made afresh
and renamed into its place, or opened without following links. No path of a sliver is ever opened by its name.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath

from node_manager.drivers import DriverError
from node_manager.drivers.container import kernel

_MOST = 1 << 20  # bytes of a file that is read; the ones we read are small


class Inside:
    """The files of one sliver, under the directory that ``root`` describes; ``uid`` is the first of its ids."""

    def __init__(self, root: int, uid: int) -> None:
        self._root = root
        self._uid = uid

    def write(self, path: str, text: str, mode: int = 0o644, owner: int = 0, group: int = 0) -> None:
        """Put ``text`` in the file at ``path``; readers see the old or the new one, whole. Raises `OSError`."""
        with self._directory(path) as (parent, name):
            fresh = f".{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(fresh, flags, 0o600, dir_fd=parent)
            try:
                try:
                    os.fchown(file, self._uid + owner, self._uid + group)
                    os.fchmod(file, mode)
                    _write_all(file, text.encode())
                finally:
                    os.close(file)
                os.rename(fresh, name, src_dir_fd=parent, dst_dir_fd=parent)
            except OSError:
                with suppress(OSError):
                    os.unlink(fresh, dir_fd=parent)
                raise

    def read(self, path: str) -> str | None:
        """The text of a regular file; None when there is none or it is something else. Raises above 1 MiB."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
        try:
            file = kernel.open_inside(self._root, path, flags)
        except OSError:
            return None
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > _MOST:
                raise DriverError(f"{path} inside the sliver has {status.st_size} bytes; its users can mend it")
            return os.read(file, _MOST).decode(errors="replace")
        finally:
            os.close(file)

    def append(self, path: str) -> int:
        """A descriptor that adds to the regular file at ``path``, root's own; anything else there makes way."""
        with self._directory(path) as (parent, name):
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            with suppress(OSError):
                file = os.open(name, flags, dir_fd=parent)
                if stat.S_ISREG(os.fstat(file).st_mode):
                    return file
                os.close(file)
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
            file = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=parent)
            os.fchown(file, self._uid, self._uid)
            return file

    def tail(self, path: str, most: int) -> bytes:
        """The last ``most`` bytes of a regular file; none when there is no such file."""
        with self._directory(path) as (parent, name), suppress(OSError):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=parent)
            try:
                status = os.fstat(file)
                if stat.S_ISREG(status.st_mode):
                    return os.pread(file, most, max(0, status.st_size - most))
            finally:
                os.close(file)
        return b""

    def status(self, path: str) -> tuple[int, int, int] | None:
        """Mode, owner and group (as numbered inside) of what is at ``path``; None when there is nothing."""
        try:
            file = kernel.open_inside(self._root, path, os.O_PATH)
        except OSError:
            return None
        try:
            found = os.fstat(file)
            return stat.S_IMODE(found.st_mode), found.st_uid - self._uid, found.st_gid - self._uid
        finally:
            os.close(file)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link at ``path``, in place of another one that leads nowhere."""
        self.remove(path)
        with self._directory(path) as (parent, name):
            os.symlink(target, name, dir_fd=parent)

    def remove(self, path: str) -> None:
        """Delete the file at ``path``, should it be there."""
        with suppress(FileNotFoundError), self._directory(path) as (parent, name):
            os.unlink(name, dir_fd=parent)

    def directory(self, path: str, mode: int = 0o755, owner: int = 0, group: int = 0) -> None:
        """See that ``path`` and all above it are directories; only what is made gets ``mode`` and owner."""
        for part in (*reversed(PurePosixPath(path).parents), PurePosixPath(path)):
            if part.name and not self._is_directory(str(part)):
                with self._directory(str(part)) as (parent, name):
                    os.mkdir(name, mode, dir_fd=parent)
                    os.chown(name, self._uid + owner, self._uid + group, dir_fd=parent, follow_symlinks=False)

    def insist(self, path: str) -> None:
        """Make ``path``, one below the root, a real directory, whatever the sliver put in its place."""
        name = path.strip("/")
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(name, dir_fd=self._root, follow_symlinks=False).st_mode):
                return
            os.unlink(name, dir_fd=self._root)
        os.mkdir(name, 0o755, dir_fd=self._root)
        os.chown(name, self._uid, self._uid, dir_fd=self._root, follow_symlinks=False)

    def _is_directory(self, path: str) -> bool:
        try:
            os.close(kernel.open_inside(self._root, path, os.O_PATH | os.O_DIRECTORY))
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            raise DriverError(f"{path} inside the sliver is no directory; its users can mend it") from None
        return True

    @contextmanager
    def _directory(self, path: str) -> Iterator[tuple[int, str]]:
        above, _, name = path.rpartition("/")
        parent = kernel.open_inside(self._root, above or "/", os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield parent, name
        finally:
            os.close(parent)


@contextmanager
def inside(root: str, uid: int) -> Iterator[Inside]:
    """The files below ``root``, a path of ours or a running process's root."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Inside(descriptor, uid)
    finally:
        os.close(descriptor)


def _write_all(file: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(file, octets) :]
