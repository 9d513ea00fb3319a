"""Years beside each other: members by what they know of time, other products, towers."""

from __future__ import annotations

import pytest

from tests.testing.maps import held_out, product_of
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.statistics.aggregates import aggregate
from uflux_kedro.statistics.interannual import (
    COLUMNS,
    NO_TIMESTAMP,
    SEASON,
    YEAR,
    annual_of_members,
    annual_of_peer,
    interannual_table,
    timestamp_group,
    tower_anomalies,
)
from uflux_kedro.statistics.means import period_days
from uflux_kedro.statistics.peers import compare_with_peer
from uflux_kedro.statistics.zones import AllCells


def test_groups_are_by_what_a_member_knows_of_time():
    assert timestamp_group(("MODIS_NIRv", "ERA5_TA")) == NO_TIMESTAMP
    assert timestamp_group(("MODIS_NIRv", "DoY_sin", "DoY_cos", "Latitude")) == SEASON
    assert timestamp_group(("Year", "DoY_sin")) == YEAR


def test_members_have_the_totals_and_means_of_full_years():
    product = product_of(months=30)  # half of the third year
    table = annual_of_members(product, "GPP")
    assert sorted(table["year"].unique()) == [2003, 2004]
    one = table[(table["member"] == "B") & (table["year"] == 2004)].set_index("statistic")
    field = product["GPP_member"].sel(member="B", time="2004")
    weight = cell_area(field) * period_days(product).sel(time="2004")
    total = float((field * weight).sum()) * 1e-15
    assert one.loc["total", ["value", "unit"]].tolist() == [pytest.approx(total), "PgC yr-1"]
    mean = float((field * weight).sum() / weight.where(field.notnull()).sum())
    assert one.loc["mean", ["value", "unit"]].tolist() == [pytest.approx(mean), "gC m-2 d-1"]


def test_no_year_or_no_members_no_rows():
    assert annual_of_members(product_of(months=3), "GPP").empty
    assert annual_of_members(product_of().drop_vars("GPP_member"), "GPP").empty


def test_a_peer_has_years_over_what_both_have():
    product = product_of()
    peer = product[["GPP", "time_bnds"]].isel(time=slice(0, 18)).copy(deep=True)
    peer["GPP"] = 2 * peer["GPP"].where(peer["longitude"] > 0)
    table = annual_of_peer(compare_with_peer(product, "GPP", peer))
    assert table["year"].tolist() == [2003, 2003]  # six months of 2004 are no year
    field = 2 * product["GPP"].where(product["longitude"] > 0).sel(time="2003")
    total = float((field * cell_area(field) * period_days(product).sel(time="2003")).sum()) * 1e-15
    values = table.set_index("statistic")["value"]
    assert values["total"] == pytest.approx(total)
    assert values["mean"] == pytest.approx(float(field.weighted(cell_area(field)).mean(("latitude", "longitude")).weighted(period_days(product)).mean()))  # fmt: skip


def test_towers_that_come_and_go_make_no_years():
    rows = held_out(towers=6)
    rows = rows[~((rows["site_id"] == "F") & (rows["time"] < "2004"))]
    table = tower_anomalies(rows)
    assert table["towers"].tolist() == [5, 6, 6]
    # F knows two years, -0.1 and -0.2, whose mean is -0.15; the others depart as they were made to.
    assert table["truth"].tolist() == pytest.approx([0.3, (5 * -0.1 + 0.05) / 6, (5 * -0.2 - 0.05) / 6])  # fmt: skip
    assert table["prediction"].to_numpy() == pytest.approx(table["truth"].to_numpy() / 2)
    assert table["truth_std"].iloc[0] == pytest.approx(0, abs=1e-9)


def test_too_few_towers_or_years_make_no_anomaly():
    assert tower_anomalies(held_out(towers=2)).empty
    assert tower_anomalies(held_out(years=1)).empty
    half = held_out()
    assert tower_anomalies(half[half["time"].dt.month < 9]).empty


def test_one_table_of_all():
    product = product_of()
    peer = product[["GPP", "time_bnds"]]
    table = interannual_table(
        "GPP",
        aggregate(product, "GPP", [AllCells()]),
        annual_of_members(product, "GPP"),
        {"A": SEASON, "B": NO_TIMESTAMP},
        {"truth": compare_with_peer(product, "GPP", peer)},
        held_out(),
    )
    assert list(table) == list(COLUMNS)
    counts = table.groupby(["kind", "statistic"]).size().to_dict()
    assert counts == {
        ("ensemble", "mean"): 2, ("ensemble", "total"): 2, ("member", "mean"): 4, ("member", "total"): 4,
        ("peer", "mean"): 2, ("peer", "total"): 2, ("towers", "anomaly"): 3, ("model at towers", "anomaly"): 3,
    }  # fmt: skip
    totals = table[table["statistic"] == "total"].set_index(["kind", "name", "year"])["value"]
    assert totals["peer", "truth", 2003] == pytest.approx(totals["ensemble", "ensemble", 2003])
    assert totals["member", "B", 2004] == pytest.approx(1.1 * totals["ensemble", "ensemble", 2004])
    assert set(table.loc[table["name"] == "B", "group"]) == {NO_TIMESTAMP}
