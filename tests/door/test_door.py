"""ssh to the node lands a slice's users in their sliver, and nowhere else."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from node_manager.door.keeper import Keeper
from node_manager.door.sshd import Sshd
from planetlab.errors import Unavailable
from planetlab.names import SliceName
from tests.container.ground import CODEEN, SIRIUS, Ground, put_program
from tests.ports import free_port

reactor: Any = _reactor
_OPTIONS = (
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
    "BatchMode=yes",
    "IdentityAgent=none",
)
_SFTP = "/usr/lib/openssh/sftp-server"


class SigningIn(Ground, TestCase):
    """Two slices with a key each, one sshd."""

    def setUp(self) -> None:
        if not shutil.which("ssh"):
            raise unittest.SkipTest("signing in: ssh is not installed")
        for program in (_SFTP, "/usr/sbin/sshd", "/usr/bin/ssh-keygen"):
            if os.path.exists(program):
                put_program(self.top / "images/default", program)
        self.folder = Path(tempfile.mkdtemp(dir=self.top))
        self.port = free_port()
        try:
            self.sshd = Sshd(self.folder / "door", "127.0.0.1", self.port)
        except Unavailable as error:
            raise unittest.SkipTest(f"signing in: {error}") from None
        self.node = self.driver()
        keys = {name: self.key(name) for name in (CODEEN, SIRIUS)}
        for name, key in keys.items():
            self.running(self.node, name, keys=(f'command="/bin/false",no-pty {key} a comment',))
        keeper = Keeper(
            folder=self.folder / "door",
            sshd=self.sshd,
            driver=self.node,
            found=self.node.look,
            why=lambda name: "it rests",
            others=list,
            reactor=reactor,
            in_thread=deferToThread,
        )
        keeper.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(keeper.close()))
        self.refresh = keeper.refresh

    def key(self, name: SliceName) -> str:
        path = self.folder / f"key_{name}"
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)), check=True)
        return path.with_suffix(".pub").read_text().strip()

    async def ssh(
        self, *command: str, name: object = CODEEN, key: SliceName = CODEEN, program: str = "ssh", first: bool = False
    ) -> Any:
        """What ssh says, its errors, its code; ``first`` puts the words before the destination, as options."""
        options = [word for option in _OPTIONS for word in ("-o", option)]
        port = "-P" if program != "ssh" else "-p"
        words = [*options, port, str(self.port), "-i", str(self.folder / f"key_{key}")]
        where = [f"{name}@127.0.0.1"] if program == "ssh" else []
        words += [*command, *where] if first else [*where, *command]
        for _ in range(50):  # it listens a moment after it was started
            out, err, code = await getProcessOutputAndValue(shutil.which(program), words, env=os.environ)
            if b"Connection refused" not in err:
                break
        return out.decode(), err.decode(), code

    async def test_a_command_runs_as_the_slices_user_in_its_own_sliver(self) -> None:
        out, err, code = await self.ssh("id -un; cat /etc/slicename; pwd; exit 7")
        self.assertEqual(("princeton_codeen\nprinceton_codeen\n/home/princeton_codeen\n", "", 7), (out, err, code))

    async def test_the_key_of_another_slice_opens_nothing(self) -> None:
        out, err, code = await self.ssh("id", name=SIRIUS, key=CODEEN)
        self.assertEqual(("", 255), (out, code))
        self.assertIn("Permission denied", err)

    async def test_root_and_the_nodes_own_accounts_do_not_exist_here(self) -> None:
        for name in ("root", "sshd", "nobody", "daemon"):
            out, err, code = await self.ssh("id", name=name)
            self.assertEqual(("", 255), (out, code), name)

    async def test_a_terminal_is_one_inside_too(self) -> None:
        out, _, code = await self.ssh("-tt", "tty; test -t 0 && echo yes", name=f"{CODEEN}")
        self.assertEqual((["/dev/pts/0", "yes"], 0), (out.split(), code))

    async def test_nothing_of_the_node_is_handed_in(self) -> None:
        out, _, _ = await self.ssh("ls -l /proc/self/fd | wc -l; env | cut -d= -f1 | sort | tr '\\n' ' '")
        lines = out.splitlines()
        self.assertLessEqual(int(lines[0]), 6)
        kept = {
            "HOME",
            "LANG",
            "LOGNAME",
            "OLDPWD",
            "PATH",
            "PWD",
            "SHELL",
            "SHLVL",
            "SSH_CONNECTION",
            "TERM",
            "USER",
            "_",
            "container",
        }
        self.assertEqual(set(), set(lines[1].split()) - kept)

    async def test_what_is_sent_comes_back_whole(self) -> None:
        out, _, _ = await self.ssh("head -c 3000000 /dev/zero | tr '\\0' x")
        self.assertEqual(3_000_000, len(out))

    async def test_files_are_copied_in_and_out(self) -> None:
        if not os.path.exists(_SFTP):
            raise unittest.SkipTest(f"copying: {_SFTP} is not installed")
        sent, back = self.folder / "sent", self.folder / "back"
        sent.write_bytes(os.urandom(100_000))
        self.assertEqual(0, (await self.ssh(str(sent), f"{CODEEN}@127.0.0.1:kept", program="scp"))[2])
        self.assertEqual(0, (await self.ssh(f"{CODEEN}@127.0.0.1:kept", str(back), program="scp"))[2])
        self.assertEqual(sent.read_bytes(), back.read_bytes())
        self.assertEqual("1000", self.said(self.node, "stat -c %u /home/princeton_codeen/kept"))

    async def test_a_new_key_opens_and_a_key_that_is_taken_away_does_not(self) -> None:
        self.node.attach_keys(CODEEN, (self.key(SliceName.parse("princeton_new")),))
        self.refresh()
        self.assertEqual(0, (await self.ssh("true", key=SliceName.parse("princeton_new")))[2])
        self.assertEqual(255, (await self.ssh("true"))[2])

    async def test_nothing_is_forwarded_by_the_nodes_sshd(self) -> None:
        out, err, code = await self.ssh("-W", "127.0.0.1:80", first=True)
        self.assertEqual(("", 255), (out, code))
        self.assertIn("forwarding failed", err)

    async def test_a_port_inside_is_reached_through_an_sshd_of_the_slivers_own(self) -> None:
        self.said(self.node, "nc -ll -p 80 -e echo from inside >/dev/null 2>&1 &")
        options = " ".join(f"-o {option}" for option in _OPTIONS)
        proxy = f"ssh {options} -p {self.port} -i {self.folder}/key_{CODEEN} {CODEEN}@127.0.0.1 sshd"
        out, err, code = await self.ssh("-o", f"ProxyCommand={proxy}", "-W", "127.0.0.1:80", first=True)
        self.assertEqual(("from inside\n", ""), (out, err))

    async def test_a_stopped_sliver_cannot_be_entered_and_the_user_is_told_why_and_by_the_code(self) -> None:
        self.node.stop(CODEEN)
        for _ in range(2):  # also when the accounts have been gone through since
            _, err, code = await self.ssh("id")
            self.assertEqual((254, "princeton_codeen does not run on this node: it rests\n"), (code, err))
            self.refresh()

    async def test_a_connection_that_ends_hangs_up_on_the_program(self) -> None:
        words = ["-n", "10", shutil.which("ssh") or ""]
        options = [word for option in _OPTIONS for word in ("-o", option)]
        await self.ssh("true")
        command = (
            *options,
            "-tt",
            "-p",
            str(self.port),
            "-i",
            str(self.folder / f"key_{CODEEN}"),
            f"{CODEEN}@127.0.0.1",
        )
        with subprocess.Popen(
            (words[2], *command, "echo up; sleep 1000"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as ssh:
            assert ssh.stdout
            await deferToThread(ssh.stdout.readline)
            ssh.kill()
        for _ in range(100):
            told = await deferToThread(self.said, self.node, "usleep 20000; ps -o args")
            if "sleep 1000" not in told:
                break
        self.assertNotIn("sleep 1000", told)
