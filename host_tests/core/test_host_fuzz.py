"""The short form of ``make fuzz``: the same mutations, a fixed seed."""

import importlib.util
from pathlib import Path

import pytest


def load():
    path = Path(__file__).parents[1] / "fuzz.py"
    spec = importlib.util.spec_from_file_location("cx_fuzz", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutated_documents():
    assert load().fuzz(seed=4, rounds=400) == 3200


def test_a_failure_is_reported_with_its_input():
    module = load()
    module.TARGETS = {"json": len}
    module.fuzz(seed=1, rounds=3)

    def broken(data):
        raise ZeroDivisionError

    module.TARGETS = {"json": broken}
    with pytest.raises(AssertionError, match="json: ZeroDivisionError"):
        module.fuzz(seed=1, rounds=1)
