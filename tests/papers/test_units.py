"""Rates, sizes, durations."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from planetlab.units import (
    NEVER,
    bits,
    daily_kbyte,
    daily_rate,
    kbit,
    parse_duration,
    parse_rate,
    parse_size,
    print_duration,
    print_rate,
    print_size,
    whole_seconds,
)


class ReadingRates(SynchronousTestCase):
    def test_text_that_is_no_rate_is_refused_by_name(self):
        for text in ("", "fast", "10 furlongs", "1_000", "--1", "0x10", "nan", "1e9", "9" * 400, "١٠kbit"):
            error = self.assertRaises(BadArgument, parse_rate, text)
            self.assertIn("is no rate: expected", str(error))

    def test_suffixes_are_those_of_tc(self):
        told = {
            "8": 8,
            "1bit": 1,
            "3kbit": 3000,
            "3KBIT": 3000,
            "1.5mbit": 1_500_000,
            "1kibit": 1024,
            "2gbit": 2 * 10**9,
        }
        told |= {"1tbit": 10**12, "1bps": 8, "1kbps": 8000, "1mibps": 8 * 2**20, " 5 kbit ": 5000}
        self.assertEqual(told, {text: parse_rate(text) for text in told})

    def test_rates_print_as_the_original_tool_printed_them(self):
        told = {0: "0bit", 8: "8bit", 999: "999bit", 1000: "1kbit", 1499: "1kbit", 2_000_000: "2mbit", 10**9: "1gbit"}
        self.assertEqual(told, {rate: print_rate(rate) for rate in told})

    @given(st.integers(0, 10**6))
    def test_a_whole_number_of_kbit_survives_print_and_parse(self, rate):
        self.assertEqual(bits(rate), parse_rate(print_rate(bits(rate))))
        self.assertEqual(rate, kbit(bits(rate)))


class ReadingSizesAndDurations(SynchronousTestCase):
    @given(st.integers(0, 2**50))
    def test_a_size_survives_print_and_parse(self, size):
        self.assertEqual(size, parse_size(print_size(size)))

    @given(st.integers(0, 10**9))
    def test_a_duration_survives_print_and_parse(self, seconds):
        self.assertEqual(float(seconds), parse_duration(print_duration(seconds)))

    def test_strange_ones_are_refused(self):
        for parse in (parse_size, parse_duration):
            for text in ("", "5 x", "week", None, 5):
                self.assertRaises(BadArgument, parse, text)

    def test_decimal_and_binary_sizes_differ(self):
        self.assertEqual((1000, 1024, 5 * 2**30), (parse_size("1kB"), parse_size("1KiB"), parse_size("5 GiB")))


class FittingOldWires(SynchronousTestCase):
    def test_a_time_beyond_32_bits_becomes_never(self):
        self.assertEqual([NEVER, 12, 0], [whole_seconds(2.0**40), whole_seconds(12.9), whole_seconds(0)])

    def test_daily_amounts_are_converted_as_plc_did(self):
        self.assertEqual((16_200_000, 1_500_000), (daily_kbyte(1_500_000), daily_rate(16_200_000)))
