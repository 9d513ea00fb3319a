from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tests.testing.project import PROJECT
from uflux_kedro.demo_world import DemoWorldParameters
from uflux_kedro.demo_world.towers import make_towers, site_table, towers_at
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.pipelines.closed_loop.nodes import draw_closed_loop, map_drawn_networks
from uflux_kedro.pipelines.next_tower.nodes import choose_places, draw_next_tower
from uflux_kedro.uncertainty.closed_loop import (
    MAP_COLUMNS,
    SUM_COLUMNS,
    TOWER_COLUMNS,
    close_loop,
    fit_flux,
    fit_members,
    members_of_loop,
    run_closed_loop,
    score_map,
    sum_map,
    world_of_loop,
)
from uflux_kedro.uncertainty.known_world import know_world
from uflux_kedro.uncertainty.networks import (
    TROPICS,
    draw_cells,
    nearest_cells,
    read_network,
    vegetated_cells,
)
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.uncertainty.sums import fit_sum_errors
from uflux_kedro.validation.parameters import TrainingParameters
from uflux_kedro.variables import IGBP_CLASSES

WORLD = DemoWorldParameters(resolution=10, first_year=2019, last_year=2020, n_towers=5)
PREDICTORS = ("IGBP", "DoY_sin", "DoY_cos", "Latitude", "ERA5_SW_IN", "ERA5_TA")
MEMBERS = (
    Member("MODIS", "GPP", "XGB", ("MODIS_NIRv", *PREDICTORS)),
    Member("AVHRR", "GPP", "XGB", ("AVHRR_NDVI", *PREDICTORS)),
    Member("MODIS", "H", "XGB", ("MODIS_NIRv", *PREDICTORS)),
)
SETTINGS = UncertaintyParameters.model_validate(
    {
        "n_splits": 3,
        "intervals": {"trees": 10},
        "closed_loop": {
            "resolution": 10,
            "years": 2,
            "kinds": ["random", "no tropics"],
            "sizes": [30],
            "fluxes": ["GPP"],
            "unseen": 20,
        },
    }
)


@pytest.fixture(scope="module")
def known():
    return know_world(WORLD, [*PREDICTORS, "ERA5_VPD", "ERA5_PA", "MODIS_NIRv", "AVHRR_NDVI"])


@pytest.fixture(scope="module")
def found(known):
    return close_loop(known, MEMBERS, SETTINGS)


def with_loop(**update):
    loop = SETTINGS.closed_loop.model_copy(update=update)
    return SETTINGS.model_copy(update={"closed_loop": loop})


# Towers in given cells


