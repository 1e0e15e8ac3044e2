"""Word lists: three methods each, from the table of lists."""

from collections.abc import Callable

from planetlab.both import forms, writing
from planetlab.calls import Call
from planetlab.methods import Api, Argument, Method, Role
from planetlab.records.words import WORDS, Words
from planetlab.registry.words import let_go, listed
from planetlab.shapes import ListOf, Of


def api_of(half: str) -> Api:
    """The Get, Add and Delete methods of the lists that ``half`` (SA or MA) keeps."""
    api = Api()
    for words in WORDS:
        if words.half == half:
            for method in _methods(words):
                api.add(method)
    return api


def _methods(words: Words) -> list[Method]:
    word = forms.of(words.record, words.record.key)
    one = words.plural.removesuffix("s")
    admin = frozenset({Role.ADMIN})
    readers = frozenset({Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE})
    said, gone = (Argument("name", word),), (Argument(words.argument, word),)
    return [
        Method(f"Get{words.plural}", readers, (), ListOf((word,)), f"List {words.says}.", _get(words), reads=True),
        Method(f"Add{one}", admin, said, Of(int), f"Add a word for {words.says}; it must be new.", _add(words)),
        Method(f"Delete{one}", admin, gone, Of(int), f"Delete a word for {words.says}.", _delete(words)),
    ]


def _get(words: Words) -> Callable[[Call], list[str]]:
    return lambda call: listed(call.store, words.record)


def _add(words: Words) -> Callable[[Call, str], int]:
    def body(call: Call, name: str) -> int:
        row = writing.checked(call.store, words.record, {words.record.key: name})
        call.store.insert(words.record, row)
        call.store.note(f"{words.record.name} {name} added")
        return 1

    return body


def _delete(words: Words) -> Callable[[Call, str], int]:
    def body(call: Call, name: str) -> int:
        call.store.find(words.record, name)
        let_go(call.store, words.record, name)
        call.store.remove(words.record, name)
        call.store.note(f"{words.record.name} {name} deleted")
        return 1

    return body
