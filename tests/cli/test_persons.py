"""`plfed person`: what is no public key is not sent anywhere."""

import pathlib

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n"


class Keys(SynchronousTestCase):
    def refused(self, text: str) -> str:
        file = pathlib.Path(self.mktemp())
        file.write_text(text)
        said = ["add-key", "ann@princeton.example", str(file), "--url", "http://127.0.0.1:1/"]
        done = CliRunner().invoke(main, ["person", *said])
        self.assertEqual((1, 1), (done.exit_code, done.output.count("\n")), done.output)
        return done.output

    def test_a_private_key_is_refused_and_the_public_one_named(self) -> None:
        said = self.refused(PRIVATE)
        self.assertIn("is a private key: name the public one", said)
        self.assertNotIn("b3Blbn", said)

    def test_what_is_empty_too_long_or_of_two_lines_is_no_key(self) -> None:
        for text in ("", "ssh-rsa A x\nssh-rsa B y\n", "ssh-rsa " + "A" * 20_000):
            self.assertIn("expected one line with a public SSH key", self.refused(text))
