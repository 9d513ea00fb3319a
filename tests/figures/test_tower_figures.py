"""Figures of the ensemble at towers: what is drawn, in which unit, how many points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection, PolyCollection

from uflux_kedro.explanation.ratios import Line, energy_rows, water_use_rows
from uflux_kedro.figures.ratios import energy_balance, line_text, ratios_figure, water_use
from uflux_kedro.figures.series import series_figure, with_breaks
from uflux_kedro.figures.skill_groups import LOWEST_NSE, skill_groups_figure
from uflux_kedro.figures.taylor import taylor_figure
from uflux_kedro.figures.tower_map import frame_of, land_outlines, tower_map_figure
from uflux_kedro.validation.by_site import skill_by_site
from uflux_kedro.validation.skill_groups import skill_intervals


def offsets(axis):
    """Return the places of all dots of an axis, in the order of drawing."""
    found = [c for c in axis.collections if isinstance(c, PathCollection)]
    return [np.asarray(c.get_offsets()) for c in found]


@pytest.fixture(scope="module")
def key(training_table):
    return training_table[["site_id", "time"]]


def test_ratios_name_their_units_and_count_towers_and_months(predictions, key):
    water = water_use_rows(predictions["GPP"], predictions["LE"], key.assign(TA=12.0))
    energy = energy_rows(predictions["H"], predictions["LE"], key.assign(energy=90.0))
    figure = ratios_figure(water_use(water), energy_balance(energy, "Rn of the towers"))
    axes = [axis for axis in figure.axes if axis.get_xlabel()]
    assert axes[0].get_xlabel() == "GPP / ET (gC kg⁻¹), tower"
    assert axes[2].get_xlabel() == "(H + LE) / available energy, tower\n[Rn of the towers]"
    assert axes[0].get_title(loc="right") == "n = 8 towers"
    assert len(offsets(axes[0])[0]) == 8
    months = (water[["truth_below", "prediction_below"]] >= 0.5).all(axis=1).sum()
    assert axes[1].get_title(loc="right") == f"n = {months} site-months, 8 towers"
    ratio = water["truth_above"].sum() / water["truth_below"].sum()
    assert abs(np.median(offsets(axes[0])[0][:, 0]) - ratio) < 0.4
    assert "Energy-balance ratio of 8 towers: r²" in figure.get_label()


def test_no_line_where_towers_were_corrected_for_closure(predictions, key):
    energy = energy_rows(predictions["H"], predictions["LE"], key.assign(energy=90.0))
    closed = energy.assign(truth_above=energy["truth_below"])
    figure = ratios_figure(water_use(None), energy_balance(closed, "Rn of the towers"))
    axis = next(axis for axis in figure.axes if axis.get_xlabel())
    assert [line.get_label() for line in axis.get_lines()] == ["1:1"]
    model = offsets(axis)[0][:, 1]
    assert axis.texts[0].get_text() == (
        f"towers 1.00, all alike: no line\nmodel {model.mean():.2f} ± {model.std():.2f}"
    )


def test_no_line_where_its_sign_is_unknown():
    text = line_text(Line(0.8, 0.1, -1.3, 1.1, 0.01))
    assert text == "r² = 0.01\nno line: its slope may have either sign"
    text = line_text(Line(0.8, -0.1, 0.5, 1.1, 0.6))
    assert text == "r² = 0.60\ny = 0.80 x \N{MINUS SIGN} 0.10\n95 % of slopes: 0.50 to 1.10"


def test_a_ratio_without_values_says_what_to_provide(predictions, key):
    water = water_use_rows(predictions["GPP"], predictions["LE"], key.assign(TA=12.0))
    figure = ratios_figure(water_use(water), energy_balance(None))
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert any("NETRAD" in text for text in texts)
    figure = ratios_figure(water_use(water.head(3)), energy_balance(water.head(0)))
    assert "no towers with enough values" in figure.get_label()


@pytest.fixture
def skill(predictions, sites):
    return skill_by_site({f: predictions[f] for f in ("GPP", "LE")}, sites)


def test_towers_below_zero_are_triangles_and_those_with_few_values_hollow(skill):
    skill.loc[0, "NSE"] = -2.0
    skill.loc[1, ["n", "NSE"]] = (9, 0.99)
    skill.loc[2, "NSE"] = np.nan
    figure = tower_map_figure(skill)
    axis = figure.axes[0]
    hollow, above, below = (c for c in axis.collections if isinstance(c, PathCollection))
    assert [len(c.get_offsets()) for c in (hollow, above, below)] == [2, 5, 1]
    assert not hollow.get_facecolors().size, "a score of nine values is not coloured"
    assert len({tuple(c) for c in above.get_facecolors()}) == 5
    assert axis.get_title(loc="left") == "GPP"
    assert axis.get_title(loc="right").startswith("6 towers, median 0.")
    assert "GPP: 6 towers with NSE" in figure.get_label()
    assert ", 1 below 0; LE: 8 towers" in figure.get_label()


@pytest.mark.parametrize(
    ("longitude", "latitude", "globe", "centre"),
    [
        ([11.0], [51.0], False, (11.0, 51.0)),
        ([170.0, -170.0], [-40.0, -44.0], False, (-180.0, -42.0)),
        ([-120.0, 10.0, 140.0], [40.0, 50.0, -30.0], True, (0.0, 0.0)),
    ],
    ids=["one tower", "both sides of the date line", "globe"],
)
def test_a_frame_holds_its_towers(longitude, latitude, globe, centre):
    frame = frame_of(np.array(longitude), np.array(latitude))
    west, east, south, north = frame.extent
    x, y = frame.place(np.array(longitude), np.array(latitude)).T
    assert ((x > west) & (x < east) & (y > south) & (y < north)).all()
    assert (east - west > 3e7) == globe
    assert frame.centre == pytest.approx(centre)
    assert east - west >= 2.4e6


def test_the_sea_opposite_land_stays_sea():
    """The point opposite New Zealand is in Spain, which must not be drawn inside out."""
    frame = frame_of(np.array([172.0]), np.array([-43.0]))
    axis = tower_map_figure(
        pd.DataFrame(
            {"flux": "GPP", "site_id": "NZ-1", "n": 12, "NSE": 0.5, "latitude": -43.0, "longitude": 172.0}, index=[0]
        )
    ).axes[0]  # fmt: skip
    (land,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    sea, shore = frame.place(np.array([160.0, 171.5]), np.array([-43.0, -43.2]))
    assert not any(path.contains_point(sea) for path in land.get_paths())
    assert any(path.contains_point(shore) for path in land.get_paths())
    assert len(land.get_paths()) == len(land_outlines(frame))


def test_taylor_diagrams_place_members_by_correlation_and_deviation():
    table = pd.DataFrame(
        {
            "member": ["a", "b", "ensemble"], "sites": 8, "n": 100, "correlation": [0.6, 0.8, 0.9],
            "deviation": [1.0, 0.5, 0.8], "error": [0.9, 0.6, 0.5], "NSE": [0.2, 0.5, 0.8],
        }
    )  # fmt: skip
    figure = taylor_figure({"GPP": table, "LE": table.assign(correlation=[-0.6, 0.8, 0.9])})
    star, members, best, ensemble = offsets(figure.axes[0])
    assert star == pytest.approx(np.array([[1, 0]]))
    assert members == pytest.approx(np.array([[0.6, 0.8], [0.4, 0.3]]))
    assert best == pytest.approx(np.array([[0.4, 0.3]]))
    assert np.hypot(*ensemble[0]) == pytest.approx(0.8)
    assert figure.axes[0].get_title(loc="right") == "best: b"
    assert figure.axes[0].get_xlim()[0] > -0.1
    assert figure.axes[1].get_xlim()[0] < -1, "a negative correlation needs the other half"
    assert "ensemble with correlation 0.90 and standard deviation 0.80" in figure.get_label()


def test_groups_of_fewer_than_ten_towers_are_grey_and_hollow(predictions, sites):
    table = skill_intervals({"GPP": predictions["GPP"]}, sites, n_resamples=50)
    table.loc[table["kind"] == "part", "sites"] = 10
    table.loc[table["group"] == "anomaly", ["NSE", "low", "high"]] = (-5.0, -9.0, 0.5)
    table.loc[table["group"] == "interannual", ["NSE", "low", "high"]] = (0.3, 0.1, 0.5)
    figure = skill_groups_figure(table)
    parts, classes, _ = figure.axes
    many, below, *_ = (c for c in parts.collections if isinstance(c, PathCollection))
    assert len(many.get_offsets()) == 3
    assert [row[0] for row in below.get_offsets()] == [LOWEST_NSE]
    of_class = [c for c in classes.collections if isinstance(c, PathCollection)]
    assert [len(c.get_offsets()) for c in of_class] == [0, 0, 4, 0]
    assert of_class[2].get_facecolors()[0] == pytest.approx([1, 1, 1, 1])
    assert [t.get_text() for t in parts.texts] == ["10"] * 4
    assert "GPP: across-site 0." in figure.get_label()


def test_series_break_at_gaps_and_count_what_the_interval_holds(predictions):
    rows = predictions["LE"].assign(
        lower=lambda t: t["prediction"] - 10, upper=lambda t: t["prediction"] + 10
    )
    one = rows[rows["site_id"] == "XX-001"]
    figure = series_figure(
        rows, "LE", {"XX-001": "best", "XX-002": "worst"}, 0.9, {"XX-001": "DBF"}
    )
    axis = figure.axes[0]
    predicted, measured, _ = axis.get_lines()
    gaps = int((one["time"].diff() > pd.Timedelta(days=40)).sum())
    assert gaps > 0
    for line, column in ((predicted, "prediction"), (measured, "truth")):
        drawn = np.asarray(line.get_ydata(), dtype=float)
        assert np.isnan(drawn).sum() == gaps
        assert drawn[np.isfinite(drawn)] == pytest.approx(one[column].to_numpy())
    inside = (abs(one["truth"] - one["prediction"]) <= 10).mean()
    assert axis.get_title(loc="left") == "XX-001 · DBF · best"
    assert axis.get_title(loc="right").endswith(f"n = {len(one)}, {inside:.0%} inside the interval")
    assert figure.get_supylabel() == "LE (W m⁻²)"
    assert len(with_breaks(one.head(1))) == 1


def test_no_series_is_a_sentence(predictions):
    rows = predictions["LE"].assign(lower=0.0, upper=0.0)
    figure = series_figure(rows, "LE", {}, 0.9)
    assert figure.texts[0].get_text() == (
        "LE: no tower has 24 values; name others in reporting.towers"
    )
