from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pydantic import ValidationError

from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world
from uflux_kedro.demo_world.files import write_whole
from uflux_kedro.demo_world.reanalyses import cfsv2_files, era5_files
from uflux_kedro.demo_world.satellites import reflectance_files, sif_files
from uflux_kedro.demo_world.simulation import simulate
from uflux_kedro.demo_world.towers import make_towers
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.simulated import WORD
from uflux_kedro.variables import FLUXES, IGBP_CLASSES, SOURCES, VARIABLES

SMALL = DemoWorldParameters(resolution=10, first_year=2019, last_year=2020, n_towers=6)
TINY = SMALL.model_copy(update={"first_year": 2020, "n_towers": 2})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def manifest(folder):
    return write_demo_world(SMALL, folder / "raw", folder / "truth")


@pytest.fixture(scope="module")
def raw(folder, manifest):
    return folder / "raw"


@pytest.fixture(scope="module")
def truth(folder, manifest):
    with xr.open_dataset(folder / "truth" / "fluxes.nc") as dataset:
        return dataset.load()


@pytest.fixture(scope="module")
def towers(raw):
    """Return (name of the zip, name of its table) -> the tower's table."""
    tables = {}
    for path in sorted((raw / "towers").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            (member,) = archive.namelist()
            with archive.open(member) as file:
                tables[path.name, member] = pd.read_csv(file)
    return tables


@pytest.fixture(scope="module")
def earth():
    """Return the Earth at its default resolution, for one year."""
    return simulate(DemoWorldParameters(first_year=2020))


@pytest.fixture(scope="module")
def exact():
    """Return a world with perfect instruments."""
    errors = ("climate_error", "reflectance_noise", "sif_noise", "cloud_gaps")
    return simulate(TINY.model_copy(update=dict.fromkeys(errors, 0.0)))


def on_map(world, values):
    grid = np.full((*values.shape[:-1], *world.earth.land.shape), np.nan)
    grid[..., world.earth.land] = values
    return grid


# Files


def test_the_same_parameters_give_the_same_bytes(folder, manifest, tmp_path):
    again = write_demo_world(SMALL, tmp_path / "raw", tmp_path / "truth")
    pd.testing.assert_frame_equal(again, manifest)
    for path in ("truth/fluxes.nc", "raw/towers/sites.csv"):
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes()


def test_another_seed_gives_another_world(manifest, tmp_path):
    other = write_demo_world(
        SMALL.model_copy(update={"seed": 2}), tmp_path / "raw", tmp_path / "truth"
    )
    kept = set(other["sha256"]) & set(manifest["sha256"])
    assert set(manifest.set_index("sha256").loc[list(kept), "source"]) <= {"CO2"}


def test_manifest_names_every_file(raw, manifest):
    present = {p.relative_to(raw).as_posix() for p in raw.glob("*/*")}
    assert present == set(manifest["file"])
    assert (manifest["bytes"] == [(raw / f).stat().st_size for f in manifest["file"]]).all()
    assert set(manifest["source"]) == {
        "towers", "ERA5", "CFSV2", "MODIS", "AVHRR", "GOME2", "GOSAT755", "GOSAT772", "OCO2",
        "IGBP", "CO2",
    }  # fmt: skip


def test_files_of_an_earlier_world_are_removed(tmp_path):
    write_demo_world(TINY.model_copy(update={"first_year": 2019}), tmp_path, tmp_path / "truth")
    (tmp_path / "towers" / ".gitkeep").touch()
    manifest = write_demo_world(TINY, tmp_path, tmp_path / "truth")
    names = {p.name for p in tmp_path.glob("*/*.*") if p.parent.name != "truth"}
    assert names == {Path(f).name for f in manifest["file"]} | {".gitkeep"}
    assert not any("2019.nc" in name for name in names)


def test_real_data_in_the_folder_are_refused_and_kept(tmp_path):
    real = tmp_path / "towers" / "FLX_DE-Tha_FLUXNET2015_FULLSET_1996-2014_1-4.zip"
    real.parent.mkdir()
    real.write_bytes(b"years of work")
    with pytest.raises(InputError, match=r"DE-Tha.*did not write.*another folder"):
        write_demo_world(TINY, tmp_path, tmp_path / "truth")
    assert real.read_bytes() == b"years of work"
    assert not (tmp_path / "ERA5").exists()


def test_a_failed_write_leaves_no_file(tmp_path):
    def fail(path):
        path.write_text("half of it")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "whole.nc", fail)
    assert list(tmp_path.iterdir()) == []


