"""Every record, by the name the API's types use for it."""

from planetlab.records.logs import EVENT, EVENT_OBJECT, MESSAGE
from planetlab.records.nodes import (
    CONF_FILE,
    ILINK,
    INIT_SCRIPT,
    INTERFACE,
    NODE,
    NODE_GROUP,
    PCU,
    PCU_PROTOCOL_TYPE,
    PCU_TYPE,
)
from planetlab.records.peers import PEER
from planetlab.records.persons import KEY, PERSON, ROLE, SESSION
from planetlab.records.sites import ADDRESS, ADDRESS_TYPE, SITE
from planetlab.records.slices import LEASE, SLICE
from planetlab.records.tags import INTERFACE_TAG, NODE_TAG, PERSON_TAG, SITE_TAG, SLICE_TAG, TAG_TYPE
from planetlab.records.words import WORDS

RECORDS = {
    record.name: record
    for record in (
        ADDRESS,
        ADDRESS_TYPE,
        CONF_FILE,
        EVENT,
        EVENT_OBJECT,
        ILINK,
        INIT_SCRIPT,
        INTERFACE,
        INTERFACE_TAG,
        KEY,
        LEASE,
        MESSAGE,
        NODE,
        NODE_GROUP,
        NODE_TAG,
        PCU,
        PCU_PROTOCOL_TYPE,
        PCU_TYPE,
        PEER,
        PERSON,
        PERSON_TAG,
        ROLE,
        SESSION,
        SITE,
        SITE_TAG,
        SLICE,
        SLICE_TAG,
        TAG_TYPE,
        *(said.record for said in WORDS),
    )
}
