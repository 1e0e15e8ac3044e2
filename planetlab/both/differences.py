"""Where this PLC answers otherwise than the original's last release, on purpose; ``docs/reference/differences.md`` is
printed from this table, and each row names the test that holds it.
"""

from attrs import frozen


@frozen
class Difference:
    """One difference: where, what the original did, what is done here, and the test that says so."""

    where: str
    original: str
    here: str
    test: str


_SLICES = "slice_authority/test_slices.py"
_SCOPES = "plcapi/test_scopes.py::Scopes"
_TICKETS = "slice_authority/test_tickets.py"
_PERSONS = "slice_authority/test_persons.py"
_PEOPLE = "plcapi/test_people.py::People"
_NODES = "mgmt_authority/test_nodes.py"
_GREETING = "registry/test_greeting.py"
_FILTERS = "registry/test_filters.py"
_HOSTILE = "registry/test_hostile.py"
_TAGS = "registry/test_tags.py"
_OPENING = "registry/test_opening.py"
_PEERS = "registry/test_peers.py"
_COPIES = "registry/test_copies.py"
_POSTING = "registry/test_posting.py"
_LEASES = "slice_authority/test_leases.py"
_KEPT = "mgmt_authority/test_kept_nouns.py"
_MEDIA = "mgmt_authority/test_media.py"
_POWER = "mgmt_authority/test_power.py"
_NOTES = "plcapi/test_notes.py"
_OUTSIDE = "plcapi/test_outside.py::Outside"
_NODES_OUTSIDE = "mgmt_authority/test_outside.py"
_PAPERS = "papers/test_tickets.py"

