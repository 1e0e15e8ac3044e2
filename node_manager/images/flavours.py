"""What the reference images hold."""

from attrs import frozen


@frozen(kw_only=True)
class Flavour:
    """One image, by the name that a slice's tag ``vref`` gives."""

    name: str
    sentence: str
    packages: tuple[str, ...] = ()  # Debian packages beside the smallest set; none at all for `busybox`
    aliases: tuple[str, ...] = ()


_SLIVER = ("bash", "ca-certificates", "curl", "iproute2", "iputils-ping", "less", "netbase", "procps", "rsync", "sudo")
_REMOTE = ("openssh-server", "openssh-sftp-server")
_WORK = (
    "cron",
    "dnsutils",
    "gcc",
    "git",
    "iperf3",
    "libc6-dev",
    "make",
    "python3",
    "tcpdump",
    "traceroute",
    "vim-tiny",
)

FLAVOURS = (
    Flavour(name="busybox", sentence="One program that is a hundred; for tests and small nodes, made in a second."),
    Flavour(
        name="debian",
        sentence="Debian with a shell, ssh, sudo and what networks are looked at with.",
        packages=(*_SLIVER, *_REMOTE),
        aliases=("default",),
    ),
    Flavour(
        name="debian-devel",
        sentence="The same with compilers, Python, git and measuring programs.",
        packages=(*_SLIVER, *_REMOTE, *_WORK),
    ),
)
BY_NAME = {name: flavour for flavour in FLAVOURS for name in (flavour.name, *flavour.aliases)}