def test_parameters_load_without_the_science():
    heavy = "{'numpy', 'pandas', 'xarray', 'pyrealm'}"
    code = (
        "import sys; from uflux_kedro.demo_world import DemoWorldParameters; "
        f"DemoWorldParameters(); sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resolution": 7}, "divide 90"),
        ({"first_year": 2020, "last_year": 2019}, "2020 or later"),
        ({"resolutoin": 2}, "Extra inputs"),
        ({"n_towers": 0}, "greater than or equal to 1"),
        ({"tower_gaps": 1.2}, "less than or equal to 0.9"),
    ],
)
def test_bad_parameters(settings, message):
    with pytest.raises(ValidationError, match=message):
        DemoWorldParameters(**settings)


def test_more_towers_than_land(exact):
    crowded = replace(exact, parameters=TINY.model_copy(update={"n_towers": 1000}))
    with pytest.raises(ConfigurationError, match="n_towers = 1000"):
        make_towers(crowded)


# Gridded formats


def test_era5_is_in_the_format_of_the_climate_data_store(raw):
    with xr.open_dataset(raw / "ERA5" / "era5_monthly_2019.nc") as file:
        assert set(file.data_vars) == {
            "t2m", "d2m", "stl1", "ssrd", "strd", "sp", "tp", "u10", "v10",
        }  # fmt: skip
        assert file["t2m"].dims == ("valid_time", "latitude", "longitude")
        np.testing.assert_array_equal(file["latitude"], np.arange(90, -91, -10))
        np.testing.assert_array_equal(file["longitude"], np.arange(0, 360, 10))
        np.testing.assert_array_equal(
            file["valid_time"], pd.date_range("2019-01-01", periods=12, freq="MS")
        )
        assert file["number"].ndim == 0
        assert file["expver"].dims == ("valid_time",)
        assert {n: file[n].attrs["units"] for n in ("t2m", "ssrd", "sp", "tp")} == {
            "t2m": "K", "ssrd": "J m**-2", "sp": "Pa", "tp": "m",
        }  # fmt: skip
        assert 200 < float(file["t2m"].min()) < float(file["t2m"].max()) < 320
        assert (file["d2m"] <= file["t2m"] + 1e-3).all()
        assert 1e7 < float(file["ssrd"].max()) < 4.5e7
        assert 0 <= float(file["tp"].min()) < float(file["tp"].max()) < 0.1
        assert all(np.isfinite(file[name]).all() for name in file.data_vars)


def test_cfsv2_has_specific_humidity_and_soil_moisture(raw):
    with xr.open_dataset(raw / "CFSV2" / "cfsv2_monthly_2020.nc") as file:
        assert set(file.data_vars) == {
            VARIABLES[name].aliases["cfsv2"][0]
            for name in ("TA", "QV", "SW_IN", "SWC", "U", "V", "P", "PA")
        }
        np.testing.assert_array_equal(file["lat"], np.arange(85, -90, -10))
        np.testing.assert_array_equal(file["lon"], np.arange(5, 360, 10))
        QV = file["Specific_humidity_height_above_ground"]
        assert 0 < float(QV.min()) < float(QV.max()) < 0.03
        moisture = file["Volumetric_Soil_Moisture_Content_depth_below_surface_layer_5_cm"]
        sea = moisture.sel(lat=5, lon=205)
        assert np.isnan(sea).all()
        assert 0 < float(moisture.min()) < float(moisture.max()) < 0.6


def test_reanalyses_without_errors_agree(exact):
    """Each of ERA5's nodes is the mean of the four cells around it, so the grids must match."""
    era5 = next(iter(era5_files(exact))).dataset
    cfsv2 = next(iter(cfsv2_files(exact))).dataset
    name = VARIABLES["TA"].aliases["cfsv2"][0]
    for latitude, longitude in ((0, 20), (50, 10), (-30, 300), (20, 0)):
        around = cfsv2[name].sel(
            lat=[latitude - 5, latitude + 5], lon=[(longitude - 5) % 360, longitude + 5]
        )
        node = era5["t2m"].sel(latitude=latitude, longitude=longitude)
        np.testing.assert_allclose(node, around.mean(("lat", "lon")), rtol=1e-6)


def test_reanalyses_have_different_errors(exact):
    erring = simulate(TINY)
    name = VARIABLES["TA"].aliases["cfsv2"][0]
    era5, cfsv2 = (
        next(iter(files(erring))).dataset[variable] - next(iter(files(exact))).dataset[variable]
        for files, variable in ((era5_files, "t2m"), (cfsv2_files, name))
    )
    assert 0.2 < float(era5.std()) < float(cfsv2.std()) < 2
    at_cells = era5.interp(latitude=cfsv2.lat.values, longitude=cfsv2.lon.values[:-1])
    pairs = np.corrcoef(at_cells.values.ravel(), cfsv2.isel(lon=slice(-1)).values.ravel())
    assert abs(pairs[0, 1]) < 0.4


