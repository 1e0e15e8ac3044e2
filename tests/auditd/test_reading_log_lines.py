"""A stranger pastes lines of a log, of whatever kind: addresses, ports, protocol and time are found in them."""

import random
from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from auditd.loglines import MOST_LINES, read

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
OURS, THEIRS = ip_address("192.0.2.10"), ip_address("198.51.100.7")
NOON = NOW - 60  # what "07:59:00Z" of that day is

LINES = {
    "iptables": (
        "Jan 15 07:59:00 gate kernel: [99.1] DROP IN=eth0 OUT= MAC=00:11:22:33:44:55:66:77:88:99:aa:bb:08:00 "
        "SRC=192.0.2.10 DST=198.51.100.7 LEN=40 TOS=0x00 TTL=52 ID=54321 PROTO=TCP SPT=5555 DPT=22 WINDOW=1024 SYN",
        ("tcp", 5555, 22, None),
    ),
    "tcpdump": (
        "2027-01-15 07:59:00.000000 IP 192.0.2.10.5555 > 198.51.100.7.22: Flags [S], seq 1",
        ("", 5555, 22, None),
    ),
    "asa": (
        "2027-01-15T07:59:00Z fw %ASA-4-106023: Deny tcp src outside:192.0.2.10/5555 dst inside:198.51.100.7/22 by acl",
        ("tcp", 5555, 22, NOON),
    ),
    "windows": (
        "2027-01-15 07:59:00 DROP TCP 192.0.2.10 198.51.100.7 5555 22 60 S 1 0 64240 - - - RECEIVE",
        ("tcp", 5555, 22, None),
    ),
    "snort": (
        "01/15-07:59:00.000000 [**] [1:2001219:20] SCAN Potential SSH [**] {TCP} 192.0.2.10:5555 -> 198.51.100.7:22",
        ("tcp", 5555, 22, None),
    ),
    "suricata": (
        '{"timestamp":"2027-01-15T08:59:00.000000+0100","src_ip":"192.0.2.10","src_port":5555,'
        '"dest_ip":"198.51.100.7","dest_port":22,"proto":"TCP"}',
        ("tcp", 5555, 22, NOON),
    ),
    "nginx": (
        '192.0.2.10 - - [15/Jan/2027:08:59:00 +0100] "GET / HTTP/1.1" 404 0 to 198.51.100.7:80',
        ("", None, 80, NOON),
    ),
    "juniper": (
        "2027-01-15T07:59:00.000Z RT_FLOW: session denied 192.0.2.10/5555->198.51.100.7/22 junos-ssh 6(0) udp",
        ("udp", 5555, 22, NOON),
    ),
    "ios": (
        "Jan 15 07:59:00 UTC: %SEC-6-IPACCESSLOGP: list 101 denied tcp 192.0.2.10(5555) -> 198.51.100.7(22), 1 packet",
        ("tcp", 5555, 22, NOON),
    ),
    "pfsense": (
        "<134>1 2027-01-15T07:59:00+00:00 fw filterlog 123 - - 5,,,1000000103,em0,match,block,in,4,0x0,,48,1,0,DF,6,"
        "tcp,60,192.0.2.10,198.51.100.7,5555,22,0,S,123,,64240,,mss",
        ("tcp", 5555, 22, NOON),
    ),
    "fortinet": (
        'date=2027-01-15 time=07:59:00 devname="fw" tz="+0000" srcip=192.0.2.10 srcport=5555 dstip=198.51.100.7 '
        'dstport=22 proto=6 action="deny"',
        ("6", 5555, 22, NOON),
    ),
    "zeek": ("1799999940.000000\tCAbc\t192.0.2.10\t5555\t198.51.100.7\t22\ttcp\t-\t-", ("tcp", 5555, 22, NOON)),
    "cloud": (
        "2 123456789010 eni-1235 192.0.2.10 198.51.100.7 5555 22 6 20 4249 1799999940 1800000000 REJECT OK",
        ("", 5555, 22, NOON),
    ),
    "checkpoint": (
        "time=1799999940|src=192.0.2.10|dst=198.51.100.7|proto=tcp|s_port=5555|service=22|action=Drop",
        ("tcp", 5555, 22, NOON),
    ),
    "mapped": ("2027-01-15T07:59:00Z from [::ffff:192.0.2.10]:5555 to [::ffff:198.51.100.7]:22", ("", 5555, 22, NOON)),
    "milliseconds": (
        '{"ts":1799999940000,"src":"192.0.2.10","sport":5555,"dst":"198.51.100.7","dport":22}', ("", 5555, 22, NOON),
    ),
}  # fmt: skip


class ReadingLines(SynchronousTestCase):
    def test_each_common_kind_of_line_is_understood(self) -> None:
        for kind, (text, (protocol, source, to, at)) in LINES.items():
            (told,) = read(text, NOW)
            ends = told.other(frozenset({OURS}))
            self.assertIsNotNone(ends, kind)
            assert ends is not None
            self.assertEqual((OURS, THEIRS), (ends[0].address, ends[1].address), kind)
            self.assertEqual((protocol, source, to), (told.protocol, ends[0].port, ends[1].port), kind)
            self.assertEqual(at, told.at, kind)

    def test_a_line_that_names_only_us_tells_our_port(self) -> None:
        (told,) = read("Jan 15 07:59:00 host sshd[7]: Failed password for root from 192.0.2.10 port 5555 ssh2", NOW)
        self.assertEqual([(OURS, 5555)], [(end.address, end.port) for end in told.ends])
        self.assertEqual("2027-01-15 07:59:00", told.local)

    def test_ipv6_is_read_with_and_without_brackets(self) -> None:
        for text in ("[2001:db8::1]:5555 -> [2001:db8::2]:22", "SRC=2001:db8::1 DST=2001:db8::2 SPT=5555 DPT=22"):
            (told,) = read(text, NOW)
            self.assertEqual(
                [("2001:db8::1", 5555), ("2001:db8::2", 22)], [(str(end.address), end.port) for end in told.ends], text
            )

    def test_a_date_without_its_year_is_the_latest_there_was(self) -> None:
        (told,) = read("Dec 31 23:59:00 UTC h SRC=192.0.2.10", NOW)
        self.assertEqual(1_798_761_540.0, told.at)

    def test_anything_at_all_may_be_pasted(self) -> None:
        chance = random.Random(1)
        alphabet = '0123456789.:/[]-+ TZabcdefSRC=DPT\n\x00\u202e\ud800{}"'
        for _ in range(300):
            read("".join(chance.choice(alphabet) for _ in range(chance.randrange(400))), NOW)
        self.assertEqual([], read("", NOW))
        self.assertEqual(MOST_LINES, len(read("x\n" * 10_000, NOW)))
        for text in (
            "9999-99-99 99:99:99Z 1.2.3.4",
            "Feb 29 00:00:00 1.2.3.4",
            "::::::",
            "1.2.3.4:99999",
            "2027-01-15 00:00:00+9999",
        ):
            self.assertEqual(1, len(read(text, NOW)))

    def test_an_address_with_a_zone_keeps_its_port(self) -> None:
        (told,) = read("2027-01-15T07:59:00Z conn from [fe80::1%eth0]:40001 to [2001:db8:1::7]:22", NOW)
        self.assertEqual([("fe80::1", 40001), ("2001:db8:1::7", 22)], [(str(e.address), e.port) for e in told.ends])
