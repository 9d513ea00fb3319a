"""What the package exports, and the example in its docstring."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from uflux_kedro import validation


@pytest.mark.parametrize("name", validation.__all__)
def test_every_exported_name_is_imported(name):
    exported = getattr(validation, name)
    assert name == "METRICS" or exported.__module__.startswith("uflux_kedro.validation")


def test_the_example_of_the_docstring_runs():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "site_id": np.repeat(["A", "B", "C"], 24),
            "time": np.tile(pd.date_range("2001-01-01", periods=24, freq="MS"), 3),
            "ERA5_TA": rng.uniform(-5, 25, 72),
            "GPP_QC": 1.0,
        }
    )
    table["GPP"] = 4 + 0.1 * table["ERA5_TA"] + 0.01 * rng.standard_normal(72)
    given = {
        "table": table,
        "predictors": ["ERA5_TA"],
        "parameters": validation.TrainingParameters(),
        "model_of_fold": lambda _: LinearRegression(),
    }
    test = doctest.DocTestParser().get_doctest(validation.__doc__, given, "validation", None, 0)
    results = doctest.DocTestRunner().run(test)
    assert results.attempted == 6
    assert results.failed == 0
