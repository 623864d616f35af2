"""A repository's `.mailmap`: git's documented format, parsed as `git check-mailmap` reads it.

Belongs here: mapping a recorded name and e-mail to the proper e-mail. Does not belong here: aliases of the
organisation (`people.py`).
"""

from __future__ import annotations

import re

_ENTRY = re.compile(r"^\s*([^<>#]*?)\s*<([^<>]*)>(?:\s*([^<>]*?)\s*<([^<>]*)>)?")


class Mailmap:
    """Proper e-mail addresses by recorded address, or by recorded name and address, letters in any case."""

    def __init__(self, content: bytes = b"") -> None:
        self._by_email: dict[str, str] = {}
        self._by_person: dict[tuple[str, str], str] = {}
        for line in content.decode("utf-8", "replace").split("\n"):
            match = None if line.startswith("#") else _ENTRY.match(line)
            if not match:
                continue
            _, proper, old_name, old_email = match.groups()
            if old_email is None:
                continue  # only the name is mended: the address stays
            if old_name:
                self._by_person[old_name.lower(), old_email.strip().lower()] = proper.strip()
            else:
                self._by_email[old_email.strip().lower()] = proper.strip()

    def resolve(self, name: str, email: str) -> str:
        """The proper e-mail address of a recorded identity; the recorded one where the map is silent."""
        address = email.lower()
        return self._by_person.get((name.lower(), address)) or self._by_email.get(address) or email
