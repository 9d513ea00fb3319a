"""Figure 6: which years are drawn, in which unit, and what is said where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from uflux_kedro.errors import InputError
from uflux_kedro.figures.interannual import interannual_figure
from uflux_kedro.statistics.interannual import COLUMNS, NO_TIMESTAMP, SEASON


def rows_of(flux, years, unit, statistics=("total", "mean"), peers=("truth",)):
    rows = []
    for year in years:
        for statistic in statistics:
            base = {"flux": flux, "year": year, "statistic": statistic, "unit": unit[statistic]}
            value = 100.0 + year % 5
            rows.append(base | {"kind": "ensemble", "name": "ensemble", "value": value, "lower": value - 9, "upper": value + 9})  # fmt: skip
            for name, group, shift in (("A", SEASON, 1), ("B", SEASON, 3), ("C", NO_TIMESTAMP, 5)):
                rows.append(base | {"kind": "member", "name": name, "group": group, "value": value + shift})  # fmt: skip
            rows += [base | {"kind": "peer", "name": n, "value": 2 * value + i} for i, n in enumerate(peers)]  # fmt: skip
        for kind in ("towers", "model at towers"):
            rows.append(
                {"flux": flux, "year": year, "statistic": "anomaly", "unit": unit["mean"], "kind": kind,
                 "name": kind, "value": 0.1 * (year % 3), "lower": -1.0, "upper": 1.0, "n": 7}
            )  # fmt: skip
    return rows


CARBON = {"total": "PgC yr-1", "mean": "gC m-2 d-1"}


def table_of(years, **how):
    energy = rows_of("H", years, {"mean": "W m-2"}, ("mean",), **how)
    return pd.DataFrame(energy + rows_of("GPP", years, CARBON, **how), columns=list(COLUMNS))


def panels(figure):
    return np.array([a for a in figure.axes if a.get_subplotspec()]).reshape(-1, 3)


def line(axis, *, width=2.0):
    return next(one for one in axis.get_lines() if one.get_linewidth() == width)


def test_years_units_and_number_of_points():
    years = range(2001, 2011)
    figure = interannual_figure(table_of(years), ["H", "GPP"])
    gpp, heat = panels(figure)
    assert gpp[0].get_ylabel() == "GPP\n(PgC yr⁻¹)"
    assert heat[0].get_ylabel() == "H\n(W m⁻²)"
    assert [a.get_ylabel() for a in gpp[1:]] == ["gC m⁻² d⁻¹"] * 2
    ours = line(gpp[0])
    assert ours.get_xdata().tolist() == list(years)
    assert ours.get_ydata().tolist() == [100 + year % 5 for year in years]
    # Two groups, a peer, the ensemble: four lines of ten years, and two bands.
    assert [len(one.get_xdata()) for one in gpp[0].get_lines()] == [10] * 4
    assert len([c for c in gpp[0].collections if isinstance(c, PolyCollection)]) == 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "members, season as predictor (2)" in labels
    assert "truth" in labels


def test_departures_are_from_the_mean_over_the_years():
    _, axis, towers = panels(interannual_figure(table_of(range(2001, 2011)), ["GPP"]))[0]
    value = np.array([year % 5 for year in range(2001, 2011)], float)
    assert line(axis).get_ydata() == pytest.approx(value - value.mean())
    peer = line(axis, width=0.8)
    assert peer.get_ydata() == pytest.approx(2 * (value - value.mean()))
    assert towers.get_xlabel() == "7 towers"
    assert towers.get_lines()[0].get_ydata() == pytest.approx([0.1 * (y % 3) for y in range(2001, 2011)])  # fmt: skip


def test_three_peers_have_a_band_among_them():
    def bands(peers):
        axis = panels(interannual_figure(table_of(range(2001, 2011), peers=peers), ["GPP"]))[0][0]
        return len([c for c in axis.collections if isinstance(c, PolyCollection)])

    assert bands(("a", "b", "c")) == bands(("a", "b")) + 1


def test_one_year_is_a_point_and_said_to_be_one():
    figure = interannual_figure(table_of([2019]), ["GPP"])
    left, middle, right = panels(figure)[0]
    assert line(left).get_xdata().tolist() == [2019]
    assert left.get_xticks().tolist() == [2019]
    assert [t.get_text() for t in middle.texts] == ["Only 2019 is mapped: there are\nno years to compare."]  # fmt: skip
    assert not middle.get_lines()
    assert "Fewer than two years" in right.texts[0].get_text()
    assert "GPP, ensemble, 2019: 104.0 PgC yr⁻¹." in figure.get_label()


def test_no_full_year_is_said():
    figure = interannual_figure(pd.DataFrame(columns=list(COLUMNS)), ["NEE"])
    assert [a.texts[0].get_text() for a in panels(figure)[0]] == [
        "No full calendar year\nis mapped.",
        "No full calendar year\nis mapped: there are\nno years to compare.",
        "Fewer than two years\nwith three towers.",
    ]
    assert "NEE: no full year." in figure.get_label()


def test_tables_without_a_column_are_refused():
    with pytest.raises(InputError, match="upper"):
        interannual_figure(table_of([2019]).drop(columns="upper"), ["GPP"])
