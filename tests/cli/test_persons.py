"""`plfed person`: what is no public key is not sent anywhere, and an account that is left half made is told of."""

import pathlib

from click.testing import CliRunner
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from planetlab.calls import Call
from planetlab.cli.__main__ import main
from planetlab.cli.persons import made
from planetlab.errors import BadArgument, Forbidden, Refused, Unavailable
from planetlab.methods import Api, Role
from planetlab.serve import ApiResource
from tests.edge.example import Served, greet

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


class HalfMade(Served):
    """An authority that cannot put anybody into a site; a test says what happens then, and who may be deleted."""

    def resource(self) -> ApiResource:
        api, self.deleted = Api(auth=None), list[int]()

        @api.method(*Role)
        def AddPerson(call: Call, person_fields: dict[str, str]) -> int:
            """Make an account."""
            return 7

        @api.method(*Role)
        def AddPersonToSite(call: Call, person_id: int, login_base: str) -> int:
            """Know no site."""
            if login_base == "interrupted":
                self.making.cancel()
            raise BadArgument("no such site")

        @api.method(*Role)
        def DeletePerson(call: Call, person_id: int) -> int:
            """Forget the account."""
            self.deleted.append(person_id)
            if self.keeps:
                raise Forbidden("not allowed to delete it")
            return 1

        return ApiResource(api, greet)

    keeps = False

    def made(self, site: str) -> Deferred[int]:
        self.making = Deferred.fromCoroutine(made(self.ask(), {"email": "ann@x.example"}, site, ["pi"]))
        return self.making

    async def test_is_taken_back(self) -> None:
        error = await self.failing(self.made("nowhere"), Refused)
        self.assertEqual(([7], True), (self.deleted, "no such site" in str(error)))

    async def test_is_taken_back_when_it_is_interrupted(self) -> None:
        await self.failing(self.made("interrupted"), CancelledError)
        self.assertEqual([7], self.deleted)

    async def test_is_told_of_when_it_cannot_be_taken_back(self) -> None:
        self.keeps = True
        error = await self.failing(self.made("nowhere"), Unavailable)
        for text in ("ann@x.example is made but not finished", "no such site", "not allowed", "DeletePerson 7"):
            self.assertIn(text, str(error))
