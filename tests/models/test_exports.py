"""What the package exports, and the example in its docstring."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from uflux_kedro import models


@pytest.mark.parametrize("name", models.__all__)
def test_every_exported_name_is_imported(name):
    exported = getattr(models, name)
    assert name == "MODELS" or exported.__module__.startswith("uflux_kedro.models")


def test_the_example_of_the_docstring_runs(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(200, 3))
    given = {"X": X, "y": X.sum(axis=1), "X_map": rng.uniform(size=(50, 3)), "folder": tmp_path}
    test = doctest.DocTestParser().get_doctest(models.__doc__, given, "models", None, 0)
    results = doctest.DocTestRunner().run(test)
    assert results.attempted == 5
    assert results.failed == 0