def test_towers_stand_in_the_given_cells_and_measure_their_fluxes(known):
    exact = known.world.parameters.model_copy(update={"site_effect": 0.0, "flux_noise": 0.0})
    world = type(known.world)(**{**vars(known.world), "parameters": exact})
    cells = vegetated_cells(world)[[3, 40, 3]]
    towers = sorted(towers_at(world, cells, "some"), key=lambda t: int(t.site_id[-2:]))
    assert [t.cell for t in towers] == list(cells)
    sites = site_table(world, towers)
    names = {code: name for name, code in IGBP_CLASSES.items()}
    assert list(sites["IGBP"]) == [names[int(world.ecosystem.cover[c])] for c in cells]
    for tower in towers:
        table = tower.table[tower.table["NEE_VUT_REF"] != -9999]
        month = [12 * (t // 100 - 2019) + t % 100 - 1 for t in table["TIMESTAMP"]]
        truth = world.ecosystem.fluxes["NEE"][month, tower.cell]
        np.testing.assert_allclose(table["NEE_VUT_REF"], truth, atol=1e-9)


def test_towers_of_a_shared_cell_differ_and_the_own_network_is_untouched(known):
    cell = int(vegetated_cells(known.world)[0])
    first, second = towers_at(known.world, [cell, cell], "shared")
    assert (first.latitude, first.longitude) != (second.latitude, second.longitude)
    assert not first.table.equals(second.table)
    again = make_towers(known.world)
    assert [t.site_id for t in make_towers(known.world)] == [t.site_id for t in again]


# Networks


def test_random_networks_are_nested_and_on_vegetated_land(known):
    small, large = (draw_cells(known.world, "random", n, seed=3) for n in (10, 60))
    assert list(large[:10]) == list(small)
    assert len({*large}) == 60
    assert {*large} <= {*vegetated_cells(known.world)}
    assert list(small) != list(draw_cells(known.world, "random", 10, seed=4))


def test_without_the_tropics_no_tower_stands_there(known):
    cells = draw_cells(known.world, "no tropics", 60, seed=3)
    assert np.abs(known.latitude[cells]).min() > TROPICS
    assert np.abs(known.latitude[draw_cells(known.world, "random", 60, seed=3)]).min() < TROPICS


def test_more_towers_than_cells_share_cells(known):
    cells = draw_cells(known.world, "random", 767, seed=3)
    assert len(cells) == 767
    assert {*cells} == {*vegetated_cells(known.world)}


def test_a_real_tower_moves_to_the_nearest_cell_of_its_class(known):
    cover = known.world.ecosystem.cover
    rows, columns = np.nonzero(known.world.earth.land)
    place = {
        "latitude": known.world.earth.latitude[rows],
        "longitude": known.world.earth.longitude[columns],
    }
    names = {code: name for name, code in IGBP_CLASSES.items()}
    every = pd.DataFrame(place).assign(IGBP=[names[int(c)] for c in cover])
    np.testing.assert_array_equal(nearest_cells(known.world, every), np.arange(cover.size))
    # Amid the ocean there is no cell within reach: any vegetation will do.
    lost = pd.DataFrame({"latitude": [-50.0], "longitude": [-125.0], "IGBP": ["EBF"]})
    assert nearest_cells(known.world, lost)[0] in vegetated_cells(known.world)


def test_a_real_network_draws_among_its_places(known):
    places = pd.DataFrame(
        {"latitude": [50.0, 52.0, 10.0], "longitude": [10.0, 30.0, 20.0], "IGBP": "GRA"}
    )
    cells = draw_cells(known.world, "real", 3, seed=1, places=places)
    assert sorted(cells) == sorted(nearest_cells(known.world, places))
    with pytest.raises(ConfigurationError, match="real network of 4"):
        draw_cells(known.world, "real", 4, seed=1, places=places)


SNAPSHOT = pd.DataFrame(
    {
        "data_hub": "AmeriFlux",
        "site_id": ["XX-Aaa", "XX-Bbb", "XX-Aaa", "XX-Ccc", "XX-Ddd"],
        "location_lat": [50.0, -3.0, 50.0, 0.0, 12.0],
        "location_long": [10.0, -60.0, 10.0, 0.0, 20.0],
        "igbp": ["GRA", "EBF", "GRA", "CRO", "UNK"],
        "fluxnet_product_name": [
            "AMF_1.zip",
            "AMF_2.zip",
            "ICOSETC_1.zip",
            "AMF_3.zip",
            "AMF_4.zip",
        ],
    }
)


def test_a_network_is_read_from_a_snapshot_or_from_a_table_of_sites(tmp_path):
    path = tmp_path / "towers.csv"
    SNAPSHOT.to_csv(path, index=False)
    snapshot = read_network(path)
    # A tower of two networks counts once; one without place or class cannot be moved to a cell.
    assert snapshot["site_id"].tolist() == ["XX-Aaa", "XX-Bbb"]
    names = {"site_id": "site", "location_lat": "lat", "location_long": "lon"}
    SNAPSHOT.head(2).rename(columns=names)[[*names.values(), "igbp"]].to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_network(path), snapshot)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (None, "list of sites.*no file.*uncertainty.closed_loop.network"),
        (lambda t: t.head(1), "two towers.*found 1"),
        (lambda t: t.assign(location_lat=95.0), "latitude.*-90 to 90"),
        (lambda t: t.drop(columns=["igbp", "data_hub"]), "IGBP: expected these columns"),
    ],
    ids=["no file", "one tower", "no such latitude", "no classes"],
)
def test_a_list_of_sites_that_is_none_is_refused(tmp_path, spoil, says):
    path = tmp_path / "towers.csv"
    if spoil is not None:
        spoil(SNAPSHOT).to_csv(path, index=False)
    with pytest.raises(InputError, match=f"towers.csv.*{says}"):
        read_network(path)


