"""What ``--help`` adds to each command: its whole first sentence in the list above it, and examples to paste.

An example is the words after ``plfed``. Those of a demo are meant for the folder in which one runs; what stands below
``/srv`` or at ``plc.example`` is the reader's own. A test holds each against the command's arguments and options.
"""

import inspect

import click

ON_DEMO: dict[str, tuple[str, ...]] = {
    "api call": ("""api call GetSites '["princeton"]' '["name", "max_slices"]'""", "api call --json GetRoles"),
    "api help": ("api help AddSlice",),
    "api list": ("api list '*Slice*'",),
    "authority list": ("authority list plfed-demo/plc",),
    "demo": ("demo", "demo --once --driver memory", "demo --dir /tmp/mine --nodes 10 --base-port 9000"),
    "doctor": ("doctor", "doctor --deep", "doctor --deep /srv/plc"),
    "log audit": ("log audit",),
    "node list": ("node list", "node list --authority epfl --json"),
    "owner allow": ("owner allow princeton_codeen --node node1.plc.example",),
    "owner calendar": (
        "owner calendar --node node1.plc.example --days mon,tue,wed,thu,fri --from 08:00 --until 18:00 --rate 1000",
        "owner calendar --node node1.plc.example --clear",
    ),
    "owner cap": ("owner cap net_max_rate 2000 --authority epfl --node node1.plc.example",),
    "owner console": ("owner console princeton_codeen --node node1.plc.example",),
    "owner deny": ("owner deny plc.japan --node node1.plc.example", "owner deny 'princeton_*' --node /srv/node"),
    "owner pause": ("owner pause --node node1.plc.example",),
    "owner receipts": ("owner receipts --node node1.plc.example --days 1", "owner receipts --sums"),
    "owner resume": ("owner resume --node node1.plc.example",),
    "owner show": ("owner show --node node1.plc.example",),
    "peer diff": ("peer diff epfl",),
    "peer find": ("peer find plc.japan.tokyo",),
    "peer invite": ("peer invite > plc.json", "peer invite --dir /srv/plc > plc.json"),
    "peer list": ("peer list",),
    "peer refresh": ("peer refresh epfl",),
    "peer resume": ("peer resume epfl",),
    "peer show": ("peer show epfl",),
    "peer suspend": ("peer suspend epfl",),
    "person add-key": ("person add-key user@plc.example ~/.ssh/id_ed25519.pub --person user",),
    "person create": (
        "person create ann@princeton.example --name Ann Lee --site princeton --key id_ed25519.pub --person admin",
    ),
    "person list": ("person list", "person list --dir /srv/plc"),
    "shell": ("""shell -c "GetSites({}, ['login_base'])" """.rstrip(), "shell --dir /srv/plc"),
    "slice add-node": ("slice add-node princeton_mine node1.plc.example node2.plc.example",),
    "slice add-user": ("slice add-user princeton_mine user@plc.example",),
    "slice create": (
        'slice create princeton_mine --page http://mine.example/ --description "Tries things" --add user@plc.example',
    ),
    "slice delete": ("slice delete princeton_mine",),
    "slice list": ("slice list", "slice list --authority epfl"),
    "slice renew": ("slice renew princeton_mine --weeks 8",),
    "slice show": ("slice show princeton_codeen",),
    "story": ("story", "story --json"),
    "ticket get": ("ticket get princeton_scriptroute --out ticket",),
    "ticket redeem": ("ticket redeem ticket --all", "ticket redeem ticket --node node1.plc.example"),
}
ON_ONES_OWN: dict[str, tuple[str, ...]] = {
    "authority certify": ("authority certify /srv/plc request.pem > chain.pem",),
    "authority install": ("authority install /srv/plc.japan chain.pem",),
    "authority invitation": ("authority invitation /srv/plc > plc.json",),
    "authority key activate": ("authority key activate /srv/plc --use ticket",),
    "authority key prepare": ("authority key prepare /srv/plc --use ticket",),
    "authority key revoke": ('authority key revoke /srv/plc --use ticket --why "replaced"',),
    "authority key taint": ("authority key taint /srv/plc --use ticket",),
    "authority renew": ("authority renew /srv/plc request.pem > chain.pem",),
    "authority request": ("authority request /srv/plc.japan > request.pem",),
    "authority revoke": ('authority revoke /srv/plc plc.japan --why "it left"',),
    "backup": ("backup /srv/plc /backup/plc.tar.gz",),
    "certify": ("certify /srv/plc request.pem > chain.pem",),
    "credential delegate": (
        "credential delegate own.xml --to tool.pem --root plc-gid.pem --key me.pem --right bind --out theirs.xml",
    ),
    "credential get": (
        "credential get plc.princeton.codeen --as plc.princeton.ann --key me.pem --ca ca.pem"
        " --registry https://plc.example:12345/ --out own.xml",
    ),
    "credential revoke": ("credential revoke own.xml --key me.pem --ca ca.pem --registry https://plc.example:12345/",),
    "credential show": ("credential show own.xml --root plc-gid.pem",),
    "credential speaks-for": ("credential speaks-for --tool tool.pem --gid my-gid.pem --key me.pem --out word.xml",),
    "init": ("init /srv/plc --hrn plc --host plc.example.org --admin ann@example.org",),
    "install": ("install /srv/plc.japan chain.pem",),
    "node init": (
        "node init /srv/node --ma https://plc.example.org:8444/MA/ --ca plc/ca.pem --papers plc --hrn plc"
        " --hostname node1.example.org --login-base mysite --user tech@example.org --password-file pw",
    ),
    "peer accept": ("peer accept epfl.json", "peer accept japan.json --by-chain"),
    "peer remove": ("peer remove epfl",),
    "restore": ("restore /backup/plc.tar.gz /srv/plc",),
    "statement hours": ("statement hours /srv/plc/archive --key archive.pem",),
    "statement verify": ("statement verify answer.statement --key key.pem",),
    "up": ("up /srv/plc", "up /srv/node --only pl_conf --only node_manager"),
}
EXAMPLES = {**ON_DEMO, **ON_ONES_OWN}


def explained(command: click.Command, path: tuple[str, ...] = ()) -> None:
    """Let ``command`` and all below it be listed by their whole first sentence, and show their examples."""
    first = inspect.cleandoc(command.help or "").partition("\n\n")[0]
    command.short_help = " ".join(first.split()).rstrip(".")
    shown = EXAMPLES.get(" ".join(path), ())
    if shown:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  plfed {line}" for line in shown)
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        explained(each, (*path, name))
