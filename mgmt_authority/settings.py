"""The management authority's settings."""

from pathlib import Path

from attrs import frozen

from planetlab.both.settings import Common, said


@frozen(kw_only=True)
class Settings(Common):
    """Everything a management authority must know; print a sample with ``--sample``."""

    media: Path | None = said("The folder for boot media that are made; empty: they are only returned.", None)
    boot_cd: Path | None = said("The folder of boot CD material that goes into every image, with a file version.", None)
    pgp_secret: Path | None = said("The OpenPGP key that signs calls to peers, armoured.", None)
