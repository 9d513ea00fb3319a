from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.fluxdatakit import read_table
from uflux_kedro.readers.towers.tower_files import by_name

HEADER = (
    "TIMESTAMP,P_F,P_F_QC,TMIN_F_MDS,TMIN_F_QC,TMAX_F_MDS,TMAX_F_QC,TA_F_MDS,TA_F_QC,SW_IN_F_MDS,"
    "SW_IN_F_MDS_QC,VPD_F_MDS,VPD_F_MDS_QC,PA_F,PA_F_QC,GPP_DT_VUT_REF,GPP_DT_VUT_REF_QC,"
    "GPP_NT_VUT_REF,GPP_NT_VUT_REF_QC,LE_F_MDS,LE_F_MDS_QC,LE_CORR,LE_CORR_QC,H_F_MDS,H_F_MDS_QC,"
    "H_CORR,H_CORR_QC,LAI,FPAR"
)
GRAMS_A_DAY = 12.011e-6 * 86400


@pytest.fixture
def write(tmp_path):
    def make(*rows: str) -> File:
        path = tmp_path / "FLX_XX-Aaa_FLUXDATAKIT_FULLSET_DD_2004_2004_2-3.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n")
        return File(path)

    return make


def read(file: File, **parameters):
    table = by_name(file)
    assert (table.family, table.step) == ("fluxdatakit", "DD")
    return read_table(table, TowerParameters(**{"resolution": "DD"} | parameters))


def test_days_come_in_canonical_units(write):
    file = write(
        "2004-01-01,2.5,1,-3,1,4,1,1,0.5,60,1,3,1,93,0,5,1,4,1,40,0.75,44,5,20,0.5,NA,0,1.5,0.6",
        "2004-01-02,0,1,-3,1,4,1,1,0.5,60,1,3,1,93,0,NA,0,NA,0,NA,0,NA,NA,20,0.5,NA,0,1.5,0.6",
    )
    first, second = read(file, energy_balance="RAW").to_dict("records")
    assert first["GPP"] == pytest.approx(4 * GRAMS_A_DAY)
    assert [first[n] for n in ("LE", "LE_QC", "H", "TA", "TA_MIN", "P", "PA", "LAI")] == [
        40, 0.75, 20, 1, -3, 2.5, 93, 1.5,
    ]  # fmt: skip
    assert np.isnan([second["GPP"], second["LE"]]).all()
    assert read(file, partition="DT")["GPP"][0] == pytest.approx(5 * GRAMS_A_DAY)
    corrected = read(file)
    assert corrected["LE"][0] == 44
    assert corrected["H"].isna().all()


def test_missing_half_hours_that_went_into_an_average_are_found(write):
    file = write(
        "2004-01-01,2.5,1,-3,1,4,1,1,0.5,60,1,3,1,-8526,0,5,1,4,1,40,1,44,5,20,1,NA,0,1.5,0.6"
    )
    with pytest.raises(InputError, match=r"PA: expected 45 to 110 kPa; found .* -8526 at XX-Aaa"):
        read(file)
    assert read(file, outside="mask")["PA"].isna().all()


def test_laegeren_day_by_day(shared_data):
    path = shared_data / "fluxnet_archives/FLX_CH-Lae_FLUXDATAKIT_FULLSET_DD_2004_2014_2-3.csv.gz"
    days = read(File(path))
    with gzip.open(path, "rt", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(days) == len(rows)
    gpp = np.array([np.nan if r["GPP_NT_VUT_REF"] == "NA" else float(r["GPP_NT_VUT_REF"])
                    for r in rows])  # fmt: skip
    np.testing.assert_allclose(days["GPP"], gpp * GRAMS_A_DAY, rtol=1e-12)
    # The forest of Laegeren takes up about 1.5 to 2 kgC m-2 per year.
    yearly = days.groupby(days["time"].dt.year)["GPP"].mean() * 365
    assert 1200 < yearly.loc[2005:2013].mean() < 2500
    np.testing.assert_allclose(days["PA"], [float(r["PA_F"]) for r in rows])
    np.testing.assert_allclose(days["LE_QC"], [float(r["LE_F_MDS_QC"]) for r in rows])


def test_months_of_laegeren_are_means_of_its_days(shared_data):
    path = shared_data / "fluxnet_archives/FLX_CH-Lae_FLUXDATAKIT_FULLSET_DD_2004_2014_2-3.csv.gz"
    days = read(File(path)).set_index("time")["GPP"]
    months = read(File(path), resolution="MM").set_index("time")
    july = days["2008-07-01":"2008-07-31"]
    assert months.loc["2008-07-01", "GPP"] == pytest.approx(july.mean())
