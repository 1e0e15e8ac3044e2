"""What a node keeps on disk of each sliver: a folder, a record in it, and the slot it holds.

The record is written before anything of the sliver is made and goes after everything else is gone, so whatever a
sudden end leaves has a name by which `look` finds it and `destroy` clears it. A slot is a symbolic link to
the sliver's name, which the file system makes in one step or refuses; it is given back only when the folder is
deleted, since the files in it belong to the slot's ids.
Slots are taken in turn, so that ids and addresses come back as late as possible.
"""

import json
import os
import shutil
from enum import StrEnum
from itertools import chain
from pathlib import Path
from threading import Lock

import cattrs
from attrs import frozen

from node_manager.drivers import DriverError, Sliver
from node_manager.drivers.container.settings import ContainerSettings, Slot
from planetlab.names import Hrn, SliceName

_ON_DISK = cattrs.Converter(forbid_extra_keys=True)
for _name in (Hrn, SliceName):
    _ON_DISK.register_unstructure_hook(_name, str)
    _ON_DISK.register_structure_hook(_name, lambda text, kind: kind.parse(text))


class Stage(StrEnum):
    """How far a sliver is; what a sudden death leaves is told apart by it."""

    MAKING = "making"
    MADE = "made"
    STARTING = "starting"


@frozen(kw_only=True)
class Record:
    """One sliver, as it was last bound to in full."""

    sliver: Sliver
    slot: Slot
    group: str  # control group, below the root of every hierarchy
    stage: Stage
    changed: float  # when it last started or stopped, seconds since the epoch
    unbound: tuple[str, ...] = ()  # rspec keys this kernel cannot enforce


class Records:
    """The slivers' folders below one work directory."""

    def __init__(self, settings: ContainerSettings) -> None:
        self._settings = settings
        self._slivers = Path(settings.work, "slivers")
        self._slots = Path(settings.work, "slots")
        self._trash = Path(settings.work, "trash")
        self._lock = Lock()
        self._known: dict[SliceName, tuple[tuple[int, int], Record]] = {}  # by inode and time of what was read
        for folder in (self._slivers, self._slots, self._trash):
            folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._sweep()

    def folder(self, name: SliceName) -> Path:
        return self._slivers / str(name)

    def names(self) -> list[SliceName]:
        return [SliceName.parse(text) for text in sorted(os.listdir(self._slivers))]

    def read(self, name: SliceName) -> Record | None:
        """The sliver's record, or None when there is no such sliver or its making ended before it was written."""
        path = f"{self._slivers}/{name}/record.json"
        try:
            status = os.stat(path)
            known = self._known.get(name)
            version = (status.st_ino, status.st_mtime_ns)  # each is written as a new file
            if known and known[0] == version:
                return known[1]
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            self._known.pop(name, None)
            return None
        record: Record = _ON_DISK.structure(json.loads(text), Record)
        self._known[name] = version, record
        return record

    def write(self, record: Record) -> None:
        """Keep ``record``; readers see the old one or the new one, whole."""
        path = self.folder(record.sliver.slice) / "record.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(_ON_DISK.unstructure(record)), "utf-8")
        fresh.replace(path)
        self._known.pop(record.sliver.slice, None)

    def claim(self, name: SliceName) -> Slot:
        """A folder for the sliver and a slot that nobody else has. Raises `DriverError` when all are in use."""
        with self._lock:
            try:
                self.folder(name).mkdir(mode=0o711)
            except FileExistsError:
                for number, holder in self._holders().items():
                    if holder == str(name):
                        return Slot(number)
            return Slot(self._take(name, set(os.listdir(self._slots))))

    def drop(self, name: SliceName, slot: Slot | None) -> None:
        """Delete the folder with all its files, then give back its ``slot``; None looks for the one it holds."""
        folder = self.folder(name)
        if folder.exists():
            grave = self._trash / str(name)
            shutil.rmtree(grave, ignore_errors=True)
            folder.rename(grave)
            shutil.rmtree(grave)
        with self._lock:
            held = [slot.number] if slot else [number for number, own in self._holders().items() if own == str(name)]
            for number in held:
                (self._slots / str(number)).unlink(missing_ok=True)

    def _holders(self) -> dict[int, str]:
        """Slots in use, and the name of the sliver that holds each."""
        entries = (entry for entry in self._slots.iterdir() if entry.name.isdigit())
        return {int(entry.name): str(entry.readlink()) for entry in entries}

    def _take(self, name: SliceName, taken: set[str]) -> int:
        last = self._slots / "last"
        before = int(last.read_text("ascii") or 0) if last.exists() else 0
        most = self._settings.most
        for number in chain(range(before + 1, most + 1), range(1, before + 1)):
            if str(number) not in taken:
                (self._slots / str(number)).symlink_to(str(name))
                last.write_text(str(number), "ascii")
                return number
        raise DriverError(f"cannot make {name}: all {most} places are taken; the owner's setting most says how many")

    def _sweep(self) -> None:
        """Finish deletions that were cut short."""
        for grave in self._trash.iterdir():
            shutil.rmtree(grave)
        for number, holder in self._holders().items():
            if not (self._slivers / holder).exists():
                (self._slots / str(number)).unlink()
