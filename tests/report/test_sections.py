"""Sections about the products: totals, comparisons with peers, budgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.pages import HOSTILE, PIXEL, Outline
from tests.testing.synthetic import make_leaderboard, make_products, make_sites, make_training_table
from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.picture import Picture
from uflux_kedro.report import ReportContext, map_sections, render_report
from uflux_kedro.report.period import mean_in_words
from uflux_kedro.report.sections import summary_table, support_table, years_table, zones_table
from uflux_kedro.statistics.aggregates import aggregate
from uflux_kedro.statistics.peers import SCORES
from uflux_kedro.statistics.zones import AllCells, Bands
from uflux_kedro.variables import VARIABLES


@pytest.fixture(scope="module")
def aggregates() -> pd.DataFrame:
    """Three years of two fluxes with different units; H first, as a configuration may list it."""
    tables = []
    for flux in ("H", "GPP"):
        product = make_products(months=36)[flux]
        product[flux] = product[flux] * (1 + 0.1 * (product["time"].dt.year == 2004))
        product[flux].attrs["units"] = VARIABLES[flux].unit
        tables.append(aggregate(product, flux, [AllCells(), Bands((-90.0, 0.0, 90.0))]))
    return pd.concat(tables)


@pytest.fixture
def peers() -> pd.DataFrame:
    rows = [
        {"peer": name, "flux": "GPP", "unit": "gC m-2 d-1"} | dict.fromkeys(SCORES, 0.4321)
        for name in ("demo-truth", "FLUXCOM-X")
    ]
    return pd.DataFrame(rows).assign(months=12.0)


BUDGETS = pd.DataFrame(
    [("carbon", "NEE", -0.1234, "gC m-2 d-1")], columns=["budget", "quantity", "value", "unit"]
)


def test_years_are_rows_and_fluxes_are_in_their_order(aggregates):
    table = years_table(aggregates)
    assert table["year"].tolist() == ["2003", "2004", "2005", "mean of years", "± between years"]
    assert list(table)[1::2] == ["GPP (PgC yr⁻¹)", "H (W m⁻²)"]
    whole = aggregates[(aggregates.region_kind == "global") & (aggregates.flux == "GPP")]
    totals = whole[whole.statistic == "total"].set_index("year")
    column = table.set_index("year")["GPP (PgC yr⁻¹)"]
    assert column["2004"] == totals.loc["2004", "value"]
    assert column["mean of years"] == totals.loc["all", "value"]
    assert column["± between years"] == totals.loc["all", "std_years"] > 0


def test_zones_have_their_area_and_totals(aggregates):
    table = zones_table(aggregates, "zonal")
    assert table["region"].tolist() == ["90S to 0", "0 to 90N"]
    whole = years_table(aggregates).set_index("year")["GPP (PgC yr⁻¹)"]["mean of years"]
    assert table["GPP (PgC yr⁻¹)"].sum() == pytest.approx(whole)
    assert table["GPP ±"].isna().all(), "the members' fields were not kept"


def test_water_is_in_thousands_and_a_part_of_a_year_is_a_mean():
    product = make_products(months=12)["H"].rename({"H": "ET", "H_std": "ET_std"})
    product["ET"].attrs["units"] = "mm d-1"
    table = aggregate(product, "ET", [AllCells()])
    shown = years_table(table).set_index("year")
    assert shown.index.tolist() == ["2003"], "one year has no mean of years"
    assert shown["ET (1000 km³ yr⁻¹)"]["2003"] * 1000 == pytest.approx(table["value"].iloc[0])
    part = aggregate(product.isel(time=slice(0, 3)), "ET", [AllCells()])
    assert list(years_table(part))[1] == "ET (mm d⁻¹)"
    assert years_table(part)["year"].tolist() == ["mean of the record"]
    assert summary_table(part)["years"].tolist() == ["part of a year"]


def test_totals_stand_beside_their_support(aggregates):
    given = aggregates.assign(
        extrapolated=0.47, completeness=0.5, coverage=0.9, lower=1.0, upper=1234.5
    )
    table = summary_table(given).set_index("flux")
    assert table.index.tolist() == ["GPP", "H"]
    assert table.loc["GPP", "years"] == "2003 to 2005"
    assert table.loc["GPP", ["extrapolated", "completeness", "coverage"]].tolist() == [
        0.47,
        0.5,
        0.9,
    ]
    assert table.loc["GPP", "interval"] == "1.00 to 1234.50"
    assert table.loc["H", "unit"] == "W m⁻²"
    whole = years_table(aggregates).set_index("year").loc["mean of years"]
    assert table.loc["GPP", "value"] == whole["GPP (PgC yr⁻¹)"]
    zones = zones_table(given, "zonal")
    assert zones["GPP extrapolated"].tolist() == [0.47, 0.47]
    assert list(support_table(given, "zonal"))[1:3] == ["GPP completeness", "GPP coverage"]
    carbon = given["flux"] == "GPP"
    some = pd.concat([given[carbon & (given["region"] != "90S to 0")], given[~carbon]])
    for make in (zones_table, support_table):  # the first flux has no value in the first zone
        assert make(some, "zonal")["region"].tolist() == ["90S to 0", "0 to 90N"]
    two = given[given["year"].isin(["2003", "2005", "all"])]
    assert summary_table(two)["years"].tolist() == ["2003, 2005"] * 2


@pytest.mark.parametrize(("rule", "words"), [("mask", "have no value on snow"), ("zero", "are zero by rule"), ("predict", "all is extrapolated")])  # fmt: skip
def test_the_rule_for_land_without_plants_is_told(aggregates, rule, words):
    (section,) = map_sections(aggregates, None, None, unvegetated=rule)
    assert words in section.text
    assert (
        "where a member has no value in a cell and period, the mean of the others" in section.text
    )


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        (("2018-01", "2020-12"), ("Multi-year mean", "2018 to 2020")),
        (("2019-01", "2019-12"), ("Mean", "2019")),
        (("2019-03", "2019-05"), ("Mean", "2019-03 to 2019-05")),
        (("2019-03", "2019-03"), ("Mean", "2019-03")),
        (("2018-07", "2020-06"), ("Multi-year mean", "2018-07 to 2020-06")),
    ],
)
def test_several_years_are_said_of_several_years_only(months, expected):
    assert mean_in_words(*months) == expected


@pytest.fixture
def context(aggregates, peers):
    return ReportContext(
        title="UFLUX",
        members=[],
        scheme="loso",
        training_table=make_training_table(make_sites()),
        leaderboard=make_leaderboard(),
        mapped=("2003-01", "2003-12"),
        figures=dict.fromkeys(
            ("mean_maps", "difference_demo-truth", "density_demo-truth"), Picture(PIXEL)
        ),
        sections=map_sections(aggregates, peers, BUDGETS),
    )


def test_the_page_has_a_section_of_each_with_its_figures(context):
    page = render_report(context)
    outline = Outline(page)
    assert {"totals", "peers", "budgets"} <= set(outline.ids)
    assert {"#totals", "#peers", "#budgets"} <= set(outline.links)
    assert len(outline.ids) == len(set(outline.ids))
    words = outline.words
    assert "Compared with FLUXCOM-X" in words
    assert "Product minus demo-truth. (Figure 8 of UFLUX.)" in words
    assert "GPP gC m⁻² d⁻¹ 12 0.43" in words
    assert f"carbon NEE {MINUS}0.123 gC m⁻² d⁻¹" in words
    assert "{" not in words
    assert (
        "Mean of the ensemble. (Figure 4a of UFLUX.) Mean over all mapped periods (2003)" in words
    )
    assert "ulti-year" not in words
    peers, budgets = page.index('<section id="peers">'), page.index('<section id="budgets">')
    assert peers < page.index('id="figure-difference_demo-truth"') < budgets
    assert page.index('id="figure-mean_maps"') < page.index('<section id="totals">')


def test_a_run_without_maps_has_no_section(context):
    assert map_sections(None, None, None) == []


def test_names_of_regions_and_peers_are_escaped(context, aggregates, peers):
    from dataclasses import replace

    sections = map_sections(
        aggregates.assign(region=aggregates["region"].replace("0 to 90N", HOSTILE), region_kind=np.where(aggregates["region_kind"] == "global", "global", HOSTILE)),
        peers.assign(peer=HOSTILE).head(1),
        BUDGETS.assign(quantity=HOSTILE),
    )  # fmt: skip
    page = render_report(replace(context, sections=sections))
    assert "<script>alert" not in page
    assert Outline(page).tags.count("script") == 1
