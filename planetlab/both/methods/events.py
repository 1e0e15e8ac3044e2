"""What was done, by whom, and what it touched: for admins only, and without anybody's secrets."""

from planetlab.both import forms, getting
from planetlab.filters import Filter
from planetlab.methods import Api, Role
from planetlab.records.logs import EVENT, EVENT_OBJECT
from planetlab.shapes import Either

api = Api()

getting.declare(
    api,
    getting.Get(
        "Events",
        EVENT,
        (Role.ADMIN,),
        forms.wanted(EVENT, "id"),
        "event_filter",
        "List the calls that changed something, oldest first, with their arguments but no secret in them.",
        example=([{"call_name": "AddSlice", "-SORT": "-time", "-LIMIT": 10}],),
    ),
    getting.Get(
        "EventObjects",
        EVENT_OBJECT,
        (Role.ADMIN,),
        Either((Filter(EVENT_OBJECT),)),
        "event_filter",
        "List which objects were touched by calls, one row for each object and call.",
        example=([{"object_type": "Slice", "object_id": 31}],),
    ),
)
