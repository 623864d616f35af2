from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernels.lines import BLANK, EFFECTIVE, FOLD, LONG, PUNCTUATION, SHORT, hash_line, hash_text
from tests.kernels import naive_history as naive

# Pieces that meet every branch: spaces and quotes of all kinds, letters whose lower case is longer or far away, and
# sequences that are not UTF-8: cut short, overlong, surrogates, beyond the last code point.
PIECES = st.sampled_from(
    [
        *(text.encode() for text in " \t\r\x0b\x0c\x1c\x1f\x00\x85\xa0\u1680\u2003\u2028\u202f\u3000'\"\u2018\u201f`"),
        *(
            text.encode()
            for text in "aZ9_({;\xdf\xc4\u0130\u0178\u04af\u07ff\u0800\u1e9e\u2014\u212a\u3002\uff0e\U0001f600"
        ),
        *(b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xc1\x81", b"\xe0\x80\xaf"),
        *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\n"),
    ]
)
TEXTS = st.lists(PIECES, max_size=24).map(b"".join)


def found(text: bytes) -> list[tuple[int, int]]:
    hashes, shapes = hash_text(text)
    assert hashes.dtype == np.uint64
    assert shapes.dtype == np.uint8
    return list(zip(hashes.tolist(), shapes.tolist(), strict=True))


@given(
    st.one_of(TEXTS, st.binary(max_size=200), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
)
@example(b"")
@example(b"\n")
@example(b"\n\n")
@example(b"x")
@example(b"a" * 1000 + b"\n" + b"a" * 1001 + b"\n" + b"\xff" * 1001)
def test_hashes_agree_with_their_naive_twin(text):
    assert found(text) == naive.hash_text(text)


def test_every_character_agrees_with_its_naive_twin():
    codes = [code for code in range(0x3100) if code != 10 and not 0xD800 <= code < 0xE000]
    text = b"\n".join(f"x{chr(code)}y{chr(code)}".encode() for code in codes)
    assert found(text) == naive.hash_text(text)


def test_every_byte_stands_for_itself_where_it_is_not_utf8():
    hashes = {found(bytes([byte]) + b"abc")[0][0] for byte in range(0x80, 0x100)}
    assert len(hashes) == 128


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("  def f( a ):", "def\tf( a ):\r"),
        ("x = 'a'", 'X = "A"'),
        ("x = \u201ca\u201d", "x = 'a'"),
        ("\u00c4rger", "\u00e4rger"),
        ("a\u00a0\u2003b", "a b"),
    ],
)
def test_lines_that_are_the_same(one, other):
    assert found(one.encode()) == found(other.encode())


@pytest.mark.parametrize(
    ("one", "other"), [("ab", "a b"), ("a", "b"), ("a\x00b", "ab"), ("\u1e9e", "\u00df"), ("`a`", "'a'")]
)
def test_lines_that_differ(one, other):
    assert found(one.encode())[0][0] != found(other.encode())[0][0]


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("", BLANK), (" \t\r", BLANK), ("}", SHORT), ("a b", SHORT), ("   abc   ", SHORT), ("abcd", EFFECTIVE),
        ("});})", PUNCTUATION), ("/* --", PUNCTUATION), ("\u2014\u2014\u2014\u2014", PUNCTUATION), ("-- 1", EFFECTIVE),
        ("\u4e2d\u6587\u4e2d\u6587", EFFECTIVE), ("a" * 1000, EFFECTIVE), ("a" * 1001, LONG), ("-" * 1001, PUNCTUATION),
        ("a " + " " * 5000 + "bc", EFFECTIVE),
    ],
)  # fmt: skip
def test_shapes(line, shape):
    assert found(line.encode() + b"\n")[0][1] == shape


def test_a_slice_of_a_read_only_buffer():
    buffer = np.frombuffer(b"xx Hello xx", np.uint8)
    assert not buffer.flags.writeable
    assert hash_line(buffer, 2, 8, FOLD) == naive.hash_line(b"hello")
    assert hash_line(buffer, 3, 3, FOLD) == naive.hash_line(b"")


def test_a_sequence_is_not_read_beyond_its_line():
    buffer = np.frombuffer("\u20ac".encode(), np.uint8)
    assert hash_line(buffer, 0, 2, FOLD) == naive.hash_line(b"\xe2\x82")
    assert found(b"\xe2\x82\n\xac") == naive.hash_text(b"\xe2\x82\n\xac")


def test_the_published_values_stay():
    """Lakes hold these hashes: another value is another identity for every line ever read."""
    assert found(b"def main() -> None:\n\n") == [(0xA88AB68FB9B143B, EFFECTIVE), (naive.hash_line(b"")[0], BLANK)]
