"""The reference's pages are what the declarations print, each with an example that was run."""

from twisted.trial.unittest import SynchronousTestCase

from tests.registry import pages
from tests.registry.world import whole


class Pages(SynchronousTestCase):
    def test_every_page_is_as_it_would_be_printed_now(self) -> None:
        written = pages.pages()
        self.assertEqual({*written, "index"}, {path.stem for path in pages.PAGES.glob("*.md")})
        for name, text in written.items():
            self.assertEqual((pages.PAGES / f"{name}.md").read_text(), text, name)
        self.assertEqual(pages.index(list(written)), (pages.PAGES / "index.md").read_text())

    def test_few_examples_are_not_run(self) -> None:
        self.assertLessEqual(len(pages.NOT_RUN.keys() & whole.keys()), 4)
