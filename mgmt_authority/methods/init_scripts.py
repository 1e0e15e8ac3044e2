"""Scripts that slivers may start with; a slice chooses one by its tag ``initscript``."""

from planetlab.both import forms, getting, keeping
from planetlab.both.keeping import Keep
from planetlab.methods import Api, Role
from planetlab.records.nodes import INIT_SCRIPT

api = Api()

getting.declare(
    api,
    getting.Get(
        "InitScripts",
        INIT_SCRIPT,
        (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE),
        forms.wanted(INIT_SCRIPT),
        "initscript_filter",
        "List the scripts that slivers may start with.",
    ),
)
keeping.declare(
    api,
    Keep(
        "InitScript",
        INIT_SCRIPT,
        "a script that slivers may start with",
        "initscript_fields",
        keeping.number(INIT_SCRIPT),
        ("initscript_id_or_name", forms.id_or_name(INIT_SCRIPT)),
    ),
)
