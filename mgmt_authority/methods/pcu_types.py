"""Models of power units, and at which ports each speaks what."""

import json
from typing import Annotated, Any

from planetlab.both import forms, getting, keeping
from planetlab.both.keeping import Keep
from planetlab.calls import Call
from planetlab.errors import Conflict
from planetlab.filters import Compare, Filter, both, query
from planetlab.methods import Api, Role
from planetlab.records.nodes import PCU_PROTOCOL_TYPE, PCU_TYPE
from planetlab.registry.store import Row, Store
from planetlab.shapes import Either, ListOf

api = Api()

PERSONS_AND_NODES = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)
TypeKey = Annotated[int | str, forms.id_or_name(PCU_TYPE)]
_PROTOCOL = Annotated[Row, forms.struct(PCU_PROTOCOL_TYPE, PCU_PROTOCOL_TYPE.settable())]


def port_is_free(store: Store, row: Row, but: int | None) -> None:
    """A model speaks one protocol at one port. Raises `Conflict`."""
    same = both(Compare("pcu_type_id", "=", row["pcu_type_id"]), Compare("port", "=", row["port"]))
    there = store.row(PCU_PROTOCOL_TYPE, same, ("pcu_protocol_type_id",))
    if there is not None and there["pcu_protocol_type_id"] != but:
        raise Conflict(f"this model has a protocol at port {row['port']} already", "protocol_type_fields['port']")


_PORTS = Keep(
    "PCUProtocolType",
    PCU_PROTOCOL_TYPE,
    "a protocol that a model of power units speaks at a port",
    "protocol_type_fields",
    ("protocol_type_id", forms.of(PCU_PROTOCOL_TYPE, "pcu_protocol_type_id")),
    ("protocol_type_id", forms.of(PCU_PROTOCOL_TYPE, "pcu_protocol_type_id")),
    port_is_free,
    adds=False,
)

keeping.declare(
    api,
    Keep(
        "PCUType",
        PCU_TYPE,
        "a model of power units",
        "pcu_type_fields",
        keeping.number(PCU_TYPE),
        keeping.number(PCU_TYPE),
    ),
    _PORTS,
)
getting.declare(
    api,
    getting.Get(
        "PCUProtocolTypes",
        PCU_PROTOCOL_TYPE,
        PERSONS_AND_NODES,
        Either((ListOf((forms.of(PCU_PROTOCOL_TYPE, "pcu_type_id"),)), Filter(PCU_PROTOCOL_TYPE))),
        "protocol_type_filter",
        "List which protocols the models of power units speak, and at which ports.",
    ),
)


@api.method(Role.ADMIN)
def AddPCUProtocolType(call: Call, pcu_type_id_or_model: TypeKey, protocol_type_fields: _PROTOCOL) -> int:
    """Say what a model of power units speaks at a port; unknown fields are ignored."""
    model = call.store.find(PCU_TYPE, pcu_type_id_or_model, ("pcu_type_id",))
    return keeping.add(call.store, _PORTS, protocol_type_fields, pcu_type_id=model["pcu_type_id"])


@api.method(*PERSONS_AND_NODES, reads=True)
def GetPCUTypes(
    call: Call,
    pcu_type_filter: Annotated[Any, forms.wanted(PCU_TYPE, scalars="string int")] = None,
    return_fields: Annotated[Any, forms.RETURN_FIELDS] = None,
) -> Annotated[list[Row], forms.rows(PCU_TYPE)]:
    """List the models of power units, each with what it speaks at which port."""
    found = getting.listed(call, PCU_TYPE, query(PCU_TYPE, pcu_type_filter), return_fields)
    for row in found:
        if "pcu_protocol_types" in row:
            told = [json.loads(printed) for printed in row["pcu_protocol_types"]]
            row["pcu_protocol_types"] = sorted(told, key=lambda said: said["pcu_protocol_type_id"])
    return found
