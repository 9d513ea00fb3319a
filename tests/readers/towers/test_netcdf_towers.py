"""netCDF of towers: OzFlux L6 and PLUMBER2 give the columns, units and quality of the other readers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.read import read_towers
from uflux_kedro.readers.towers.tower_files import recognise

GRAMS_A_DAY = 12.011e-6 * 86400
"""gC m-2 d-1 in one umol CO2 m-2 s-1."""
FIRST = "2011-03-01"
SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nAU-Aaa,-35.5,148.25,EBF\n"


@pytest.fixture
def ozflux(tmp_path):
    """Write three days of level 6, stamped at the ends, days since 1800, with three dimensions."""

    def make(name="Tumbarumba_L6.nc", minutes=30, attrs=None, **changes):
        n = 3 * 1440 // minutes
        times = pd.date_range(FIRST, periods=n + 1, freq=f"{minutes}min")[1:]
        table = {
            "Fe": (96.0, "W/m^2"), "Fh": (40.0, "W/m^2"), "Fn": (150.0, "W/m^2"),
            "Fsd": (200.0, "W/m^2"), "Fld": (310.0, "W/m^2"), "Ta": (11.0, "degC"),
            "VPD": (0.8, "kPa"), "ps": (92.5, "kPa"), "Precip": (0.125, "mm"), "Ws": (2.0, "m/s"),
            "Sws": (0.25, "m^3/m^3"), "Ts": (9.0, "degC"), "CO2": (400.0, "umol/mol"),
            "NEE_LT": (-2.0, "umol/m^2/s"), "ER_LT": (3.0, "umol/m^2/s"),
            "GPP_LT": (5.0, "umol/m^2/s"), "NEE_SOLO": (-1.0, "umol/m^2/s"),
            "ER_SOLO": (3.0, "umol/m^2/s"), "GPP_SOLO": (4.0, "umol/m^2/s"),
        } | changes  # fmt: skip
        variables = {}
        for key, (value, unit) in ((k, v) for k, v in table.items() if v is not None):
            values = np.broadcast_to(np.asarray(value, "float64"), n).reshape(n, 1, 1)
            variables[key] = (("time", "latitude", "longitude"), values, {"units": unit})
        for key in [k for k in variables if f"{k}_QCFlag" not in variables]:
            if not key.endswith("_QCFlag"):
                flags = np.zeros((n, 1, 1), "int32")
                variables[f"{key}_QCFlag"] = (("time", "latitude", "longitude"), flags)
        days = (times - pd.Timestamp("1800-01-01")) / pd.Timedelta("1D")
        stamps = ("time", days, {"units": "days since 1800-01-01 00:00:00.0"})
        attrs = {
            "fluxnet_id": "AU-Aaa", "site_name": "Aaa", "latitude": "-35.5", "longitude": 148.25,
            "altitude": "1249m", "vegetation": "EBF", "time_step": str(minutes),
        } | (attrs or {})  # fmt: skip
        data = xr.Dataset(variables, {"time": stamps, "latitude": [-35.5], "longitude": [148.25]})
        data.assign_attrs(attrs).to_netcdf(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def plumber(tmp_path):
    """Write three days of PLUMBER2: a file of fluxes and one of weather, stamped at the starts."""

    def make(site="AT-Aaa", step=1800, **changes):
        n = 3 * 86400 // step
        fluxes = {
            "Qle": (90.0, "W/m2"), "Qh": (30.0, "W/m2"), "Qle_cor": (99.0, "W/m2"),
            "Qh_cor": (33.0, "W/m2"), "Rnet": (140.0, "W/m2"), "NEE": (-2.0, "umol/m2/s"),
            "GPP": (5.0, "umol/m2/s"), "GPP_DT": (6.0, "umol/m2/s"), "Resp": (3.0, "umol/m2/s"),
            "Qle_qc": (0.0, "-"), "Qh_qc": (0.0, "-"), "NEE_qc": (0.0, "-"), "Ustar": (0.4, "m/s"),
        }  # fmt: skip
        weather = {
            "Tair": (284.15, "K"), "SWdown": (200.0, "W/m2"), "LWdown": (310.0, "W/m2"),
            "VPD": (8.0, "hPa"), "Psurf": (92500.0, "Pa"), "Precip": (1e-4, "kg/m2/s"),
            "Wind": (2.0, "m/s"), "CO2air": (400.0, "ppm"), "Tair_qc": (0.0, "-"),
        }  # fmt: skip
        for part, table in (("Flux", fluxes), ("Met", weather)):
            variables = {}
            for key, (value, unit) in table.items():
                given = changes.get(key, value)
                values = np.broadcast_to(np.asarray(given, "float32"), n).reshape(n, 1, 1)
                variables[key] = (("time", "y", "x"), values, {"units": unit})
            for key, value in (("latitude", 47.1), ("longitude", 11.3), ("elevation", 970.0)):
                variables[key] = (("y", "x"), np.full((1, 1), value))
            for key, text in (("IGBP_veg_short", "GRA"), ("IGBP_veg_long", "Grasslands")):
                variables[key] = ((), np.array(f"{text:<200}".encode(), "S200"))
            stamps = ("time", step * np.arange(n), {"units": f"seconds since {FIRST} 00:00:00"})
            data = xr.Dataset(variables, {"time": stamps}, {"site_code": site})
            data.to_netcdf(tmp_path / f"{site}_2011-2011_FLUXNET2015_{part}.nc")
        return tmp_path

    return make


def days(path, **settings):
    return read_towers(path, TowerParameters(resolution="DD"), **settings)


@pytest.mark.parametrize("minutes", [30, 60])
def test_ozflux_comes_in_canonical_units_at_its_own_step(ozflux, minutes):
    towers, sites = days(ozflux(minutes=minutes))
    assert towers["time"].tolist() == list(pd.date_range(FIRST, periods=3)), "ends become starts"
    day = towers.iloc[1]
    assert day["site_id"] == "AU-Aaa"
    carbon = [5 * GRAMS_A_DAY, 3 * GRAMS_A_DAY, -2 * GRAMS_A_DAY]
    assert day[["GPP", "RECO", "NEE"]].tolist() == pytest.approx(carbon)
    assert day[["H", "LE", "NETRAD", "SW_IN", "LW_IN"]].tolist() == [40, 96, 150, 200, 310]
    # 0.8 kPa; 0.125 mm at each of 48 or 24 steps.
    assert day[["TA", "VPD", "PA", "P"]].tolist() == pytest.approx([11, 8, 92.5, 180 / minutes])
    assert day[["TS", "SWC", "CO2", "WS"]].tolist() == pytest.approx([9, 0.25, 400, 2])
    assert day[["GPP_QC", "RECO_QC", "NEE_QC", "LE_QC", "TA_QC"]].tolist() == [1.0] * 5
    site = sites.iloc[0]
    assert site[["site_id", "IGBP"]].tolist() == ["AU-Aaa", "EBF"]
    assert site[["latitude", "longitude", "elevation"]].tolist() == [-35.5, 148.25, 1249]


def test_the_classic_format_is_read_and_its_damage_named(ozflux, tmp_path):
    expected, _ = days(ozflux())
    path = tmp_path / "classic_L6.nc"
    with xr.open_dataset(tmp_path / "Tumbarumba_L6.nc", decode_cf=False) as dataset:
        dataset.to_netcdf(path, format="NETCDF3_64BIT")
    pd.testing.assert_frame_equal(days(path)[0], expected)
    content = bytearray(path.read_bytes())
    content[8:40] = b"\xff" * 32  # crashes the netCDF library
    path.write_bytes(content)
    assert "a complete netCDF file" in recognise(File(path))
    path.write_bytes(content[:2000])
    with pytest.raises(InputError, match="a complete netCDF file"):
        days(path)


def test_the_last_half_hour_of_a_day_is_stamped_with_the_next_midnight(ozflux):
    heat = np.zeros(144)
    heat[47] = 480.0  # stamped 2 March 00:00
    towers, _ = days(ozflux(Fh=(heat, "W/m^2")))
    assert towers["H"].tolist() == [10, 0, 0]


def test_flags_of_pyfluxpro_become_the_share_measured_or_filled_well(ozflux):
    flags = np.zeros(144)
    flags[:12], flags[12:24], flags[24:36] = 10, 510, 440  # corrected, network, reanalysis
    flags[48:96] = 520  # long gaps
    table = ozflux(NEE_LT_QCFlag=(flags, "1"))
    towers, _ = days(table)
    assert towers["NEE_QC"].tolist() == [0.75, 0.0, 1.0]
    assert towers["GPP"].isna().tolist() == [False, True, False]
    assert towers["LE_QC"].tolist() == [1.0] * 3


def test_missing_values_of_ozflux_enter_no_average(ozflux):
    air = np.full(144, 12.0)
    air[5:10] = -9999.0
    towers, _ = days(ozflux(Ta=(air, "C")))
    assert towers["TA"].tolist() == [12, 12, 12]


def test_the_partitioning_is_the_wanted_one_or_the_network_with_a_remark(ozflux):
    path = ozflux()
    night, _ = days(path)
    assert not [r for r in night.attrs["remarks"] if r["check"] == "units"]
    by_day, _ = days(path, partition="DT")  # there is no GPP_LL
    assert by_day["GPP"].tolist() == pytest.approx([4 * GRAMS_A_DAY] * 3)
    assert by_day["NEE"].tolist() == pytest.approx([-GRAMS_A_DAY] * 3)
    (remark,) = [r for r in by_day.attrs["remarks"] if r["check"] == "units"]
    assert remark["sites"] == ["AU-Aaa"]
    assert "only SOLO at AU-Aaa" in remark["found"]


def test_a_class_in_words_is_not_trusted_and_comes_from_the_site_table(ozflux, tmp_path):
    path = ozflux(attrs={"vegetation": "Wet sclerophyll forest"})
    with pytest.raises(InputError, match="a row of the site table for each tower; found none for"):
        days(path)
    (tmp_path / "sites.csv").write_text(SITES)
    assert days(path)[1]["IGBP"].tolist() == ["EBF"]


def test_a_flux_in_another_unit_is_refused_and_weather_left_out(ozflux, caplog):
    towers, _ = days(ozflux(CO2=(700.0, "mg/m^3")))
    assert "CO2" not in towers or towers["CO2"].isna().all()
    assert "CO2 is left out" in caplog.text
    with pytest.raises(InputError, match=r"LE: expected a unit that converts to W m-2; found 'mm'"):
        days(ozflux(Fe=(0.1, "mm")))


def test_plumber2_joins_fluxes_and_weather_in_canonical_units(plumber):
    towers, sites = days(plumber())
    day = towers.iloc[1]
    assert day["site_id"] == "AT-Aaa"
    carbon = [5 * GRAMS_A_DAY, 3 * GRAMS_A_DAY, -2 * GRAMS_A_DAY]
    assert day[["GPP", "RECO", "NEE"]].tolist() == pytest.approx(carbon)
    assert day[["H", "LE", "SW_IN", "LW_IN", "NETRAD"]].tolist() == [33, 99, 200, 310, 140]
    # 1e-4 kg m-2 s-1 are 8.64 mm a day.
    assert day[["TA", "VPD", "PA", "P"]].tolist() == pytest.approx([11, 8, 92.5, 8.64], rel=1e-5)
    assert day[["CO2", "WS", "USTAR"]].tolist() == pytest.approx([400, 2, 0.4])
    assert sites.iloc[0][["site_id", "IGBP", "elevation"]].tolist() == ["AT-Aaa", "GRA", 970]
    assert sites.iloc[0][["latitude", "longitude"]].tolist() == pytest.approx([47.1, 11.3])


def test_plumber2_follows_the_settings_and_its_codes(plumber):
    codes = np.zeros(144)
    codes[:12], codes[12:36], codes[48:96] = 1, 2, 5
    folder = plumber(NEE_qc=codes)
    towers, _ = days(folder, partition="DT", energy_balance="RAW")
    assert towers["GPP_QC"].tolist() == [0.5, 0.0, 1.0]
    assert towers["GPP"].tolist() == pytest.approx([6 * GRAMS_A_DAY, np.nan, 6 * GRAMS_A_DAY],
                                                   nan_ok=True)  # fmt: skip
    assert towers[["H", "LE"]].iloc[0].tolist() == [30, 90]


def test_columns_found_before_a_run_are_those_it_reads(ozflux, plumber, tmp_path):
    for path in (ozflux(), plumber() / "AT-Aaa_2011-2011_FLUXNET2015_Flux.nc"):
        towers, _ = days(path)
        found = offered_columns(path, TowerParameters(resolution="DD"))
        assert found == set(towers.columns) | {"latitude", "IGBP"}


def test_other_netcdf_is_refused_with_what_it_is_and_what_to_do(ozflux, plumber, tmp_path):
    def reason(path):
        return recognise(File(path))

    grid = xr.Dataset({"Tair": (("time", "lat"), np.zeros((2, 3)))}, {"time": [0, 1]})
    grid.to_netcdf(tmp_path / "grid.nc")
    assert "netCDF of neither OzFlux (L6) nor PLUMBER2, with Tair" in reason(tmp_path / "grid.nc")
    assert "at a step of Daily" in reason(ozflux("a_Daily.nc", attrs={"time_step": "Daily"}))
    lacking = dict.fromkeys(["GPP_LT", "NEE_LT", "GPP_SOLO", "NEE_SOLO"])
    assert "below level 6" in reason(ozflux("a_L3.nc", **lacking))
    plumber()
    weather = tmp_path / "AT-Aaa_2011-2011_FLUXNET2015_Met.nc"
    assert reason(weather) is None
    (tmp_path / "AT-Aaa_2011-2011_FLUXNET2015_Flux.nc").unlink()
    assert "without its fluxes" in reason(weather)
