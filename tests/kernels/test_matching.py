from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.lines import BLANK, EFFECTIVE, LONG, PUNCTUATION, SHORT
from kernels.matching import attest, fill_neighbours, match_lines
from tests.kernels import naive_history as naive

GROUPS = st.sampled_from([0, 1, 2**40])
HASHES = st.sampled_from([0, 2**63, 2**64 - 1])
TIMES = st.integers(-10, 10)
SHAPES = st.sampled_from([BLANK, SHORT, PUNCTUATION, EFFECTIVE, EFFECTIVE, LONG])


def columns(rows, *kinds):
    arrays = [np.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    for array in arrays:
        array.flags.writeable = False
    return arrays


def match(written, merged, before, after):
    arrays = (
        *columns(written, np.int64, np.uint64, np.int64),
        *columns(merged, np.int64, np.uint64, np.uint8, np.int64),
    )
    return match_lines(*arrays, before, after).tolist()


@given(
    st.lists(st.tuples(GROUPS, HASHES, TIMES), max_size=30).map(sorted),
    st.lists(st.tuples(GROUPS, HASHES, SHAPES, TIMES), max_size=30),
    st.integers(0, 8),
    st.integers(0, 4),
)
def test_matches_agree_with_their_naive_twin(written, merged, before, after):
    assert match(written, merged, before, after) == naive.match_lines(written, merged, before, after)


def test_no_line_is_spent_twice_and_the_latest_goes_first():
    written = [(0, 5, at) for at in (1, 2, 3)]
    assert match(written, [(0, 5, EFFECTIVE, 3)] * 4, 10, 0) == [2, 1, 0, -1]


def test_empty_one_and_extremes():
    assert match([], [], 1, 1) == []
    assert match([], [(0, 0, EFFECTIVE, 0)], 1, 1) == [-1]
    assert match([(0, 0, 0)], [], 1, 1) == []
    far = 2**62
    written = [(0, 1, -far), (0, 1, far)]
    assert match(written, [(0, 1, LONG, -far), (0, 1, EFFECTIVE, far), (0, 1, EFFECTIVE, 0)], 0, 0) == [0, 1, -1]


def test_a_hundred_thousand_copies_of_one_line():
    size = 100_000
    written = [np.zeros(size, np.int64), np.full(size, 7, np.uint64), np.arange(size)]
    merged = [np.zeros(size, np.int64), np.full(size, 7, np.uint64), np.full(size, EFFECTIVE, np.uint8)]
    found = match_lines(*written, *merged, np.full(size, size), size, 0)
    assert found.tolist() == list(range(size))[::-1]


@st.composite
def owned_lines(draw):
    lines = sorted(draw(st.sets(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=20)))
    shapes = [draw(SHAPES) for _ in lines]
    owners = [draw(st.sampled_from([-1, 0, 1])) if shape in (EFFECTIVE, LONG) else -1 for shape in shapes]
    return lines, shapes, owners


@given(owned_lines())
def test_neighbours_agree_with_their_naive_twin(drawn):
    lines, shapes, owners = drawn
    rows = [(*line, shape, owner) for line, shape, owner in zip(lines, shapes, owners, strict=True)]
    found = fill_neighbours(*columns(rows, np.int64, np.int64, np.uint8, np.int64))
    assert found.tolist() == naive.fill_neighbours(lines, shapes, owners)


def test_a_bracket_between_two_sessions_stays_nobodys():
    rows = [(0, 1, EFFECTIVE, 3), (0, 2, SHORT, -1), (0, 3, EFFECTIVE, 4), (0, 4, SHORT, -1), (1, 5, SHORT, -1)]
    found = fill_neighbours(*columns(rows, np.int64, np.int64, np.uint8, np.int64))
    assert found.tolist() == [3, -1, 4, 4, -1]


@given(
    st.sets(st.tuples(st.integers(0, 3), st.integers(1, 12)), max_size=25).map(sorted),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 13), st.integers(0, 13)), max_size=12),
)
def test_attestations_agree_with_their_naive_twin(lines, entries):
    offsets = np.searchsorted(np.array([file for file, _ in lines], np.int64), np.arange(5)).astype(np.int64)
    numbers = np.array([line for _, line in lines], np.int64)
    found = attest(offsets, numbers, *columns(entries, np.int64, np.int64, np.int64))
    assert found.tolist() == naive.attest(lines, entries)


def test_attestations_of_nothing_and_of_everything():
    none = np.zeros(0, np.int64)
    assert attest(np.zeros(1, np.int64), none, none, none, none).size == 0
    one = np.array([0, 1], np.int64), np.array([5], np.int64)
    assert attest(*one, none, none, none).tolist() == [-1]
    assert attest(*one, np.zeros(1, np.int64), np.array([-(2**63)]), np.array([2**63 - 1])).tolist() == [0]
