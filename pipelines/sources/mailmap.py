"""A repository's `.mailmap`: git's documented format, parsed as `git check-mailmap` reads it.

Belongs here: mapping a recorded name and e-mail to the proper e-mail. Does not belong here: aliases of the
organisation (`people.py`).
"""

from __future__ import annotations


class Mailmap:
    """Proper e-mail addresses by recorded address, or by recorded name and address, letters in any case."""

    def __init__(self, content: bytes = b"") -> None:
        self._by_email: dict[str, str] = {}
        self._by_person: dict[tuple[str, str], str] = {}
        for line in content.decode("utf-8", "replace").split("\n"):
            proper = None if line.startswith("#") else _split_person(line)
            old = _split_person(proper[2]) if proper and proper[1] else None
            if not proper or not old:
                continue  # no entry, or only the name is mended: the address stays
            if old[0]:
                self._by_person[old[0].lower(), old[1].lower()] = proper[1]
            else:
                self._by_email[old[1].lower()] = proper[1]

    def resolve(self, name: str, email: str) -> str:
        """The proper e-mail address of a recorded identity; the recorded one where the map is silent."""
        address = email.lower()
        return self._by_person.get((name.lower(), address)) or self._by_email.get(address) or email


def _split_person(text: str) -> tuple[str, str, str] | None:
    """Name, address and what follows them; None where no address stands in `text`."""
    name, bracket, rest = text.partition("<")
    email, closing, rest = rest.partition(">")
    return (name.strip(), email, rest) if bracket and closing else None
