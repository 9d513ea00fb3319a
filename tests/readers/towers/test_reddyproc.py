"""Half-hourly text tables in the form that REddyProc reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.read import read_towers

SITES = """SITE_ID,LOCATION_LAT,LOCATION_LONG,LOCATION_ELEV,IGBP,CLIMATE
DE-Tha,50.963,13.567,380,ENF,Cfb
"""
DAYS = TowerParameters(resolution="DD", outside="keep")


def folder_of(path, text=None, source=None):
    (path / "sites.csv").write_text(SITES)
    file = path / "DE-Tha_1998.txt"
    if source is None:
        file.write_text(text)
    else:
        file.symlink_to(source)
    return [file, path / "sites.csv"]


def rows(days=3):
    """Return text of some days: NEE is the hour, every tenth value is missing."""
    lines = [
        "Year\tDoY\tHour\tNEE\tqcNEE\tH\tLE\tRg\tTair",
        "--\t--\t--\tumolm-2s-1\t--\tWm-2\tWm-2\tWm-2\tdegC",
    ]
    for i in range(48 * days):
        day, hour = 1 + i // 48, (i % 48 + 1) / 2
        nee = -9999 if i % 10 == 0 else hour / 2
        lines.append(f"2001\t{day}\t{hour}\t{nee}\t0\t20\t30\t100\t5")
    return "\n".join(lines) + "\n"


def test_half_hours_end_at_their_time_and_carbon_is_in_our_unit(tmp_path):
    towers, _ = read_towers(folder_of(tmp_path, rows()), DAYS)
    assert towers["time"].tolist() == list(pd.date_range("2001-01-01", periods=3))
    kept = [(i % 48 + 1) / 4 for i in range(48) if i % 10]
    assert towers["NEE"][0] == pytest.approx(np.mean(kept) * 12.011e-6 * 86400, rel=1e-3)
    assert towers["NEE_QC"][0] == pytest.approx(len(kept) / 48)
    assert towers["H"].eq(20).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2001\t1\t0.5", "2001\tNA\t0.5"), "a time in every row"),
        (("\t20\t30\t100\t5\n", "\tx\t30\t100\t5\n"), "numbers separated by tabs"),
        (("2001\t1\t1.0", "2001\t1\t0.5"), "DE-Tha"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_towers(folder_of(tmp_path, rows().replace(*change)), DAYS)


def test_measured_year(shared_data, tmp_path):
    source = shared_data / "half_hourly" / "Example_DETha98.txt"
    towers, _ = read_towers(folder_of(tmp_path, source=source), DAYS)
    raw = pd.read_csv(source, sep="\t", skiprows=[1], na_values=-9999)
    assert len(towers) == 365
    july = raw.iloc[189 * 48 : 190 * 48]
    day = towers.set_index("time").loc["1998-07-09"]
    assert day["TA"] == pytest.approx(july["Tair"].mean(), rel=1e-6)
    assert day["SW_IN"] == pytest.approx(july["Rg"].mean(), rel=1e-6)
    good = july["NEE"].notna() & (july["qcNEE"] <= 1)
    assert day["NEE_QC"] == pytest.approx(good.mean())
