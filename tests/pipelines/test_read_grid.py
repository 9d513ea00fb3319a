from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.features.parameters import FeatureParameters
from uflux_kedro.gridding.grids import ProjectedGrid
from uflux_kedro.pipelines.ingestion.nodes import read_grid
from uflux_kedro.readers.parameters import GridParameters


@pytest.fixture
def hours(tmp_path):
    """Return hourly temperature over a month and some days, rising by a degree a day."""
    time = pd.date_range("2001-01-30", "2001-03-03", freq="h", inclusive="left")
    warmth = 280 + np.arange(len(time)) // 24
    data = xr.Dataset(
        {"t2m": (("valid_time", "latitude", "longitude"), np.tile(warmth[:, None, None], (1, 2, 3)).astype("float32"), {"units": "K"})},
        {"valid_time": time, "latitude": [50.0, 40.0], "longitude": [0.0, 10.0, 20.0]},
    )  # fmt: skip
    data.to_netcdf(tmp_path / "h.nc")
    return [tmp_path / "h.nc"]


def test_hours_are_averaged_as_configured(hours):
    options = {"variables": ["TA"]}
    months = read_grid(hours, GridParameters(reader="era5", means_over="month", options=options))
    assert months.indexes["time"].tolist() == [pd.Timestamp("2001-02-01")]
    expected = 280 + np.arange(2, 30).mean() - 273.15
    np.testing.assert_allclose(months["TA"], expected, rtol=1e-5)
    days = read_grid(hours, GridParameters(reader="era5", means_over="day", options=options))
    np.testing.assert_allclose(days["TA"][:, 0, 0], 6.85 + np.arange(32), rtol=1e-5)
    assert read_grid(hours, GridParameters(reader="era5", options=options)).sizes["time"] == 32 * 24


def test_an_unknown_option_of_a_reader_is_named(hours):
    with pytest.raises(ConfigurationError, match="'era5' has no option variable"):
        read_grid(hours, GridParameters(reader="era5", options={"variable": "TA"}))
    with pytest.raises(ValidationError):
        GridParameters(reader="era5", means_over="week")


def test_the_target_may_be_in_degrees_or_in_a_projection():
    degrees = FeatureParameters.model_validate({"target_grid": {"resolution": 2.0}})
    assert degrees.target_grid.resolution == 2
    settings = {"crs": "EPSG:27700", "resolution": 100, "west": 0, "south": 0, "east": 1000, "north": 500}  # fmt: skip
    metres = FeatureParameters.model_validate({"target_grid": settings})
    assert isinstance(metres.target_grid, ProjectedGrid)
    with pytest.raises(ValidationError):
        FeatureParameters.model_validate({"target_grid": settings | {"crs": "EPSG:4326"}})
