"""Style, units as text, reproducible bytes, and pyplot's state unchanged."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from tests.testing.synthetic import make_leaderboard
from uflux_kedro import figures
from uflux_kedro.figures.labels import axis_label, flux_unit, number, unit_text
from uflux_kedro.figures.style import png_bytes, styled


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("gC m-2 d-1", "gC m⁻² d⁻¹"),
        ("W m-2", "W m⁻²"),
        ("degC", "°C"),
        ("umol mol-1", "µmol mol⁻¹"),
        ("m3 m-3", "m³ m⁻³"),
        ("mW m-2 nm-1 sr-1", "mW m⁻² nm⁻¹ sr⁻¹"),
        ("1", ""),
    ],
)
def test_units_in_words(unit, words):
    assert unit_text(unit) == words


def test_each_flux_has_its_unit_on_axes():
    assert {f: flux_unit(f) for f in ("GPP", "RECO", "NEE", "H", "LE")} == {
        "GPP": "gC m⁻² d⁻¹",
        "RECO": "gC m⁻² d⁻¹",
        "NEE": "gC m⁻² d⁻¹",
        "H": "W m⁻²",
        "LE": "W m⁻²",
    }
    assert axis_label("LE", "tower") == "LE, tower (W m⁻²)"
    assert axis_label("GPP") == "GPP (gC m⁻² d⁻¹)"


def test_number_has_a_true_minus():
    assert number(-1.234) == "\N{MINUS SIGN}1.23"


def test_style_is_loaded_from_the_package_and_restored():
    before = dict(matplotlib.rcParams)
    with styled():
        assert matplotlib.rcParams["svg.hashsalt"] == "uflux"
        assert matplotlib.rcParams["font.family"] == ["DejaVu Sans"]
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("family", ["scatter", "leaderboard", "maps", "site_skill", "member"])
def test_same_data_same_bytes(family, predictions, products):
    draw = {
        "scatter": lambda: figures.scatter_figure({"LE": predictions["LE"]}),
        "leaderboard": lambda: figures.leaderboard_figure(make_leaderboard(("A-B",))),
        "maps": lambda: figures.mean_maps_figure({"NEE": products["NEE"]}),
        "site_skill": lambda: figures.site_skill_figure(predictions),
        "member": lambda: figures.member_figure(predictions["H"], "A.H.RF", "W m-2"),
    }
    once, again = draw[family](), draw[family]()
    for figure in (once, again):
        figure.set_dpi(50)
    assert png_bytes(once) == png_bytes(again)


def test_png_contains_no_software_and_no_date(predictions, tmp_path):
    file = tmp_path / "figure.png"
    file.write_bytes(png_bytes(figures.site_skill_figure(predictions)))
    with Image.open(file) as picture:
        picture.load()
        assert set(picture.info) <= {"dpi"}


def test_figures_leave_pyplot_alone(predictions):
    before = plt.get_fignums()
    png_bytes(figures.member_figure(predictions["GPP"], "A.GPP.RF", "gC m-2 d-1"))
    assert plt.get_fignums() == before
