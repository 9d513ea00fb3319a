"""Files of the form of CarbonFluxBench: read, split, scored."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks import carbonfluxbench as benchmark
from uflux_kedro.errors import InputError
from uflux_kedro.readers.towers.carbonfluxbench import (
    FLUXES,
    MODIS,
    QUALITY,
    read_benchmark,
    read_targets,
)
from uflux_kedro.validation.carbonfluxbench import scores_of_sites, sites_to_test

SITES = [f"US-{number:03d}" for number in range(40)]
TIME = pd.date_range("2000-02-20", periods=30)
WEATHER = ["temperature_2m", "surface_solar_radiation_downwards_sum"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The benchmark's files for forty sites: -9999, cloudy gaps, networks before some sites."""
    path = tmp_path_factory.mktemp("carbonfluxbench")
    rng = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product([SITES, TIME], names=["site", "date"]).to_frame(index=False)
    warmth = rng.normal(285, 8, len(rows))
    gpp = np.clip((warmth - 275) / 4, 0, None) + rng.normal(0, 0.2, len(rows))
    numbers = rows["site"].str[3:].astype(int)
    targets = pd.DataFrame(
        {
            "TIMESTAMP": rows["date"].dt.strftime("%Y%m%d").astype(int),
            FLUXES["GPP"]: gpp, FLUXES["RECO"]: gpp / 2, FLUXES["NEE"]: -gpp / 2,
            QUALITY: np.where(rows["date"].dt.day % 2, 1.0, 0.6),
            "site": rows["site"], "lat": 40.00049, "lon": -100.0,
            "IGBP": np.where(numbers < 9, "WSA", "ENF"), "network": "AMF",
        }
    )  # fmt: skip
    targets.loc[targets["TIMESTAMP"] == 20000301, FLUXES["RECO"]] = -9999
    targets.to_parquet(path / "target_fluxes_v2.parquet")
    modis = rows.assign(**{band: rng.uniform(0.05, 0.4, len(rows)) for band in MODIS})
    modis = modis[modis["date"].dt.day != 5]
    modis["site"] = "AMF_" + modis["site"]
    pd.concat([modis, modis.head(3)]).to_parquet(path / "MOD09GA.parquet")
    era5 = rows.assign(temperature_2m=warmth, unused=1.0)
    era5[WEATHER[1]] = 1e7
    era5["date"] = era5["date"].dt.date
    era5.to_parquet(path / "ERA5.parquet")
    texts = {
        "feature_sets": {"minimal": WEATHER, "standard": WEATHER, "full": [*WEATHER, "unused"]},
        "koppen_sites": {site: "BCD"[n % 3] for n, site in enumerate(SITES) if n != 39},
        "koppen_sites_short": dict(zip(SITES, ["BSk", "Cfb", "Dfc"] * 14, strict=False)),
    }
    for name, content in texts.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return path


def test_days_are_those_with_all_fluxes_and_classes(folder):
    table = read_targets(folder)
    assert table["date"].min() == pd.Timestamp("2000-02-24")
    assert pd.Timestamp("2000-03-01") not in set(table["date"]), "one flux is missing"
    assert "US-039" not in set(table["site"]), "its climate is not known"
    assert len(table) == 39 * 25
    assert (table["lat"] == 40.0).all()


def test_predictors_are_of_the_day_and_modis_is_interpolated(folder):
    table, weather = read_benchmark(folder)
    assert weather == WEATHER
    assert len(table) == 39 * 25, "one row for each day, though three days are there twice"
    of_site = table[table["site"] == "US-001"].set_index("date")["sur_refl_b01"]
    around = of_site[[pd.Timestamp("2000-03-04"), pd.Timestamp("2000-03-06")]]
    assert of_site[pd.Timestamp("2000-03-05")] == pytest.approx(around.mean())
    modis = pd.read_parquet(folder / "MOD09GA.parquet").set_index(["site", "date"])
    assert of_site["2000-02-25"] == modis.loc[("AMF_US-001", "2000-02-25"), "sur_refl_b01"]
    with pytest.raises(InputError, match=r"largest.*minimal, standard, full"):
        read_benchmark(folder, "largest")


def test_missing_files_and_columns_are_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"target_fluxes_v2\.parquet"):
        read_targets(tmp_path)
    targets = pd.read_parquet(folder / "target_fluxes_v2.parquet").drop(columns=QUALITY)
    targets.to_parquet(tmp_path / "target_fluxes_v2.parquet")
    with pytest.raises(InputError, match=QUALITY):
        read_targets(tmp_path)


def test_a_fifth_of_the_sites_is_tested_by_climate(folder):
    table = read_targets(folder)
    tested = sites_to_test(table, "Koppen")
    # scikit-learn's train_test_split with classes is a StratifiedShuffleSplit of the sorted sites.
    names = np.array(SITES[:39])
    classes = np.array(["BCD"[n % 3] for n in range(39)])
    _, expected = next(
        StratifiedShuffleSplit(1, test_size=8, train_size=31, random_state=56).split(names, classes)
    )
    assert tested == sorted(names[expected])
    assert tested == sites_to_test(table.sample(frac=1, random_state=1), "Koppen")


def test_half_of_a_rare_class_and_a_fifth_of_the_others_is_tested(folder):
    tested = sites_to_test(read_targets(folder), "IGBP")
    assert sum(site < "US-009" for site in tested) == 9 // 2
    assert sum(site >= "US-009" for site in tested) == 6, "a fifth of thirty"
    rare = pd.Series(SITES[:9]).sample(4, random_state=56)
    assert set(rare) <= set(tested)


def test_too_few_sites_of_a_class_are_refused(folder):
    table = read_targets(folder)
    one = table.assign(Koppen=np.where(table["site"] == "US-001", "A", "C"))
    with pytest.raises(InputError, match=r"Koppen.*'A': 1"):
        sites_to_test(one, "Koppen")


def test_scores_are_those_of_the_benchmark():
    rng = np.random.default_rng(3)
    truth, prediction = rng.normal(1, 2, 50), rng.normal(1, 2, 50)
    table = pd.DataFrame({"site_id": "A", "truth": truth, "prediction": prediction})
    constant = pd.DataFrame({"site_id": "B", "truth": 2.0, "prediction": [1.0, 3.0]})
    found = scores_of_sites(pd.concat([constant, table])).set_index("site_id")
    mae = mean_absolute_error(truth, prediction)
    assert found.loc["A", "R2"] == pytest.approx(r2_score(truth, prediction))
    assert found.loc["A", "RMSE"] == pytest.approx(np.sqrt(np.mean((truth - prediction) ** 2)))
    assert found.loc["A", "nMAE"] == pytest.approx(mae / abs(truth.mean()))
    assert found.loc["A", "RAE"] == pytest.approx(mae / abs(truth - truth.mean()).mean())
    assert np.isnan(found.loc["B", ["R2", "RAE"]].astype(float)).all()


def test_the_benchmark_prints_ours_beside_the_published(folder, tmp_path, capsys):
    out = tmp_path / "sites.csv"
    assert benchmark.main([str(folder), "--splits", "Koppen", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 3 * 4
    assert "| Koppen | GPP | XGB | 8 |" in lines[2]
    assert "CT-LSTM, published" in lines[3]
    sites = pd.read_csv(out)
    assert sites.groupby("flux")["site_id"].nunique().tolist() == [8, 8, 8]
    days = sum(day.day % 2 for day in TIME[4:] if day != pd.Timestamp("2000-03-01"))
    assert (sites["n"] == days).all(), "of quality 1 alone"
    assert sites.query("flux == 'GPP'")["R2"].median() > 0.8, "warmth tells the flux"
