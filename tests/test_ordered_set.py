import os
import subprocess
import sys

import pytest

from conftest import ROOT
from digits.training.ordered_set import OrderedSet

EXPORT = """
import hashlib
import keras
import numpy as np
from digits.training import reader_file, reader_network
keras.utils.set_random_seed(0)
pictures = np.random.default_rng(0).integers(0, 256, (16, 40, 112), np.uint8)
graphs = reader_file.graphs_of(reader_network.network(), pictures)
print(hashlib.sha256(b"".join(graphs.values())).hexdigest())
"""


def test_it_keeps_its_order():
    items = OrderedSet("banana")
    assert list(items) == ["b", "a", "n"] and len(items) == 3 and "n" in items
    items.add("a")
    items.discard("b")
    items.discard("x")
    assert list(items) == ["a", "n"]
    items |= OrderedSet("xa")
    assert list(items) == ["a", "n", "x"]
    assert list(items.union("ny", "z")) == ["a", "n", "x", "y", "z"]
    assert set(items.intersection(["x", "a", "q"])) == {"a", "x"}
    assert items.issubset(OrderedSet("xnab")) and not items.issubset(OrderedSet("a"))


@pytest.mark.slow
def test_each_process_writes_the_same_graph():
    graphs = set()
    for seed in "12":
        command = [sys.executable, "-c", EXPORT]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        graphs.add(subprocess.check_output(command, env=environment, text=True))
    assert len(graphs) == 1
