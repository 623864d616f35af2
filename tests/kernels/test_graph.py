from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.graph import landing_of, mainline_of, topological_rank
from tests.kernels import naive_history as naive


@st.composite
def graphs(draw):
    """Parents by commit, in any numbering: parents that are missing, repeated and many among them."""
    size = draw(st.integers(1, 14))
    names = draw(st.permutations(range(size)))
    graph = [[] for _ in range(size)]
    for age in range(size):
        older = st.integers(-1, age - 1).map(lambda number: names[number] if number >= 0 else -1)
        graph[names[age]] = draw(st.lists(older, max_size=3)) if age else draw(st.lists(st.just(-1), max_size=1))
    return graph, names[-1]


def arrays(graph):
    offsets = np.cumsum([0, *(len(parents) for parents in graph)]).astype(np.int64)
    parents = np.array([parent for parents in graph for parent in parents], np.int64)
    for array in (offsets, parents):
        array.flags.writeable = False
    return offsets, parents


@given(graphs())
def test_parents_rank_below_their_children(drawn):
    graph, _ = drawn
    rank = topological_rank(*arrays(graph)).tolist()
    assert sorted(rank) == list(range(len(graph)))
    assert all(rank[parent] < rank[commit] for commit, parents in enumerate(graph) for parent in parents if parent >= 0)


@given(graphs())
def test_mainline_and_landings_agree_with_their_naive_twins(drawn):
    graph, head = drawn
    mainline = mainline_of(*arrays(graph), head)
    assert mainline.tolist() == naive.mainline_of(graph, head)
    assert landing_of(*arrays(graph), mainline).tolist() == naive.landing_of(graph, mainline.tolist())


def test_no_commit_and_one_commit():
    none = np.zeros(1, np.int64), np.zeros(0, np.int64)
    assert topological_rank(*none).size == 0
    assert mainline_of(*none, -1).size == 0
    assert landing_of(*none, np.zeros(0, np.int64)).size == 0
    one = np.zeros(2, np.int64), np.zeros(0, np.int64)
    assert topological_rank(*one).tolist() == [0]
    assert mainline_of(*one, 0).tolist() == [0]
    assert mainline_of(*one, -1).tolist() == []
    assert landing_of(*one, np.zeros(1, np.int64)).tolist() == [0]


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_needs_no_recursion(step):
    size = 200_000
    order = np.arange(size)[::step]
    graph_parents = np.empty(size, np.int64)
    graph_parents[order[1:]] = order[:-1]
    graph_parents[order[0]] = -1
    offsets = np.arange(size + 1)
    mainline = mainline_of(offsets, graph_parents, int(order[-1]))
    assert mainline.tolist() == order.tolist()
    assert topological_rank(offsets, graph_parents)[order].tolist() == list(range(size))
    assert (landing_of(offsets, graph_parents, mainline) == np.arange(size)).all()


def test_an_octopus_of_a_hundred_parents():
    graph = [[] for _ in range(100)] + [list(range(100))]
    mainline = mainline_of(*arrays(graph), 100)
    assert mainline.tolist() == [0, 100]
    assert landing_of(*arrays(graph), mainline).tolist() == [0] + [100] * 100