# The world as the chain sees it


def test_drivers_and_truth_share_cells(known):
    np.testing.assert_array_equal(
        known.on_land(known.drivers["IGBP"])[5], known.world.ecosystem.cover
    )
    X = known.rows(["ERA5_TA", "Latitude"])
    assert X.shape == (24 * known.area.size, 2)
    truth = known.world.climate.TA[:, known.world.earth.land]
    # ERA5 errs by half a degree, and is interpolated over nodes ten degrees apart.
    assert np.corrcoef(X[:, 0], truth.ravel())[0, 1] > 0.97
    np.testing.assert_allclose(X[: known.area.size, 1], known.latitude)


def test_a_predictor_of_no_source_is_refused():
    with pytest.raises(ConfigurationError, match="VIIRS"):
        know_world(WORLD, ["VIIRS_NDVI"])


# The loop


def test_tables_have_networks_groups_and_numbers(found):
    assert list(found.on_map.columns) == list(MAP_COLUMNS)
    assert list(found.at_towers.columns) == list(TOWER_COLUMNS)
    assert {*zip(found.on_map["network"], found.on_map["towers"], strict=True)} == {
        ("random", 30),
        ("no tropics", 30),
    }
    assert {*found.on_map["flux"]} == {"GPP"}
    assert found.on_map.drop(columns=["network", "flux", "by", "group"]).notna().all(axis=None)
    assert found.at_towers["NSE"].between(0.3, 1).all()
    unseen = found.at_towers[found.at_towers["judged_on"] == "unseen"]
    assert (unseen["n_towers"] == 20).all()


def test_parts_of_the_land_add_up(found):
    for _, network in found.on_map.groupby("network"):
        by = network.groupby("by")
        share = by["area_share"].sum()
        for kind in ("zone", "applicability", "IGBP", "completeness"):
            assert share[kind] == pytest.approx(share["vegetation"])
            part = network[network["by"] == kind]
            covered = np.average(part["coverage"], weights=part["area_share"])
            whole = network[network["by"] == "vegetation"].iloc[0]
            assert covered == pytest.approx(whole["coverage"])


def test_without_tropical_towers_the_tropics_are_less_complete(found):
    zones = found.on_map[found.on_map["by"] == "zone"].set_index(["network", "group"])
    tropics, beyond = (zones.loc[("no tropics", group)] for group in ("tropics", "beyond"))
    assert tropics["completeness"] < beyond["completeness"]
    assert tropics["bias"] < zones.loc[("random", "tropics"), "bias"]


def test_totals_have_truth_value_and_intervals_within_each_other(found):
    assert list(found.sums.columns) == list(SUM_COLUMNS)
    regions = found.sums.groupby("network")["region"].nunique()
    assert (regions == 6).all()
    assert {*found.sums["year"]} == {"2019", "2020"}
    assert {*found.sums["unit"]} == {"PgC yr-1"}
    whole = found.sums[found.sums["region_kind"] == "global"]
    widths = [
        whole[f"upper{kind}"] - whole[f"lower{kind}"] for kind in ("_independent", "", "_dependent")
    ]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()
    assert (found.sums["truth"].between(0.3 * found.sums["value"], 3 * found.sums["value"])).all()


def test_the_total_of_the_truth_is_that_of_the_world(known):
    truth = known.world.ecosystem.fluxes["GPP"]
    rows = dict.fromkeys(("truth", "value", "lower", "upper", "completeness"), truth)
    table = pd.DataFrame(
        {
            "site_id": np.repeat(["a", "b", "c"], 24),
            "time": np.tile(known.drivers.indexes["time"], 3),
            "truth": np.random.default_rng(0).normal(size=72),
            "centre": 0.0,
            "sigma": 1.0,
        }
    )
    errors = fit_sum_errors(table, resamples=2)
    found = sum_map(known, rows, "GPP", errors)
    whole = found[found["region_kind"] == "global"].set_index("year")
    days = np.diff(known.drivers["time_bnds"].to_numpy(), axis=1)[:, 0] / np.timedelta64(1, "D")
    total = ((truth * days[:, None])[:12] @ known.area).sum() * 1e-15
    assert whole.loc["2019", "truth"] == pytest.approx(total, rel=1e-3)
    np.testing.assert_allclose(whole["value"], whole["truth"], rtol=1e-5)


