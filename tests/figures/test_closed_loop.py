from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.figures import closed_loop_figure, next_tower_figure


@pytest.fixture
def tables():
    on_map = pd.DataFrame(
        [
            (network, towers, "GPP", by, group, 20.0 / towers, coverage)
            for network, coverage in (("random", 0.95), ("no tropics", 0.8))
            for towers in (100, 20)
            for by, group in (("vegetation", "all"), ("completeness", "0 to 0.2"), ("IGBP", "ENF"))
        ],
        columns=["network", "towers", "flux", "by", "group", "RMSE", "coverage"],
    )
    at_towers = pd.DataFrame(
        [
            (network, towers, "GPP", on, 0.9)
            for network in ("random", "no tropics")
            for towers in (20, 100)
            for on in ("unseen", "held-out")
        ],
        columns=["network", "towers", "flux", "judged_on", "coverage"],
    )
    return on_map, at_towers


def test_a_flux_has_a_row_of_error_and_coverage(tables):
    figure = closed_loop_figure(*tables, level=0.9)
    error, coverage, by_completeness = figure.axes
    assert error.get_title(loc="left") == "GPP"
    np.testing.assert_allclose(error.get_lines()[0].get_xydata(), [[20, 1.0], [100, 0.2]])
    assert {text.get_text() for text in error.get_legend().get_texts()} == {"random", "no tropics"}
    on_map, unseen = coverage.get_lines()[:2]
    np.testing.assert_allclose(on_map.get_ydata(), [0.95, 0.95])
    np.testing.assert_allclose(unseen.get_ydata(), [0.9, 0.9])
    assert [len(line.get_xdata()) for line in by_completeness.get_lines()[:2]] == [1, 1]
    assert "GPP: RMSE 0.20 to 0.20 gC m⁻² d⁻¹, coverage 0.80 to 0.95." in figure.get_label()


def test_a_missing_column_is_refused(tables):
    with pytest.raises(InputError, match="coverage"):
        closed_loop_figure(tables[0].drop(columns="coverage"), tables[1], level=0.9)


def test_candidates_are_dots_and_the_best_are_numbered():
    gain = np.full((6, 12), np.nan)
    gain[3, 2:5] = [0.01, 0.03, 0.02]
    axes = {"latitude": np.arange(-75.0, 90, 30), "longitude": np.arange(-165.0, 180, 30)}
    maps = xr.Dataset({"gain": (tuple(axes), gain)}, axes)
    land = xr.DataArray(np.arange(72).reshape(6, 12) % 3 > 0, axes, tuple(axes))
    best = pd.DataFrame({"rank": [1, 2], "latitude": 15.0, "longitude": [-75, -45], "IGBP": "GRA"})
    axis = next_tower_figure(maps, best, land).axes[0]
    dots = axis.collections[-1]
    np.testing.assert_allclose(dots.get_array(), [1, 2, 3])
    np.testing.assert_allclose(dots.get_offsets()[:, 0], [-105, -45, -75])
    assert [t.get_text() for t in axis.texts] == ["1", "2"]
    with pytest.raises(InputError, match="gain"):
        next_tower_figure(maps.drop_vars("gain"), best, land)
