"""What every PLC starts with, beside words and tags: models of power units and the texts of mails."""

from attrs import frozen

PCU_MODELS = (
    ("AP79xx", "APC AP79xx", ((80, "http"), (23, "telnet"), (22, "ssh"))),
    ("AP98xx", "APC Masterswitch", ((80, "http"), (23, "telnet"))),
    ("BayTechCtrlC", "BayTech with menus behind Ctrl-C", ((22, "ssh"), (23, "telnet"))),
    ("BayTechCtrlCUnibe", "BayTech with menus behind Ctrl-C, one site's variant", ((22, "ssh"),)),
    ("BayTechGeorgeTown", "BayTech, another site's variant", ((22, "ssh"),)),
    ("BayTechRPC3NC", "BayTech RPC3-NC", ((22, "ssh"), (23, "telnet"))),
    ("BayTechRPC16", "BayTech RPC-16", ((22, "ssh"), (23, "telnet"))),
    ("BlackBoxPSMaverick", "Black Box Maverick", ((80, "http"),)),
    ("CustomPCU", "a unit that only its site knows how to use", ((22, "ssh"),)),
    ("DRAC", "Dell remote access, web", ((443, "https"), (22, "ssh"))),
    ("DRACRacAdm", "Dell remote access, racadm", ((5869, "racadm"),)),
    ("ePowerSwitchGood", "ePowerSwitch with logins", ((80, "http"),)),
    ("ePowerSwitchOld", "ePowerSwitch, older", ((80, "http"),)),
    ("HPiLO", "HP integrated Lights-Out", ((22, "ssh"), (443, "https"))),
    ("IPAL", "Dataprobe iPAL", ((80, "http"), (9100, "ipal"))),
    ("IPMI", "any unit that speaks IPMI", ((623, "ipmi"),)),
    ("IntelAMT", "Intel active management", ((16992, "http"),)),
    ("ManualPCU", "somebody has to walk there", ((80, "http"),)),
    ("PM211MIP", "Infratec PM211-MIP", ((80, "http"),)),
    ("ServerTech", "Server Technology Sentry", ((22, "ssh"), (23, "telnet"))),
    ("WTIIPS4", "Western Telematic IPS-4", ((23, "telnet"),)),
)
"""(model, name, ((port, protocol), ...)); the models' names are those that control programs know."""


@frozen
class FirstMessage:
    """A mail's text; ``%(name)s`` is replaced."""

    message_id: str
    subject: str
    template: str


_SIGNED = "\n\n%(PLC_NAME)s support, %(PLC_MAIL_SUPPORT_ADDRESS)s\n"
_NODE = "\n\nThe node's page: https://%(PLC_WWW_HOST)s:%(PLC_WWW_SSL_PORT)s/nodes/%(node_id)s\n"

_NODE_MAILS = (
    ("installfinished", "%(hostname)s is installed", "The installation of %(hostname)s has finished; it boots now."),
    (
        "insufficientdisk",
        "%(hostname)s has too little disk",
        "%(hostname)s stopped: its disk is smaller than required.",
    ),
    (
        "insufficientmemory",
        "%(hostname)s has too little memory",
        "%(hostname)s stopped: it has less memory than required.",
    ),
    (
        "authfail",
        "%(hostname)s could not prove who it is",
        "Somebody called as %(hostname)s without its key: %(fault)s\n"
        "If the node was set up anew, give it a configuration file that was generated after the last one.",
    ),
    ("notinstalled", "%(hostname)s is not installed", "%(hostname)s was told to boot, and found nothing installed."),
    ("missingkernel", "%(hostname)s has no kernel", "%(hostname)s found no kernel to boot in its installation."),
    ("filesystemcorrupted", "%(hostname)s has a damaged disk", "The file system of %(hostname)s is damaged."),
    ("mountfailed", "%(hostname)s cannot mount its disk", "%(hostname)s could not mount its file systems."),
    ("hostnamenotresolve", "%(hostname)s is unknown to DNS", "The name %(hostname)s does not resolve."),
    ("noconfig", "%(hostname)s has no configuration", "A node booted without a configuration file."),
    (
        "nodetectednetwork",
        "%(hostname)s found no network",
        "%(hostname)s found no network interface that it can drive.",
    ),
)

MESSAGES = (
    FirstMessage(
        "Verify account",
        "Verify your %(PLC_NAME)s account",
        "Somebody, hopefully you, registered %(email)s at %(PLC_NAME)s. To confirm, open\n"
        "https://%(PLC_WWW_HOST)s:%(PLC_WWW_SSL_PORT)s/verify?person=%(person_id)s&key=%(verification_key)s" + _SIGNED,
    ),
    FirstMessage(
        "New PI account",
        "%(first_name)s %(last_name)s registered as PI of %(site_name)s",
        "%(first_name)s %(last_name)s <%(email)s> asks for an account at %(site_name)s with the roles %(roles)s.\n"
        "To look at it and enable it, open\n"
        "https://%(PLC_WWW_HOST)s:%(PLC_WWW_SSL_PORT)s/persons/%(person_id)s" + _SIGNED,
    ),
    FirstMessage(
        "New account",
        "%(first_name)s %(last_name)s registered at %(site_name)s",
        "%(first_name)s %(last_name)s <%(email)s> asks for an account at %(site_name)s with the roles %(roles)s.\n"
        "To look at it and enable it, open\n"
        "https://%(PLC_WWW_HOST)s:%(PLC_WWW_SSL_PORT)s/persons/%(person_id)s" + _SIGNED,
    ),
    FirstMessage(
        "Password reset requested",
        "A new password at %(PLC_NAME)s",
        "Somebody, hopefully you, asked for a new password for %(email)s. To get one, open\n"
        "https://%(PLC_WWW_HOST)s:%(PLC_WWW_SSL_PORT)s/reset?person=%(person_id)s&key=%(verification_key)s" + _SIGNED,
    ),
    FirstMessage(
        "Password reset",
        "Your new password at %(PLC_NAME)s",
        "The password of %(email)s is now %(password)s; please change it when you have logged in." + _SIGNED,
    ),
    *(FirstMessage(name, subject, text + _NODE) for name, subject, text in _NODE_MAILS),
)