def test_intervals_hold_the_fluxes_of_towers_and_cells(found):
    # Thirty towers of one draw, so that the level is met only roughly.
    unseen = found.at_towers.set_index(["network", "judged_on"]).loc[("random", "unseen")]
    assert unseen["coverage"] > 0.8
    on_map = found.on_map.set_index(["network", "by"]).loc[("random", "vegetation")]
    assert (on_map["coverage"] > 0.8).all()
    assert (on_map["width"] < 12).all()


def test_without_a_list_of_sites_the_real_network_is_left_out_with_a_word(known, caplog):
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(ConfigurationError, match=r"^uncertainty\.closed_loop\.kinds: real draws"),
    ):
        close_loop(known, MEMBERS, with_loop(kinds=("real",)))
    assert "real network is left out" in caplog.text


def test_a_list_of_sites_that_is_not_there_ends_the_loop_before_anything_is_drawn(known, tmp_path):
    lost = with_loop(kinds=("random", "real"), network=tmp_path / "towers.csv")
    with pytest.raises(InputError, match="no file"):
        close_loop(known, MEMBERS, lost)


def test_sizes_beyond_the_real_network_mean_the_whole_of_it(known, tmp_path):
    path = tmp_path / "towers.csv"
    lines = [f"XX-{n:03d},{50 - 2 * n},{10 + 3 * n},GRA" for n in range(12)]
    path.write_text("\n".join(["site,lat,lon,igbp", *lines]))
    real = with_loop(kinds=("real",), sizes=(8, 20, 30), network=path)
    found = close_loop(known, MEMBERS[:1], real)
    assert found.on_map["towers"].unique().tolist() == [8, 12]
    assert found.on_map["network"].unique().tolist() == ["real"]


def test_a_flux_without_members_is_refused():
    with pytest.raises(ConfigurationError, match="members of GPP; found members of H"):
        run_closed_loop(MEMBERS[2:], WORLD, SETTINGS)


def test_scores_of_a_map_are_weighted_by_area(known):
    truth = known.world.ecosystem.fluxes["GPP"]
    tropical = np.abs(known.latitude) <= TROPICS
    error = np.where(tropical, 1.0, 0.0)
    rows = {
        "truth": truth,
        "value": truth + error,
        "lower": truth + error - 0.5,
        "upper": truth + error + 0.5,
        "completeness": np.where(tropical, 0.1, 0.9) + 0 * truth,
        "outside": (tropical & np.ones(truth.shape, bool)),
    }
    found = score_map(known, rows, 0.9).set_index(["by", "group"])
    plants = np.isin(np.arange(tropical.size), vegetated_cells(known.world))
    share = known.area[plants & tropical].sum() / known.area[plants].sum()
    whole = found.loc[("vegetation", "all")]
    assert whole["bias"] == pytest.approx(share)
    assert whole["RMSE"] == pytest.approx(share**0.5)
    assert whole["coverage"] == pytest.approx(1 - share)
    assert whole["interval_score"] == pytest.approx(1 + share * 20 * 0.5)
    assert found.loc[("applicability", "outside"), "coverage"] == 0
    assert found.loc[("completeness", "0.8 to 1"), "RMSE"] == 0


def test_the_members_of_the_loop_are_settings_of_their_own():
    sets = [{"name": name, "predictors": ["MODIS_NIRv"]} for name in ("A", "B")]
    ensemble = EnsembleParameters.model_validate({"predictor_sets": sets, "select": "A.*"})
    loop = SETTINGS.closed_loop.model_copy(update={"select": "B.GPP.*"})
    (member,) = members_of_loop(ensemble, loop)
    assert (member.name, ensemble.select) == ("B.GPP.XGB", "A.*")
    none = loop.model_copy(update={"select": "C.*"})
    with pytest.raises(
        ConfigurationError, match=r"^uncertainty\.closed_loop\.select: .*matches no member"
    ):
        members_of_loop(ensemble, none)


