"""Seasons by latitude: what is drawn where, in which unit."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from uflux_kedro.errors import InputError
from uflux_kedro.figures.latitude_seasons import latitude_seasons_figure
from uflux_kedro.statistics.latitude_seasons import latitude_seasons


@pytest.fixture(scope="module")
def tables(products):
    return {flux: latitude_seasons(product, flux) for flux, product in products.items()}


def panels(figure):
    return {a.get_title(loc="left"): a for a in figure.axes if a.get_title(loc="left")}


def mesh(axis):
    return next(c for c in axis.collections if isinstance(c, QuadMesh))


def test_months_run_to_the_right_and_latitude_upwards(tables):
    figure = latitude_seasons_figure(tables)
    axes = panels(figure)
    assert list(axes) == ["GPP", "RECO", "NEE", "H", "LE"]
    drawn = np.ma.filled(mesh(axes["H"]).get_array().astype(float), np.nan)
    table = tables["H"]
    assert np.isfinite(drawn).sum() == len(table)
    one = table[(table["month"] == 7) & (table["south"] == 40)]
    souths = sorted(table["south"].unique())
    assert drawn[souths.index(40), 6] == pytest.approx(one["value"].iloc[0])
    assert [t.get_text() for t in axes["H"].get_xticklabels()] == list("JFMAMJJASOND")
    low, high = mesh(axes["NEE"]).get_clim()
    assert low == -high
    labels = [a.get_xlabel() for a in figure.axes if a.get_label() == "<colorbar>"]
    assert labels == ["gC m⁻² d⁻¹"] * 3 + ["W m⁻²"] * 2
    assert "GPP is highest" in figure.get_label()


def test_months_that_are_not_mapped_stay_blank(tables):
    part = {"GPP": tables["GPP"].query("month <= 3")}
    drawn = mesh(panels(latitude_seasons_figure(part))["GPP"]).get_array()
    assert np.ma.getmaskarray(drawn)[:, 3:].all()
    assert not np.ma.getmaskarray(drawn)[:, 2].all()


def test_a_table_without_its_columns_is_refused(tables):
    with pytest.raises(InputError, match="north"):
        latitude_seasons_figure({"GPP": tables["GPP"].drop(columns="north")})
