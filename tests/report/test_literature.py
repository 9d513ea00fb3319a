"""Totals beside published ones: values, units, coverage, and what is said of simulated data."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.testing.synthetic import make_products
from uflux_kedro.figures.literature import literature_figure
from uflux_kedro.report.literature import (
    COLUMNS,
    LAND_KM2,
    beside_literature,
    literature_section,
    published_values,
)
from uflux_kedro.statistics.aggregates import aggregate
from uflux_kedro.statistics.zones import AllCells
from uflux_kedro.variables import VARIABLES

BUDGETS = pd.DataFrame(
    [("energy", "net radiation, estimated from ERA5 with albedo 0.23", 81.0, "W m-2")],
    columns=["budget", "quantity", "value", "unit"],
)


def aggregates_of(months=12):
    tables = []
    for flux in ("GPP", "H", "LE"):
        product = make_products(months=months)[flux]
        product[flux].attrs["units"] = VARIABLES[flux].unit
        tables.append(aggregate(product, flux, [AllCells()]))
    water = tables[-1].assign(flux="ET", statistic="total", unit="km3 yr-1", value=70_000.0, lower=6e4, upper=8e4)  # fmt: skip
    return pd.concat([*tables, water], ignore_index=True)


@pytest.fixture(scope="module")
def table():
    return beside_literature(aggregates_of(24), BUDGETS)


def test_each_published_value_has_a_range_a_source_and_a_doi():
    published = published_values()
    assert set(published["quantity"]) == {"GPP", "NEE", "ET", "H", "LE", "Rn"}
    assert (published["low"] < published["published"]).all()
    assert (published["published"] < published["high"]).all()
    assert published["doi"].str.match(r"10\.\d{4,}/\S+$").all()
    assert published["source"].str.contains(r"\(20\d\d\)").all()


def test_values_are_means_of_the_years_in_the_published_unit(table):
    assert list(table) == list(COLUMNS)
    # No product of NEE, so no row of it; net radiation is that of the budgets.
    assert table["quantity"].unique().tolist() == ["GPP", "ET", "H", "LE", "Rn"]
    yearly = aggregates_of(24).query("flux == 'GPP' and statistic == 'total' and year != 'all'")
    one = table[table["quantity"] == "GPP"].iloc[0]
    assert one["value"] == pytest.approx(yearly["value"].mean())
    assert one["years"] == 2
    assert one["coverage"] == pytest.approx(yearly["area_km2"].mean() / LAND_KM2)
    water = table[table["quantity"] == "ET"].iloc[0]
    assert water[["value", "lower", "upper", "unit"]].tolist() == [70.0, 60.0, 80.0, "1000 km3 yr-1"]  # fmt: skip
    assert set(table.loc[table["quantity"] == "Rn", "value"]) == {81.0}


def test_a_season_is_not_compared_with_years():
    assert beside_literature(aggregates_of(3), None).empty
    section = literature_section(beside_literature(aggregates_of(3), None))
    assert section.tables == []
    assert section.text.startswith("No full calendar year")
    assert "No full calendar year" in literature_figure(pd.DataFrame(columns=list(COLUMNS))).get_label()  # fmt: skip


def test_a_simulated_earth_is_not_expected_to_agree(table):
    words = "not expected to agree"
    assert words in literature_section(table, "towers").text
    assert words not in literature_section(table).text
    section = literature_section(table)
    (_, shown, _), = section.tables  # fmt: skip
    assert len(shown) == len(table)
    # One source a line, whatever it is of.
    assert [line.partition(":")[0] for line in section.notes] == list(
        dict.fromkeys(shown["source"])
    )
    assert all("doi 10." in line for line in section.notes)


def test_panels_show_product_and_published_values(table):
    figure = literature_figure(table)
    panels = {a.get_title(loc="left"): a for a in figure.axes if a.get_title(loc="left")}
    assert list(panels) == ["GPP", "ET", "H", "LE", "Rn"]
    axis = panels["GPP"]
    ours, published = axis.get_lines()
    rows = table[table["quantity"] == "GPP"]
    assert ours.get_xdata() == pytest.approx([rows["value"].iloc[0]])
    assert published.get_xdata().tolist() == [106.2, 124.7, 157.0]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["this product", "Zheng 2020", "FLUXCOM-X", "Lai 2024"]  # fmt: skip
    assert axis.get_xlabel() == "GPP (PgC yr⁻¹)"
    assert panels["ET"].get_xlabel() == "ET (1000 km³ yr⁻¹)"
    assert "ET: 70.0, published FLUXCOM RS 75.6" in figure.get_label()
