"""The section about uncertainty: its tables, and what it says of parts that are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.pages import PIXEL, Outline
from tests.testing.synthetic import make_leaderboard, make_sites, make_training_table
from uflux_kedro.figures.picture import Picture
from uflux_kedro.report import (
    UNCERTAINTY_FIGURES,
    ReportContext,
    render_report,
    uncertainty_section,
)

SCORE = {
    "towers": 138, "coverage": 0.912, "coverage_low": 0.887, "coverage_high": 0.93,
    "interval_score": 8.1, "interval_score_constant": 10.2, "gain": 0.206, "gain_low": -0.01,
    "gain_high": 0.3,
}  # fmt: skip
CURVES = {
    flux: pd.DataFrame(
        {"group": groups, "towers": range(9, 9 - len(groups), -1), "nominal": 0.9, "coverage": 0.88}
    )
    for flux, groups in {"LE": ["all", "WET"], "GPP": ["all", "WET", "EBF"]}.items()
}
LEARNING = pd.DataFrame(
    {"flux": "GPP", "group": ["all", "all", "ENF", "all"], "towers": [14, 40, 14, 138], "draw": 0,
     "test_towers": 40, "share": 1.0, "NSE": [0.6, 0.7, 0.1, 0.8], "RMSE": 1.0}
)  # fmt: skip
ANNUAL = pd.DataFrame(
    {"errors": ["correlated", "independent", "dependent"], "towers": 61, "sums": 300,
     "coverage": [0.894, 0.75, 0.98], "low": 0.85, "high": 0.93}
)  # fmt: skip
TARGETS = pd.DataFrame(
    {"flux": "GPP", "group": ["all", "ENF"], "sites": [138, 30], "random": np.nan, "processing": np.nan,
     "method": [0.04, 0.02], "total": [0.04, 0.02], "low": 0.03, "high": 0.054}
)  # fmt: skip
CARBON = pd.DataFrame(
    {"flux": ["GPP"], "sites": 138, "NSE": 0.75, "NSE_closed": 0.753, "difference": 0.003, "low": -0.001,
     "high": 0.008, "median_site_NSE": 0.6, "median_site_NSE_closed": 0.61, "coverage": 0.9}
)  # fmt: skip
LOOP = pd.DataFrame(
    {"network": ["real", "random"], "towers": 40, "flux": "GPP", "by": ["land", "IGBP"], "group": ["all", "EBF"],
     "RMSE": 1.25, "bias": -0.1, "coverage": 0.89, "width": 4.0, "completeness": 0.5}
)  # fmt: skip
SUMS = pd.DataFrame(
    {"flux": "GPP", "region_kind": ["global", "global", "zonal"], "region": "", "year": [2003, "all", 2003],
     "statistic": ["total", "mean", "total"], "value": [120.0, 2.0, 50.0], "unit": "PgC yr-1",
     "lower": 100.0, "upper": 141.26, "lower_independent": 119.0, "upper_independent": 121.0,
     "lower_dependent": 60.0, "upper_dependent": 180.0, "completeness": 0.7}
)  # fmt: skip
RANKING = pd.DataFrame(
    {"measure": ["completeness", "sigma"], "towers": 138, "by_tower": [0.1, 0.512], "by_tower_low": [-0.1, 0.4],
     "by_tower_high": [0.3, 0.6], "by_row": 0.3, "ause": 0.4}
)  # fmt: skip
NEEDED = {
    "scores": {flux: pd.DataFrame([SCORE]) for flux in ("LE", "GPP")}, "curves": CURVES,
    "ranking": {"GPP": RANKING}, "annual": {"GPP": ANNUAL},
}  # fmt: skip
OPTIONAL = {
    "learning": LEARNING, "targets": TARGETS, "carbon": CARBON, "sums": SUMS, "closed_loop": LOOP,
}  # fmt: skip
PARTS = NEEDED | OPTIONAL


def rendered(section, figures=()) -> Outline:
    return Outline(
        render_report(
            ReportContext(
                title="UFLUX",
                members=[],
                scheme="loso",
                training_table=make_training_table(make_sites()),
                leaderboard=make_leaderboard(),
                figures=dict.fromkeys(figures, Picture(PIXEL)),
                sections=[section],
            )
        )
    )


def test_the_page_shows_every_part_with_its_figures_once():
    figures = [*UNCERTAINTY_FIGURES, "next_tower_GPP"]
    section = uncertainty_section(0.9, **PARTS, figures=figures)
    assert section.notes == []
    outline = rendered(section, figures)
    assert len(outline.sources) == len(figures)
    assert len(outline.ids) == len(set(outline.ids))
    words = outline.words
    assert "An interval of 90% is to contain 90% of the values" in words
    assert "138 0.91 0.887 to 0.93 8.10 10.20 0.21" in words
    assert "real 40 GPP" in words
    assert "GPP learnt spread 138 0.51 0.4 to 0.6 0.30 0.40" in words
    assert "GPP 138 0.750 0.753" in words
    assert "GPP 61 300 0.89 0.85 to 0.93 0.75 0.98" in words
    places = [words.index(f"{caption.title}. ") for caption in UNCERTAINTY_FIGURES.values()]
    assert places == sorted(places)


def test_tables_show_what_they_are_about():
    tables = {title: t for title, t, _ in uncertainty_section(0.9, **PARTS).tables}
    by_class = tables["Coverage of intervals of 90% by IGBP class"]
    assert by_class["IGBP"].tolist() == ["all", "EBF", "WET"]
    assert list(by_class)[1:] == ["GPP towers", "GPP", "LE towers", "LE"]
    assert by_class["LE"].isna().tolist() == [False, True, False]
    learning = tables["Skill by number of training towers"]
    assert learning["training towers"].tolist() == [14, 40, 138]
    assert len(tables["Maps from drawn networks against the truth"]) == 1
    (total,) = tables["All mapped cells with intervals of 90%"].to_dict("records")
    assert (total["year"], total["value"], total["interval"]) == ("2003", 120.0, "100 to 141")
    assert total["if errors were independent"] == "119 to 121"
    assert total["if they were all alike"] == "60 to 180"


@pytest.mark.parametrize("part", [name for name in OPTIONAL if name != "carbon"])
def test_a_missing_part_is_named_with_the_way_to_get_it(part):
    figures = ["completeness_maps", "next_tower_GPP"]
    whole = uncertainty_section(0.9, **PARTS, figures=figures)
    parts = {name: given for name, given in PARTS.items() if name != part}
    section = uncertainty_section(0.9, **parts, figures=figures)
    (note,) = section.notes
    assert note.startswith("Left out. ")
    # A learning curve gives two tables.
    assert len(section.tables) == len(whole.tables) - (2 if part == "learning" else 1)
    assert note in rendered(section).words


def test_maps_of_drawn_networks_alone_say_how_to_have_the_real_one():
    for closed_loop in (LOOP.assign(network="random"), None):
        section = uncertainty_section(0.9, **(PARTS | {"closed_loop": closed_loop}))
        (note,) = [note for note in section.notes if "real network" in note]
        assert "uncertainty.closed_loop.network" in note
        assert "Shuttle" in note


def test_totals_without_intervals_and_tables_without_rows_are_missing_parts():
    without = SUMS.assign(lower=np.nan)
    for sums in (without, SUMS.drop(columns="lower"), SUMS.head(0)):
        section = uncertainty_section(
            0.9, **NEEDED, sums=sums, targets=TARGETS.head(0), learning=LEARNING.head(0)
        )
        assert len(section.tables) == len(NEEDED)
        assert len(section.notes) == 5


def test_fluxes_without_annual_sums_have_no_row():
    parts = NEEDED | {"annual": {"GPP": ANNUAL, "LE": ANNUAL.head(0)}}
    tables = {title: t for title, t, _ in uncertainty_section(0.9, **parts).tables}
    assert tables["Intervals of 90% of annual sums at towers"]["flux"].tolist() == ["GPP"]
