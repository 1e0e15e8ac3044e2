"""Who calls is what the kernel says, and nobody else."""

import os
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Found, State
from node_manager.identity import Accounts, Caller, kernel_table, tcp_uid, unix_uid
from tests.node_manager.world import CODEEN

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:032C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:C001 0100007F:032C 01 00000000:00000000 00:00000000 00000000  1234        0 2 1 0 20 4 30 10 -1
   2: 0100007F:032C 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:C002 0100007F:032C 06 00000000:00000000 00:00000000 00000000  4321        0 0 1 0 20 4 30 10 -1
"""
SERVER = ("127.0.0.1", 812)


class OverTcp(SynchronousTestCase):
    def test_the_clients_half_tells_its_owner_not_the_servers(self) -> None:
        self.assertEqual(1234, tcp_uid(TABLE, ("127.0.0.1", 0xC001), SERVER))

    def test_a_connection_that_ended_or_is_not_there_tells_nobody(self) -> None:
        self.assertIsNone(tcp_uid(TABLE, ("127.0.0.1", 0xC002), SERVER))
        self.assertIsNone(tcp_uid(TABLE, ("127.0.0.1", 0xC003), SERVER))
        self.assertIsNone(tcp_uid(TABLE, ("127.0.0.2", 0xC001), SERVER))

    def test_the_real_kernel_tells_our_own_id(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            peer, address = server.accept()
            with client, peer:
                self.assertEqual(os.getuid(), tcp_uid(kernel_table(), address, server.getsockname()))

    def test_the_real_kernel_tells_our_own_id_over_version_6(self) -> None:
        if not socket.has_dualstack_ipv6() or not Path("/proc/net/tcp6").exists():
            self.skipTest("this machine has no IPv6")
        try:
            server = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError as error:
            self.skipTest(f"this machine has no IPv6 loopback: {error}")
        with server:
            client = socket.create_connection(server.getsockname()[:2])
            peer, address = server.accept()
            with client, peer:
                self.assertEqual(os.getuid(), tcp_uid(kernel_table(6), address[:2], server.getsockname()[:2]))


class OverTheUnixSocket(SynchronousTestCase):
    def test_the_kernel_vouches_for_the_peer(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertEqual(os.getuid(), unix_uid(ours))


class AccountsOfIds(SynchronousTestCase):
    found = {CODEEN: Found(slice=CODEEN, state=State.RUNNING, uid=1_000_000, uids=65536)}
    accounts = Accounts(lambda: AccountsOfIds.found, lambda: {"utah_nmcontrol": 5001})

    def test_every_id_of_a_sliver_is_the_sliver(self) -> None:
        for uid in (1_000_000, 1_000_001, 1_065_535):
            self.assertEqual(Caller(uid, "princeton_codeen"), self.accounts.of(uid))

    def test_the_ids_beside_it_are_not(self) -> None:
        for uid in (999_999, 1_065_536):
            self.assertEqual(Caller(uid, None), self.accounts.of(uid))

    def test_a_named_account_is_known(self) -> None:
        self.assertEqual("utah_nmcontrol", self.accounts.of(5001).account)

    def test_the_systems_accounts_are_known(self) -> None:
        self.assertEqual("root", self.accounts.of(0).account)

    def test_a_sliver_without_an_id_takes_nobodys(self) -> None:
        found = {CODEEN: Found(slice=CODEEN, state=State.STOPPED)}
        self.assertEqual("root", Accounts(lambda: found, dict).of(0).account)
