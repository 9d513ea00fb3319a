"""Maps and series of completeness, and the ranking of what foretells the error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.figures import (
    completeness_maps_figure,
    completeness_series_figure,
    png_bytes,
    ranking_figure,
)
from uflux_kedro.uncertainty import rank_measures, sparsification


@pytest.fixture(scope="module")
def with_completeness(products):
    found = {}
    for flux in ("GPP", "NEE"):
        product = products[flux]
        values = product[flux].notnull() * 0.5 * (product["latitude"] > 0)
        name = f"{flux}_completeness"
        found[flux] = product.assign({name: values.where(product[flux].notnull())})
    return found


def test_maps_hatch_what_is_outside_the_area_of_applicability(with_completeness):
    figure = completeness_maps_figure(with_completeness)
    maps = [axis for axis in figure.axes if axis.get_title(loc="left") in with_completeness]
    assert len(maps) == 2
    for axis in maps:
        assert axis.images[0].get_clim() == (0, 1)
        assert any(c.get_hatch() or getattr(c, "hatches", None) for c in axis.collections)
    assert png_bytes(figure)[1:4] == b"PNG"
    with pytest.raises(InputError, match="GPP_completeness"):
        completeness_maps_figure({"GPP": with_completeness["GPP"].drop_vars("GPP_completeness")})


def test_the_series_is_the_mean_over_land_by_area(with_completeness):
    figure = completeness_series_figure(with_completeness)
    line = figure.axes[0].lines[0]
    product = with_completeness["GPP"]
    first = product["GPP_completeness"].isel(time=0)
    weight = np.cos(np.deg2rad(product["latitude"])) * first.notnull()
    expected = float((first.fillna(0) * weight).sum() / weight.sum())
    assert line.get_ydata()[0] == pytest.approx(expected, rel=1e-2)
    assert len(line.get_xdata()) == product.sizes["time"]


def test_the_ranking_shows_every_measure_and_flux():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.5, 2, 200)
    rows = pd.DataFrame({
        "site_id": np.repeat([f"S{i}" for i in range(10)], 20),
        "truth": 0.0,
        "prediction": rng.normal(0, sigma),
        "sigma": sigma,
        "completeness": rng.uniform(0, 1, 200),
    })  # fmt: skip
    ranking, curve = rank_measures(rows, n_resamples=20), sparsification(rows)
    figure = ranking_figure({"GPP": ranking, "LE": ranking}, {"GPP": curve, "LE": curve})
    bars, *panels = figure.axes
    heights = [patch.get_height() for patch in bars.patches]
    np.testing.assert_allclose(heights, np.repeat(ranking["by_tower"], 2))
    assert [panel.get_title(loc="left") for panel in panels] == ["GPP", "LE"]
    assert len(panels[0].lines) == 4
    assert png_bytes(figure)[1:4] == b"PNG"
    with pytest.raises(InputError, match="LE"):
        ranking_figure({"LE": ranking}, {"GPP": curve})
