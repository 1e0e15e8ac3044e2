"""Which reference image a slice's slivers are made of."""

from typing import Annotated

from planetlab.both import forms
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.records.slices import SLICE
from planetlab.registry import slivers

api = Api()


@api.method(Role.ADMIN, Role.USER, Role.NODE, reads=True)
def GetSliceFamily(call: Call, slice_id_or_name: Annotated[int | str, forms.id_or_name(SLICE)]) -> str:
    """Tell the reference image of a slice, ``pldistro-fcdistro-arch``: by its tags, else by the PLC's settings."""
    number = call.store.find(SLICE, slice_id_or_name, ("slice_id",))["slice_id"]
    return slivers.families(call.store, [number])[number]