@pytest.mark.parametrize(
    "settings",
    [
        {"resolution": 7},
        {"sizes": []},
        {"sizes": [20, 1]},
        {"model": "XGBoost"},
        {"fluxes": []},
        {"fluxes": ["GPP", "ET"]},
    ],
    ids=str,
)
def test_settings_that_make_no_map_are_refused_before_the_run(settings):
    (name,) = settings
    with pytest.raises(ValidationError) as found:
        UncertaintyParameters.model_validate({"closed_loop": settings})
    assert {error["loc"][:2] for error in found.value.errors()} == {("closed_loop", name)}


def test_years_beyond_those_of_any_world_are_refused_by_their_name():
    loop = SETTINGS.closed_loop.model_copy(update={"years": 150})
    with pytest.raises(
        ConfigurationError, match=r"^uncertainty\.closed_loop: .* 2019 to 2168: .* 2100"
    ):
        world_of_loop(WORLD, loop)


def test_a_hybrid_learns_in_the_loop(known):
    """It is told the columns and the sites, as in training."""
    hybrid = Member("MODIS", "GPP", "HYBRID", ("MODIS_NIRv", "ERA5_VPD", "ERA5_PA", *PREDICTORS))
    table = known.training_table(draw_cells(known.world, "random", 6, seed=0), "S")
    fitted = fit_members([hybrid], table, seed=0)
    assert np.isfinite(fitted["MODIS.GPP.HYBRID"].predict(table)).any()


ENSEMBLE = {"predictor_sets": [{"name": "MODIS", "predictors": ["MODIS_NIRv", *PREDICTORS]}]}


def test_the_pipeline_draws_what_it_finds():
    loop = {
        "model": "XGB",
        "select": "MODIS.*",
        "kinds": ["random"],
        "sizes": [10],
        "unseen": 5,
    }
    settings = SETTINGS.model_copy(
        update={"closed_loop": SETTINGS.closed_loop.model_copy(update=loop)}
    )
    training = TrainingParameters.model_validate({"n_jobs": 1})
    on_map, at_towers, sums = map_drawn_networks(WORLD, ENSEMBLE, settings, training)
    assert on_map["towers"].unique().tolist() == [10]
    assert set(sums["flux"]) == {"GPP"}
    assert len(draw_closed_loop(on_map, at_towers, settings).axes) == 3


def test_the_pipeline_finds_the_list_of_sites_in_the_project(tmp_path, monkeypatch):
    SNAPSHOT.head(1).to_csv(tmp_path / "one.csv", index=False)
    relative = os.path.relpath(tmp_path / "one.csv", PROJECT)
    monkeypatch.chdir(tmp_path)
    settings = with_loop(network=Path(relative), kinds=("real",), select="MODIS.*")
    with pytest.raises(InputError, match=r"one\.csv.*two towers or more.*found 1"):
        map_drawn_networks(WORLD, ENSEMBLE, settings, TrainingParameters())


def test_the_next_towers_are_chosen_for_a_flux_that_was_fitted(known):
    table = known.training_table(draw_cells(known.world, "random", 12, seed=1), "some")
    fitted = fit_flux(MEMBERS[:1], table, SETTINGS)
    few = SETTINGS.next_tower.model_copy(update={"places": 60, "candidates": 20, "towers": 2})
    settings = SETTINGS.model_copy(update={"next_tower": few})
    model = fitted.members[MEMBERS[0].name]
    training = TrainingParameters.model_validate({"n_jobs": 1})
    maps, best = choose_places(
        fitted.intervals, fitted.judged, model, known.drivers, settings, training
    )
    assert int(maps["gain"].notnull().sum()) == 20
    assert best["rank"].tolist() == [1, 2]
    assert best["gain"].iloc[0] == pytest.approx(float(maps["gain"].max()), rel=1e-5)
    assert draw_next_tower(maps, best, known.drivers).axes
