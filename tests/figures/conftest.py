"""A small synthetic ensemble for every figure."""

from __future__ import annotations

import pandas as pd
import pytest
import xarray as xr

from tests.testing.synthetic import make_predictions, make_products, make_sites, make_training_table


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    return make_sites()


@pytest.fixture(scope="module")
def training_table(sites: pd.DataFrame) -> pd.DataFrame:
    return make_training_table(sites)


@pytest.fixture(scope="module")
def predictions(training_table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return make_predictions(training_table)


@pytest.fixture(scope="module")
def products() -> dict[str, xr.Dataset]:
    return make_products()
