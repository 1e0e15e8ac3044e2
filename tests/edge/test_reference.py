"""The reference says what the declarations say."""

from typing import Annotated

from lxml import html as lxml_html
from twisted.trial.unittest import SynchronousTestCase

from planetlab import reference
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.shapes import Of

api = Api()


@api.method(Role.ADMIN, Role.PI, reads=True)
def GetThings(call: Call, name: Annotated[str, Of(str, max=9, doc="Its <name>.")], most: int = 3) -> list[str]:
    """The things & more.

    As many as ``most``.
    """
    return []


class Reference(SynchronousTestCase):
    def test_markdown(self) -> None:
        said = reference.markdown("Things", api)
        for line in (
            "# Things\n",
            "    GetThings(auth, name, [most]) -> array\n",
            "The things & more.\n\nAs many as ``most``.\n",
            "Roles: admin, pi. Changes nothing.\n",
            "* `name`: `string(max=9)` Its <name>.\n",
            "* returns `[string]`\n",
        ):
            self.assertIn(line, said)

    def test_html_is_escaped_and_well_formed(self) -> None:
        page = lxml_html.document_fromstring(reference.html("<Things>", api))
        self.assertEqual("<Things>", page.findtext(".//title"))
        self.assertEqual("GetThings(auth, name, [most]) -> array", page.findtext(".//pre"))
        self.assertEqual([], page.findall(".//name"))
