from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.uflux_parquet import read_uflux_parquet


@pytest.fixture
def published() -> pd.DataFrame:
    """Months of two sites as the published script reads them: sites and time in the index."""
    time = pd.date_range("2010-01-01", periods=6, freq="MS")
    index = pd.MultiIndex.from_product([["DE-Abc", "NA-Xyz"], time], names=["ID", "time"])
    n = len(index)
    step = np.arange(n) / 100
    day = index.get_level_values("time").day_of_year
    return pd.DataFrame(
        {
            "GPP": 5 + step, "Reco": 4 + step, "NEE": -1 + step, "H": 40.0, "LE": 50.0,
            "IGBP": np.repeat([1, 7], n // 2), "Latitude": np.repeat([51.0, -20.0], n // 2),
            "DoY_sin": np.sin(day), "DoY_cos": np.cos(day), "Year": 2010,
            "ERA5_SWIN": 150.0, "ERA5_LWIN": 310.0, "ERA5_TA": 10 + step, "ERA5_TS": 283.15,
            "ERA5_U": 1.0, "ERA5_V": -1.0, "ERA5_P": 2.0, "ERA5_PA": 985.0, "ERA5_VPD": 5.0,
            "ERA5_iWUE": 76.0, "CFSV2_SMC": 0.3, "CFSV2_SWIN": 150.0, "MODIS_NIRv": 0.2,
            "MODIS_EVI": 0.3, "MODIS_NDVI": 0.6, "GOME-2-SIF": 0.5, "GOSAT-755-SIF": 0.4,
            "OCO-2-CSIF": 0.3,
        },
        index=index,
    )  # fmt: skip


def read(table: pd.DataFrame, tmp_path, **parameters):
    path = tmp_path / "UFLUX-ensemble_training_dataset.parquet"
    table.to_parquet(path)
    return read_uflux_parquet(path, TowerParameters(**parameters))


def test_names_and_units_are_settled(published, tmp_path, caplog):
    towers, sites, missing = read(published, tmp_path)
    assert missing == []
    assert len(towers) == 12
    first = towers.iloc[0]
    expected = {
        "GPP": 5.0, "RECO": 4.0, "NEE": -1.0, "ERA5_SW_IN": 150.0, "ERA5_LW_IN": 310.0,
        "ERA5_TA": 10.0, "ERA5_TS": 10.0, "ERA5_PA": 98.5, "ERA5_VPD": 5.0, "ERA5_iWUE": 76.0,
        "CFSV2_SWC": 0.3, "MODIS_EVI2": 0.3, "MODIS_NIRv": 0.2, "GOME2_SIF": 0.5,
        "GOSAT755_SIF": 0.4, "OCO2_CSIF": 0.3,
    }  # fmt: skip
    assert {n: first[n] for n in expected} == pytest.approx(expected)
    assert first["time"] == pd.Timestamp("2010-01-01")
    assert not {"DoY_sin", "Year", "Latitude", "IGBP"} & set(towers), (
        "made anew from time and place"
    )
    assert sites[["site_id", "latitude", "IGBP"]].to_numpy().tolist() == [
        ["DE-Abc", 51.0, "ENF"], ["NA-Xyz", -20.0, "OSH"],
    ]  # fmt: skip
    assert "ERA5_PA is read as hPa, since its median is 985" in caplog.text
    assert "no longitudes" in caplog.text


def test_the_user_overrules_names_and_units(published, tmp_path):
    table = published.rename(columns={"GPP": "gross"}).assign(ERA5_P=0.004, lon=13.0)
    towers, sites, _ = read(
        table, tmp_path, columns={"GPP": "gross", "ERA5_P": {"column": "ERA5_P", "unit": "m d-1"}}
    )
    assert towers["GPP"][0] == 5.0
    assert towers["ERA5_P"].tolist() == pytest.approx([4.0] * 12)
    assert sites["longitude"].tolist() == [13.0, 13.0]


def test_flat_columns_and_other_names_of_time_read_alike(published, tmp_path):
    expected, _, _ = read(published, tmp_path)
    flat = published.reset_index().rename(columns={"time": "DateTime"})
    flat["DateTime"] = flat["DateTime"].dt.strftime("%Y-%m-%d")
    pd.testing.assert_frame_equal(read(flat, tmp_path)[0], expected)


def test_what_is_missing_is_named(published, tmp_path):
    with pytest.raises(InputError, match=r"site_id: expected a column for each.*towers\.columns"):
        read(published.reset_index("ID", drop=True), tmp_path)
    with pytest.raises(InputError, match="values of a flux"):
        read(published.drop(columns=["GPP", "Reco", "NEE", "H", "LE"]), tmp_path)
    with pytest.raises(InputError, match=r"IGBP: expected one of .*'99' at DE-Abc"):
        read(published.assign(IGBP=99), tmp_path)


def test_something_else_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(InputError, match="expected a complete parquet table"):
        read_uflux_parquet(path, TowerParameters())
