"""Call by call, what the catalogue of methods promises of arguments, rights, results and faults."""

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi import rows_filters, rows_ma, rows_rare, rows_sa, rows_slices
from tests.plcapi.campus import Campus, Row


class Notes(SynchronousTestCase):
    def holds(self, rows: tuple[Row, ...]) -> None:
        campus = Campus()
        self.assertEqual([], [told for row in rows if (told := campus.wrong(row))])

    def test_sites(self) -> None:
        self.holds(rows_sa.SITES)

    def test_persons_keys_and_roles(self) -> None:
        self.holds(rows_sa.PERSONS)

    def test_slices_and_their_tags(self) -> None:
        self.holds(rows_slices.SLICES)

    def test_leases(self) -> None:
        self.holds(rows_slices.LEASES)

    def test_nodes_and_interfaces(self) -> None:
        self.holds(rows_ma.NODES)

    def test_tags_and_their_types(self) -> None:
        self.holds(rows_ma.TAGS)

    def test_groups_files_scripts_power_and_words(self) -> None:
        self.holds(rows_ma.KEPT)

    def test_boot_calls_mails_events_and_peers(self) -> None:
        self.holds(rows_ma.BOOT)

    def test_filters(self) -> None:
        self.holds(rows_filters.FILTERS)

    def test_what_few_call(self) -> None:
        self.holds(rows_rare.RARE)