@pytest.mark.parametrize(
    ("file", "band", "fill"),
    [
        ("MODIS/MCD43C4_2019.nc", "Nadir_Reflectance_Band2", 32767),
        ("AVHRR/AVH09C1_2019.nc", "SREFL_CH2", -9999),
    ],
)
def test_reflectances_are_scaled_integers_with_fill(raw, file, band, fill):
    with xr.open_dataset(raw / file, mask_and_scale=False) as stored:
        values = stored[band]
        assert values.dtype == "int16"
        assert values.attrs["scale_factor"] == pytest.approx(1e-4)
        assert values.attrs["_FillValue"] == fill
        assert (values == fill).any()
        latitude, longitude = (stored[d].values for d in values.dims[1:])
    assert (np.diff(latitude) < 0).all()
    assert longitude[0] == -175
    with (
        xr.open_dataset(raw / file) as decoded,
        xr.open_dataset(raw / "IGBP" / "MCD12C1_2019.nc") as igbp,
    ):
        seen = np.isfinite(decoded[band].values)
        assert 0 < float(decoded[band].min()) < float(decoded[band].max()) <= 1.6
        land = igbp["Majority_Land_Cover_Type_1"].values > 0
    assert not seen[:, ~land].any()
    assert 0.02 < 1 - seen[:, land].mean() < 0.12


def test_winters_have_more_gaps_than_summers(earth):
    file = next(iter(reflectance_files(earth))).dataset["Nadir_Reflectance_Band2"]
    land = np.flipud(earth.earth.land)
    north = land & (file["lat"].values[:, np.newaxis] > 45)
    gaps = np.isnan(file.values)[:, north].mean(axis=1)
    assert gaps[[11, 0]].mean() > 1.3 * gaps[[5, 6]].mean()


def test_reflectances_are_those_of_the_leaves(exact):
    file = next(iter(reflectance_files(exact))).dataset
    for band, name in (("Nadir_Reflectance_Band1", "RED"), ("Nadir_Reflectance_Band3", "BLUE")):
        truth = on_map(exact, getattr(exact.ecosystem, name))
        np.testing.assert_allclose(file[band].sortby("lat"), truth, rtol=1e-6)


@pytest.mark.parametrize("source", ["GOME2", "GOSAT755", "GOSAT772", "OCO2"])
def test_fluorescence(raw, source):
    family = SOURCES[source]
    variable = VARIABLES["CSIF" if family == "csif" else "SIF"]
    name = variable.aliases[family][0]
    (path,) = (raw / source).glob("*2020.nc")
    with xr.open_dataset(path, mask_and_scale=False) as stored:
        assert stored[name].attrs["_FillValue"] == -999
        assert stored[name].attrs["units"] == variable.unit
        assert stored[name].sizes["latitude"] == (9 if source.startswith("GOSAT") else 18)
        step = pd.DatetimeIndex(stored["time"]).to_series().diff().dropna().unique()
    assert list(step) == [pd.Timedelta(days=4)] if source == "OCO2" else len(step) > 1
    with xr.open_dataset(path) as decoded:
        assert variable.lower < float(decoded[name].min())
        assert 0.2 < float(decoded[name].max()) < variable.upper


def test_fluorescence_follows_gpp(exact):
    file = next(iter(sif_files(exact))).dataset["SIF_740"].values
    GPP = on_map(exact, exact.ecosystem.fluxes["GPP"])
    both = np.isfinite(file) & np.isfinite(GPP)
    assert np.corrcoef(file[both], GPP[both])[0, 1] > 0.85


def test_land_cover_holds_every_class(earth, raw):
    present = {name for name, code in IGBP_CLASSES.items() if (earth.ecosystem.cover == code).any()}
    assert present == set(IGBP_CLASSES) - {"WAT"}
    with xr.open_dataset(raw / "IGBP" / "MCD12C1_2020.nc", mask_and_scale=False) as stored:
        codes = stored["Majority_Land_Cover_Type_1"]
        assert codes.dtype == "uint8"
        assert codes.values.min() == 0
        assert codes.values.max() <= 16
        assert stored["lat"][0] > stored["lat"][-1]


