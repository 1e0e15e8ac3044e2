"""``python -m tests.manual`` makes the calls of all examples and writes docs/reference."""

from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

from tests.manual import interfaces
from tests.manual.writing import FOLDER, files


async def main(reactor: Any) -> None:
    """Write the pages that changed, and remove those of methods that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages = await files()
    for path in FOLDER.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for name, text in interfaces.pages().items():
        (interfaces.FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages in {FOLDER}")


if __name__ == "__main__":
    react(lambda reactor: ensureDeferred(main(reactor)))
