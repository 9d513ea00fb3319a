"""Figure 7: two maps on one scale, and the cells that both have."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from tests.testing.maps import in_projection
from tests.testing.synthetic import make_product
from uflux_kedro.errors import InputError
from uflux_kedro.figures.resolutions import resolutions_figure
from uflux_kedro.statistics.resolutions import compare_resolutions


@pytest.fixture(scope="module")
def comparison():
    coarse = make_product(size=1.0, months=12, values=5.0)
    coarse["GPP"] = coarse["GPP"] + 0.1 * coarse["latitude"]
    fine = in_projection(lambda lon, lat: np.where(lon < 12, 4 + 0.1 * lat, np.nan))
    return compare_resolutions(coarse, fine, "GPP")


def mesh(axis):
    return next(c for c in axis.collections if isinstance(c, QuadMesh))


def test_two_maps_on_one_scale_and_a_point_for_each_cell(comparison):
    figure = resolutions_figure(comparison)
    left, middle, right = (a for a in figure.axes if a.get_title(loc="left"))
    assert [a.get_title(loc="left") for a in (left, middle, right)] == ["coarse", "fine, 10 km", "coarse cells"]  # fmt: skip
    assert mesh(left).get_clim() == mesh(middle).get_clim()
    shown = np.ma.filled(mesh(middle).get_array().astype(float), np.nan)
    np.testing.assert_allclose(shown, comparison["picture"].to_numpy())
    assert np.ma.count(mesh(left).get_array()) == int((comparison["share"] > 0).sum())
    points = right.get_lines()[0]
    both = comparison["fine"].notnull()
    assert len(points.get_xdata()) == int(comparison["cells"]) == int(both.sum())
    assert sorted(points.get_ydata()) == pytest.approx(
        sorted(comparison["coarse"].to_numpy()[both])
    )
    assert right.get_xlabel() == "GPP, fine (gC m⁻² d⁻¹)"
    assert middle.get_xlabel() == "easting (km)"
    assert f"{int(both.sum())} coarse cells" in figure.get_label()


def test_too_few_cells_have_no_r2(comparison):
    few = comparison.assign(r2=np.nan)
    assert "too few cells for R²" in resolutions_figure(few).get_label()
    none = comparison.assign(fine=comparison["fine"] * np.nan, cells=0.0)
    right = resolutions_figure(none).axes[2]
    assert "half covered" in right.texts[0].get_text()


def test_another_dataset_is_refused(comparison):
    with pytest.raises(InputError, match="picture"):
        resolutions_figure(comparison.drop_vars("picture"))