def test_carbon_dioxide_table_is_noaas(raw):
    table = pd.read_csv(raw / "CO2" / "co2_mm_gl.txt", comment="#", sep=r"\s+", header=None)
    assert table.shape == (24, 7)
    assert list(table[0]) == [2019] * 12 + [2020] * 12
    assert list(table[1]) == [*range(1, 13)] * 2
    assert table[3].between(405, 416).all()
    assert table[3].iloc[12:].mean() - table[3].iloc[:12].mean() == pytest.approx(2.5, abs=0.3)


# Truth


def test_true_fluxes_have_canonical_units_and_grid(truth):
    for name in FLUXES:
        assert truth[name].dtype == "float32"
        assert truth[name].attrs["units"] == VARIABLES[name].unit
        assert float(truth[name].min()) > VARIABLES[name].lower
        assert float(truth[name].max()) < VARIABLES[name].upper
    assert (np.diff(truth["latitude"]) > 0).all()
    assert truth["longitude"][0] == -175
    bounds = truth["time_bnds"].values
    np.testing.assert_array_equal(bounds[:, 0], truth["time"])
    np.testing.assert_array_equal(bounds[:-1, 1], bounds[1:, 0])


def test_carbon_and_energy_balance(truth, earth):
    np.testing.assert_allclose(truth["NEE"], truth["RECO"] - truth["GPP"], atol=1e-5)
    fluxes, NETRAD, G = (getattr(earth.ecosystem, n) for n in ("fluxes", "NETRAD", "G"))
    np.testing.assert_allclose(fluxes["H"] + fluxes["LE"], NETRAD - G, atol=1e-9)
    assert (fluxes["GPP"] >= 0).all()
    assert (fluxes["RECO"] >= 0).all()


def test_global_totals_are_those_of_the_earth(earth):
    area = earth.earth.cell_area[earth.earth.land]
    assert area.sum() / 1e12 == pytest.approx(149, abs=6)
    assert earth.earth.cell_area.sum() / 1e12 == pytest.approx(510, abs=1)
    total = {
        name: (flux.mean(axis=0) * area).sum() for name, flux in earth.ecosystem.fluxes.items()
    }
    to_petagrams = 365.25 / 1e15
    assert 100 < total["GPP"] * to_petagrams < 160
    assert -12 < total["NEE"] * to_petagrams < 0
    assert 30 < total["LE"] / area.sum() < 45
    assert 28 < total["H"] / area.sum() < 42


def test_climates_are_where_they_are_on_earth(earth):
    climate, latitude, longitude = earth.climate, earth.earth.latitude, earth.earth.longitude

    def at(values, lat, lon):
        return values[:, np.abs(latitude - lat).argmin(), np.abs(longitude - lon).argmin()]

    assert at(climate.P, 0, 21).mean() > 5 * at(climate.P, 23, 9).mean()  # Congo, Sahara
    siberia, brittany = at(climate.TA, 63, 129), at(climate.TA, 48, -3)
    assert np.ptp(siberia) > 2 * np.ptp(brittany)
    assert siberia.argmax() in (5, 6, 7)
    assert at(climate.TA, -25, 133).argmax() in (0, 1, 11)  # Australia
    assert at(climate.PA, 33, 87).mean() < 65  # Tibet
    GPP = on_map(earth, earth.ecosystem.fluxes["GPP"])
    assert np.nanargmax(np.nanmean(GPP[:, latitude > 45], axis=(1, 2))) in (5, 6, 7)


def test_a_finer_grid_shows_the_same_world():
    coarse, fine = (
        simulate(DemoWorldParameters(first_year=2020, resolution=r)).climate.TA for r in (10, 5)
    )
    blocks = fine.reshape(12, 18, 2, 36, 2).mean(axis=(2, 4))
    assert np.corrcoef(blocks.ravel(), coarse.ravel())[0, 1] > 0.99


# Towers


def test_towers_are_named_as_fluxnet_names_them(towers, raw):
    sites = pd.read_csv(raw / "towers" / "sites.csv")
    assert list(sites) == [
        "SITE_ID", "LOCATION_LAT", "LOCATION_LONG", "LOCATION_ELEV", "IGBP", "CLIMATE",
    ]  # fmt: skip
    assert sites["SITE_ID"].is_unique
    assert sites["SITE_ID"].str.fullmatch(r"[A-Z]{2}-[A-Za-z0-9]{3}").all()
    assert len(sites) == len(towers) == 6
    for (archive, member), table in towers.items():
        site = archive.split("_")[1]
        assert site in set(sites["SITE_ID"])
        first, last = table["TIMESTAMP"].iloc[[0, -1]] // 100
        years = f"{first}-{last}"
        assert archive == f"FLX_{site}_FLUXNET2015_FULLSET_{years}_1-4.zip"
        assert member == f"FLX_{site}_FLUXNET2015_FULLSET_MM_{years}_1-4.csv"
        assert table["TIMESTAMP"].is_monotonic_increasing