DIFFERENCES = (
    Difference(
        "GetSliceTicket",
        "any user got any slice's ticket, though its text promised membership rules",
        "members, PIs of the site and admins; `any_user_any_ticket` opens it again",
        f"{_TICKETS}::Asking::test_any_user_gets_any_slices_ticket_no_longer",
    ),
    Difference(
        "GetSlivers",
        "any node was told any node's slivers",
        "a node is told its own; `any_node_any_slivers` opens it again",
        f"{_NODES}::Slivers::test_a_node_is_told_of_no_other_nodes_slivers",
    ),
    Difference(
        "expired slices",
        "judged by when the server process was started, and deleted by whoever added a slice next",
        "judged by the time of each call, and put away by a timed job",
        f"{_SLICES}::Times::test_expiry_is_judged_by_the_time_of_the_call_not_of_the_start",
    ),
    Difference(
        "hrn of a slice",
        "made of the second part of the name only, so `a_b_c` and `a_b_d` were one",
        "made of the whole label",
        f"{_SLICES}::Making::test_two_slices_whose_labels_begin_alike_have_different_hrns",
    ),
    Difference(
        "AddSlice without a name",
        "HTTP 500",
        "fault 102",
        f"{_SLICES}::Making::test_without_a_name_it_is_a_fault_not_a_crash",
    ),
    Difference(
        "names with wildcards",
        "a pattern named the first object that fitted, also for deletion",
        "patterns select in Get methods and lists of nodes; one object is named exactly",
        f"{_SLICES}::Rights::test_a_wildcard_never_names_the_slice_to_delete",
    ),
    Difference(
        "every change of an object",
        "wrote back the whole row that was read before, losing what was changed meanwhile",
        "writes what was named",
        f"{_SLICES}::Rights::test_only_what_is_named_is_written",
    ),
    Difference(
        "UpdatePerson with roles",
        "accepted, without effect",
        "takes effect, under the rules of AddRoleToPerson",
        f"{_PERSONS}::Accounts::test_roles_given_as_a_list_take_effect",
    ),
    Difference(
        "VerifyPerson with a key that came too late",
        "refused; whether the new mail was kept depended on the moment of the commit",
        "refused, and another key is stored and mailed",
        f"{_PERSONS}::ByMail::test_a_key_that_comes_too_late_is_refused_and_another_is_mailed",
    ),
    Difference(
        "interfaces that cannot work",
        "HTTP 500, or values taken from an earlier call of somebody else",
        "fault 102 by the values of this call",
        f"{_NODES}::Interfaces::test_no_value_is_taken_from_an_earlier_call",
    ),
    Difference(
        "filters on exposed tags",
        "fault 106 unless the tag was among the return fields",
        "work by themselves",
        f"{_FILTERS}::Asking::test_an_exposed_tag_is_filtered_without_being_asked_for",
    ),
    Difference(
        "filters: -LIMIT and -OFFSET that are no numbers",
        "HTTP 500",
        "fault 102",
        f"{_FILTERS}::Reading::test_a_value_of_another_type_is_refused",
    ),
    Difference(
        "filters on fields that the caller does not see",
        "answered, so that a node's key could be guessed letter by letter",
        "fault 102",
        f"{_HOSTILE}::Hostile::test_a_hidden_field_is_no_oracle",
    ),
    Difference(
        "order without -SORT",
        "that of storage, which changes touched",
        "by number",
        f"{_FILTERS}::Asking::test_the_order_is_the_same_each_time",
    ),
    Difference(
        "passwords",
        "MD5-crypt, any number of guesses",
        "scrypt; MD5-crypt hashes are still read; ten wrong guesses from one address cost five minutes",
        f"{_GREETING}::Passwords::test_after_ten_wrong_guesses_nothing_is_computed_for_a_while",
    ),
    Difference(
        "session keys",
        "32 distinct bytes from a generator that is not for secrets",
        "32 bytes from a secure source",
        f"{_GREETING}::Sessions::test_session_keys_come_from_a_secure_source_and_may_repeat_bytes",
    ),
    Difference(
        "keys of persons",
        "ssh-rsa and ssh-dss only",
        "Ed25519 and ECDSA too",
        f"{_GREETING}::Keys::test_keys_of_todays_kinds_are_taken",
    ),
    Difference(
        "changes of tags",
        "left no event",
        "leave one, as every change does",
        f"{_TAGS}::Tags::test_a_tag_change_leaves_an_event",
    ),
    Difference(
        "a site's, node's or slice's deletion",
        "removed what hung on it statement by statement, each committed",
        "all of it in one transaction",
        f"{_OPENING}::Halves::test_what_a_deletion_takes_with_it_crosses_over",
    ),
    Difference(
        "RefreshPeer: slivers across installations",
        "since 5.4 slivers of a peer's slices on our nodes were dropped",
        "they are known to the nodes' owner, as up to 5.3",
        f"{_PEERS}::TakingOver::test_a_sliver_on_a_peers_node_is_known_to_the_nodes_owner",
    ),
    Difference(
        "RefreshPeer: commits",
        "committed object by object, so that a failure left a part",
        "one transaction for the whole answer",
        f"{_PEERS}::WhenItFails::test_a_failure_before_the_end_leaves_nothing_half_done",
    ),
    Difference(
        "RefreshPeer: answers that take away",
        "whatever the peer no longer told was deleted",
        "more than half of what is held goes only when it is told twice; an answer without a site changes nothing",
        f"{_COPIES}::DeletionGuard::test_an_answer_that_takes_most_away_is_not_believed_the_first_time",
    ),
    Difference(
        "RefreshPeer: empty tables",
        "HTTP 500 when a peer had no keys, persons or slices",
        "no error",
        f"{_COPIES}::Agreeing::test_empty_tables_are_no_error",
    ),
    Difference(
        "RefreshPeer: whitelists",
        "a peer's slice came to any node of ours that the peer named",
        "a node with a whitelist takes only slices on it",
        f"{_PEERS}::TakingOver::test_a_peers_slice_takes_no_place_on_a_node_whose_whitelist_lacks_it",
    ),
    Difference(
        "RefreshPeer: names of slices",
        "any name was taken over",
        "none that begins with the login base of a site of ours",
        f"{_COPIES}::Believing::test_hostile_values_skip_their_object_only",
    ),
    Difference(
        "RefreshPeer: failures",
        "HTTP 500 for an unknown peer, one that is away, or one that is refreshed already",
        "fault 102 for the first, 111 with the reason for the others",
        f"{_PEERS}::WhenItFails::test_a_peer_that_is_away_changes_nothing_and_the_caller_is_told",
    ),
    Difference(
        "DeleteAllPeerEntries of an unknown peer",
        "HTTP 500",
        "fault 102",
        f"{_PEERS}::Forgetting::test_entries_go_and_come_back_while_the_peer_stays",
    ),
    Difference(
        "GetPeerData: system slices",
        "looked for them by a name, so that none was left out",
        "left out by their tag `system`",
        f"{_PEERS}::Signing::test_nodes_with_a_whitelist_and_system_slices_stay_with_us",
    ),
    Difference(
        "AddLeases: errors of a node",
        "the node after a failing one was skipped",
        "each node is tried",
        f"{_LEASES}::Leasing::test_what_overlaps_is_an_error_of_its_node_and_the_next_node_is_not_skipped",
    ),
    Difference(
        "UpdateLeases with t_from and duration",
        "an error text",
        "works",
        f"{_LEASES}::Times::test_two_of_three_make_a_lease",
    ),
    Difference(
        "DeleteLeases of one number",
        "HTTP 500",
        "works",
        f"{_LEASES}::Leasing::test_leases_go_all_or_none_and_a_number_alone_will_do",
    ),
    Difference(
        "lease filters with two times",
        "fault 102, for no client could send the pair",
        "an array of two",
        f"{_LEASES}::AskingByTime::test_alive_is_at_a_time_or_between_two",
    ),
    Difference(
        "NotifyPersons that matches nobody",
        "HTTP 500",
        "fault 102",
        f"{_POSTING}::Writing::test_who_matches_nobody_is_refused",
    ),
    Difference(
        "mails",
        "sent within the call, and lost while the mail server was away",
        "wait in the registry until the mail server takes them, for five days",
        f"{_POSTING}::Posting::test_while_the_relay_is_away_for_a_day_nothing_is_lost_or_reordered",
    ),
    Difference(
        "mails of failed node keys",
        "one for each wrong call",
        "one an hour for each node",
        f"{_POSTING}::Writing::test_many_bad_signatures_make_one_mail_an_hour",
    ),
    Difference(
        "AddIlink of a link that is there",
        "HTTP 500",
        "fault 102",
        f"{_KEPT}::Links::test_the_same_type_on_the_same_pair_is_refused",
    ),
    Difference(
        "GetBootMedium: file names",
        "admins wrote any file that the server could write",
        "below the work directory for everybody, and no link is followed",
        f"{_MEDIA}::Making::test_no_link_is_followed_out_of_the_work_directory",
    ),
    Difference(
        "boot media: values",
        "written as they are into a file that shells read",
        "one that could end its quotes is refused",
        f"{_MEDIA}::Text::test_a_value_that_could_end_its_quotes_or_run_is_refused",
    ),
    Difference(
        "GenerateNodeConfFile that shall keep the key of a node that has none",
        "wrote the key `None`, which opens nothing",
        "makes one",
        f"{_MEDIA}::Files::test_a_key_that_is_not_there_is_made_and_not_written_as_none",
    ),
    Difference(
        "GetNodeFlavour of a node without tags, asked by a user of another site or by another node",
        "fault 108, for the tags that it wrote were not the caller's to write",
        "told; the tags are written",
        "plcapi/test_hardware.py::Hardware::test_a_nodes_flavour_is_told_to_users_of_other_sites_and_to_other_nodes",
    ),
    Difference(
        "RebootNode",
        "HTTP 500 in 7.x",
        "sends the packet",
        f"{_POWER}::Waking::test_the_node_gets_its_session_ten_times",
    ),
    Difference(
        "host names of nodes",
        "the last label had two to six letters",
        "two letters or more, since there are longer ones now",
        f"{_NOTES}::Notes::test_nodes_and_interfaces",
    ),
    Difference(
        "names of nodes and slices that end in a line feed",
        "taken with it, for it may stand behind the end of a pattern",
        "fault 102",
        "plcapi/test_hardware.py::Hardware::test_no_name_ends_in_a_line_feed",
    ),
    Difference(
        "hrn of a person",
        "made of the address alone, so that `jo.doe@one.example` and `jo+doe@two.example` of a site were one",
        "with a number where the name is taken",
        f"{_OUTSIDE}::test_two_persons_of_a_site_whose_addresses_begin_alike_have_different_hrns",
    ),
    Difference(
        "events: what shows who called",
        "HMAC values, OpenPGP signatures and keys of nodes were kept",
        "`Removed by API`, as for passwords and sessions",
        f"{_OUTSIDE}::test_what_shows_who_a_node_is_stands_in_no_event",
    ),
    Difference(
        "AddSlice and UpdateSlice that are refused half-way",
        "kept what was written before: a slice whose tag was refused was there",
        "nothing of a refused call stays",
        f"{_SCOPES}::test_a_tag_given_as_a_field_is_written_by_whom_its_kind_allows_on_a_new_slice_too",
    ),
    Difference(
        "SliceInfo and SliceExtendedInfo of an empty list",
        "fault 102 since 4.0, though clients of version 3 ask so for all",
        "all slices of the caller's",
        f"{_SLICES}::OldSpellings::test_the_story_of_a_version_3_client",
    ),
    Difference(
        "hrn: dots of a login base, signs of an address",
        "kept as they were: `plc.a.b` was the site a.b, or what is called b at the site a",
        "dots are escaped as those of a host name, `plc.a\\.b`; signs that no name in the federation has become `_`",
        f"{_PEOPLE}::test_names_in_the_federation_can_be_taken_apart_again",
    ),
    Difference(
        "DeleteSession by a node",
        "fault 111, since a session without an end was not found",
        "ends the session",
        f"{_PEOPLE}::test_a_node_ends_its_session",
    ),
    Difference(
        "sessions of an account that is disabled",
        "ended when they were next used, and were good again when the account was enabled before that",
        "end when it is disabled",
        f"{_PEOPLE}::test_a_session_ends_with_its_account_and_does_not_come_back",
    ),
    Difference(
        "SliceExtendedInfo: attributes",
        "since 4.3 each was named by the slice",
        "named by its type, as up to 4.2",
        f"{_OUTSIDE}::test_attributes_of_a_slice_are_named_by_their_type_not_by_the_slice",
    ),
    Difference(
        "SliceGetTicket, SliceTicketGet: resources",
        "since 4.3 each was named by the slice and of type string",
        "named, typed and converted by the attribute, as up to 4.2",
        f"{_PAPERS}::ReadByTheOldOnes::test_a_v3_reader_finds_what_it_always_found",
    ),
    Difference(
        "UpdateAddress, DeleteAddress and types of addresses, by a PI",
        "HTTP 500",
        "work at the own site, else fault 108",
        f"{_OUTSIDE}::test_a_pi_changes_the_addresses_of_the_own_site",
    ),
    Difference(
        "GetKeys without key_id, by others than admins",
        "HTTP 500",
        "works",
        f"{_OUTSIDE}::test_keys_are_told_without_their_numbers",
    ),
    Difference(
        "site and person tags that may not be written",
        "HTTP 500",
        "fault 108",
        f"{_OUTSIDE}::test_a_site_tag_that_may_not_be_written_is_108",
    ),
    Difference(
        "RetrieveSlicePersonKeys: members without a key",
        "HTTP 500",
        "left out",
        f"{_OUTSIDE}::test_members_without_a_key_are_told_with_none",
    ),
    Difference(
        "GetEvents by auth_type",
        "fault 102 for a text, and 106 for a number",
        "works by the text that is kept",
        f"{_OUTSIDE}::test_events_are_found_by_the_kind_of_authentication",
    ),
    Difference(
        "hrn of a node that is moved to another site",
        "that of the old site, until the host name was named",
        "that of the new site",
        f"{_NODES_OUTSIDE}::Fields::test_a_node_that_is_moved_is_named_by_its_new_site",
    ),
    Difference(
        "addresses with words after a space",
        "taken as addresses, words and all, and written into nodes' files",
        "fault 102",
        f"{_NODES_OUTSIDE}::Addresses::test_what_is_no_address_is_refused",
    ),
)


def page() -> str:
    """The reference page."""
    lines = [
        "# Where this PLC differs from the original, on purpose",
        "",
        "Printed from `planetlab/both/differences.py` by `python -m planetlab.both.differences`. "
        "Everything else is meant",
        "to be the same: method names, arguments, fields, fault codes.",
        "",
        "| where | the original (PLCAPI 7.1) | here | held by |",
        "| --- | --- | --- | --- |",
    ]
    for row in DIFFERENCES:
        lines.append(f"| {row.where} | {row.original} | {row.here} | `tests/{row.test}` |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(page(), end="")
