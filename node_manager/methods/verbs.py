"""Privileged operations for slices, as far as the node's owner has declared them."""

from typing import Any

from node_manager import verbs
from node_manager.methods import NO_SLIVER
from node_manager.node import Node
from node_manager.records import Record
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api, Role
from planetlab.names import SliceName

api = Api(auth=None)


def _record(call: Call) -> Record:
    node: Node = call.store
    try:
        entry = node.books.entries.get(SliceName.parse(call.caller.account or ""))
    except BadArgument:
        entry = None
    if entry is None or not entry.record.is_sliver or not entry.created:
        raise BadArgument(NO_SLIVER)
    return entry.record


@api.method(Role.USER, reads=True)
def GetVerbs(call: Call) -> list[dict[str, Any]]:
    """The verbs that the calling sliver may use: name, and the pattern of each argument."""
    record = _record(call)
    mine = (verb for verb in call.store.settings.verbs if verb.is_for(record.names, record.attributes))
    return [{"name": verb.name, "arguments": list(verb.arguments)} for verb in mine]


@api.method(Role.USER)
async def Perform(call: Call, verb: str, arguments: list[str]) -> dict[str, Any]:
    """Have a verb performed for the calling sliver; gives the program's exit code, output and errors."""
    node: Node = call.store
    record = _record(call)
    declared = verbs.find(node.settings.verbs, verb, record.names, record.attributes)
    command = declared.command(str(record.name), arguments)
    node.log.info("{name} performs {verb}", name=str(record.name), verb=declared.name)
    return (await node.runner.run(command, declared.seconds, str(record.name))).wire()