def test_towers_are_on_the_cover_that_they_state(earth):
    names = {code: name for name, code in IGBP_CLASSES.items()}
    cover = np.zeros(earth.earth.land.shape, dtype=int)
    cover[earth.earth.land] = earth.ecosystem.cover
    towers = make_towers(earth)
    kinds = set()
    for tower in towers:
        row = np.abs(earth.earth.latitude - tower.latitude).argmin()
        column = np.abs(earth.earth.longitude - tower.longitude).argmin()
        assert cover[row, column] == earth.ecosystem.cover[tower.cell]
        kinds.add(names[cover[row, column]])
    assert len(towers) == 40
    assert len(kinds) >= 9
    assert kinds.isdisjoint({"WAT", "SNO", "BSV", "URB"})
    north = np.mean([tower.latitude > 30 for tower in towers])
    assert 0.5 < north < 0.95
    assert len(set(earth.ecosystem.climate[[tower.cell for tower in towers]])) >= 4


def test_tower_tables(towers):
    together = pd.concat(towers.values())
    needed = [
        "TIMESTAMP", "TA_F", "TA_F_QC", "SW_IN_F", "SW_IN_F_QC", "LW_IN_F", "VPD_F", "PA_F", "P_F",
        "WS_F", "CO2_F_MDS", "NETRAD", "G_F_MDS", "NEE_VUT_REF", "NEE_VUT_REF_QC",
        "GPP_NT_VUT_REF", "GPP_DT_VUT_REF", "RECO_NT_VUT_REF", "RECO_DT_VUT_REF", "H_F_MDS",
        "H_F_MDS_QC", "H_CORR", "LE_F_MDS", "LE_F_MDS_QC", "LE_CORR",
    ]  # fmt: skip
    assert set(needed) <= set(together)
    assert not together.isna().any().any()
    share = (together["NEE_VUT_REF"] == -9999).mean()
    assert 0.02 < share < 0.25
    known = together.replace(-9999, np.nan)
    for name in together:
        if name.endswith("_QC"):
            assert known[name].dropna().between(0, 1).all()
        elif name not in ("TIMESTAMP", WORD):
            canonical = next(v for v in VARIABLES.values() if name in _fluxnet_names(v))
            assert known[name].dropna().between(canonical.lower, canonical.upper).all()
    for table in towers.values():
        assert (table["NEE_VUT_REF"] != -9999).any()
        assert (table["H_CORR"] != -9999).any()


def _fluxnet_names(variable):
    names = variable.aliases.get("fluxnet", ())
    return (*names, "RECO_NT_VUT_REF", "RECO_DT_VUT_REF") if variable.name == "RECO" else names


def test_partitions_add_up(towers):
    known = pd.concat(towers.values()).replace(-9999, np.nan)
    by_night = known["RECO_NT_VUT_REF"] - known["GPP_NT_VUT_REF"]
    np.testing.assert_allclose(by_night, known["NEE_VUT_REF"], atol=1e-4)
    difference = known["GPP_NT_VUT_REF"] - known["GPP_DT_VUT_REF"]
    assert 0 < difference.std() < 0.25 * known["GPP_NT_VUT_REF"].std()


def test_energy_is_closed_only_where_it_is_corrected(towers):
    known = pd.concat(towers.values()).replace(-9999, np.nan).dropna()
    available = known["NETRAD"] - known["G_F_MDS"]
    np.testing.assert_allclose(known["H_CORR"] + known["LE_CORR"], available, atol=2e-3)
    sunny = available > 60
    ratio = (known["H_F_MDS"] + known["LE_F_MDS"])[sunny] / available[sunny]
    assert ratio.mean() == pytest.approx(0.8, abs=0.08)


def test_towers_measure_the_truth_around_them(earth):
    months, found, true = 0, [], []
    for tower in make_towers(earth):
        GPP = tower.table["GPP_NT_VUT_REF"].to_numpy()
        kept = GPP != -9999
        months += len(GPP)
        found.append(GPP[kept])
        true.append(earth.ecosystem.fluxes["GPP"][:, tower.cell][kept])
    found, true = np.concatenate(found), np.concatenate(true)
    assert months == 40 * 12
    assert np.corrcoef(found, true)[0, 1] > 0.95
    assert 0.1 < np.std(found - true) < 1.5
