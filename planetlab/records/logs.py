"""What is told afterwards: events with the objects they touched, and the mails that are sent."""

from planetlab.records.fields import Record, flag, ids, moment, number, real, text, words

EVENT = Record(
    "Event",
    table="events",
    key="event_id",
    fields=(
        text("auth_type"),
        text("call"),
        text("call_name"),
        number("event_id"),
        number("fault_code"),
        text("message"),
        number("node_id"),
        ids("object_ids", "event_object", "event_id", "object_id", "rowid"),
        words("object_types", "event_object", "event_id", "object_type", "rowid"),
        number("person_id"),
        real("runtime"),
        moment("time"),
    ),
)

EVENT_OBJECT = Record(
    "EventObject",
    table="event_object",
    view="view_event_objects",
    key="event_id",
    fields=(
        text("call", derived=True),
        text("call_name", derived=True),
        number("event_id"),
        number("fault_code", derived=True),
        text("message", derived=True),
        number("node_id", derived=True),
        number("object_id"),
        text("object_type"),
        number("person_id", derived=True),
        real("runtime", derived=True),
        moment("time", derived=True),
    ),
)

MESSAGE = Record(
    "Message",
    table="messages",
    key="message_id",
    fields=(
        flag("enabled"),
        text("message_id", required=True),
        text("subject", nil=True),
        text("template", nil=True),
    ),
)
