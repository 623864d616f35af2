"""Keyed hashes for everything that names a person or a place, and the book that says who an identity is.

Belongs here: the organisation's key, pseudonyms, hashes of paths. Does not belong here: which identities are one
engineer (`stages/engineers.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from pipelines.lake import slug_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BOOK = {"identity_id": pl.String(), "name": pl.String(), "email": pl.String()}


class Identities:
    """The folder `<out>/identities`, mode 0700, its files 0600: the key and who each identity is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self.key = self._load_key()
        self._blake_key = self.key[:64]
        self.hash_path = lru_cache(maxsize=1 << 16)(self._hash_path)

    def _load_key(self) -> bytes:
        path = self.folder / "key"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_hex(32) + "\n")
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} can be read by others: run `chmod 600 {path}`")
        return bytes.fromhex(path.read_text().strip())

    def pseudonym(self, kind: str, text: str) -> str:
        """128-bit HMAC-SHA256 of `text`, hexadecimal; `kind` keeps an e-mail and a session id apart."""
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:32]

    def identity_of(self, name: str, email: str) -> str:
        """Id of an identity exactly as recorded, before any mailmap."""
        return self.pseudonym("identity", f"{name}\0{email}")

    def _hash_path(self, path: str) -> int:
        digest = hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8, key=self._blake_key)
        return int.from_bytes(digest.digest(), "little")

    def path_keys(self, path: str, limit: int = 24) -> list[int]:
        """Hashes of a `/`-separated path without leading slash and of its suffixes by whole components, longest first.

        The last `limit` components count. `path_keys("a/b.py")` is the hashes of `a/b.py` and `b.py`; a
        repository's own path `b.py` has the key `path_keys("b.py")[0]`.
        """
        parts = [part for part in path.split("/") if part not in ("", ".")][-limit:]
        return [self.hash_path("/".join(parts[start:])) for start in range(len(parts))]

    def place_keys(self, directory: str, limit: int = 24) -> tuple[list[int], list[int]]:
        """Hashes of an absolute directory and of each parent, longest first, and of their lower-cased names."""
        parts = [part for part in directory.split("/") if part not in ("", ".")][:limit]
        ends = range(len(parts), 0, -1)
        places = [self.hash_path("/" + "/".join(parts[:end])) for end in ends]
        return places, [self.hash_path("name:" + parts[end - 1].lower()) for end in ends]

    def remember(self, people: Iterable[tuple[str, str, str]]) -> None:
        """Add `(identity_id, name, email)` rows to the book, atomically; known ones are left alone."""
        rows = sorted(set(people))
        book = pl.concat([self.book(), pl.DataFrame(rows, schema=_BOOK, orient="row")])
        book = book.unique("identity_id", keep="first", maintain_order=True).sort("identity_id")
        target = self.folder / "people.parquet"
        temporary = self.folder / f".tmp-{os.getpid()}-people"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            book.write_parquet(handle)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(target)

    def keep_mailmap(self, repo: str, content: bytes) -> None:
        """Keep a repository's mailmap beside the book, since it names people."""
        folder = self.folder / "mailmaps"
        folder.mkdir(exist_ok=True, mode=0o700)
        target = folder / slug_of(repo)
        temporary = folder / f".tmp-{os.getpid()}-mailmap"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        temporary.replace(target)

    def mailmap(self, repo: str) -> bytes:
        """A repository's mailmap as it was last read; empty where it has none."""
        path = self.folder / "mailmaps" / slug_of(repo)
        return path.read_bytes() if path.exists() else b""

    def book(self) -> pl.DataFrame:
        """Every identity met so far: `identity_id`, `name`, `email` as recorded."""
        path = self.folder / "people.parquet"
        return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=_BOOK)
