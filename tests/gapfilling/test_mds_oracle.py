"""MDS equals that of diive, which equals ONEFlux's, record by record.

diive has an environment of its own: it needs Python 3.12 and libraries in versions that are not
those of this project. Versions before 0.91 repeated the first or last record in windows that run
past the ends of a record, which ONEFlux's ``gf_mds`` does not.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.testing.records import make_record
from uflux_kedro.gapfilling import fill_mds

DIIVE = "UFLUX_DIIVE_PYTHON"
DRIVERS = ("SW_IN", "TA", "VPD")
DATA = Path(__file__).resolve().parents[3] / "shared/data/half_hourly"

FILL = """
import sys
import numpy as np
import pandas as pd
from diive.gapfilling.mds import FluxMDS

source, target, mode, steps_a_day = sys.argv[1:]
columns = dict(np.load(source))
step = pd.Timedelta("1D") / int(steps_a_day)
time = pd.date_range("2001-01-01", periods=len(columns["flux"]), freq=step)
table = pd.DataFrame(columns, index=time)
quality = {f"{k.lower()[:-3].replace('_', '')}_qc": k for k in columns if k.endswith("_QC")}
names = ("flux", "SW_IN", "TA", "VPD")
mds = FluxMDS(table, *names, mode=mode, vpd_in_kpa=False, verbose=0, **quality)
mds.run()
names = ["", "_SD", "_COUNTS", "_METHOD", "_TIMEWINDOW", "_QUALITY"]
np.save(target, mds.result[[f".PREDICTIONS{name}" for name in names]].to_numpy("float64"))
"""

SITE_YEARS = ("CA-Qfo_qca_ustar_2005", "US-Ne1_qca_ustar_2003")


def read_tharandt(flux):
    table = pd.read_csv(
        DATA / "Example_DETha98.txt", sep="\t", skiprows=[1], na_values=[-9999], dtype="float64"
    )
    return [table[name].to_numpy() for name in (flux, "Rg", "Tair", "VPD")], 48


def read_oneflux(name):
    """These files have no VPD."""
    path = DATA / f"oneflux_nee/{name}.csv.gz"
    # The table begins after lines about the site.
    lines = pd.read_csv(path, sep="\0", header=None)[0]
    start = int(np.argmax(lines.str.startswith("TIMESTAMP_START")))
    table = pd.read_csv(path, skiprows=start, na_values=[-9999])
    columns = [table[name].to_numpy("float64") for name in ("NEE", "SW_IN", "TA")]
    return [*columns, np.full(len(table), np.nan)], 48 if len(table) > 10_000 else 24


@pytest.mark.parametrize("mode", ["oneflux", "diive"])
@pytest.mark.parametrize("name", ["simulated", "filled", "NEE", "LE", "H", *SITE_YEARS])
def test_equal_to_diive_record_by_record(tmp_path, name, mode):
    """Gaps as in ONEFlux; with the symmetric mean, also measured records without their own value."""
    python = os.environ.get(DIIVE)
    if not python:
        pytest.skip(f"set {DIIVE} to a Python 3.12 with `pip install diive==0.92.*`")
    quality = {}
    if name in {"simulated", "filled"}:
        (flux, *drivers), steps_a_day = make_record(60, 48), 48
        if name == "filled":
            quality = {
                f"{name}_QC": np.isnan(x) * 2.0 for name, x in zip(DRIVERS, drivers, strict=True)
            }
            drivers = [pd.Series(x).interpolate().bfill().to_numpy() for x in drivers]
    elif not DATA.exists():
        pytest.skip(f"no {DATA}")
    else:
        (flux, *drivers), steps_a_day = (read_oneflux if name in SITE_YEARS else read_tharandt)(name)  # fmt: skip
    columns = dict(zip(("flux", *DRIVERS), (flux, *drivers), strict=True))
    np.savez(tmp_path / "record.npz", **columns, **quality)
    arguments = [tmp_path / "record.npz", tmp_path / "filled.npy", mode, steps_a_day]
    subprocess.run([python, "-c", FILL, *map(str, arguments)], check=True, capture_output=True)
    everywhere = mode == "diive"
    wanted = np.isnan(flux) | everywhere
    theirs = np.load(tmp_path / "filled.npy")[wanted].T
    filled = fill_mds(
        flux,
        *drivers,
        steps_a_day=steps_a_day,
        symmetric=everywhere,
        everywhere=everywhere,
        **quality,
    )
    order = (filled.value, filled.sd, filled.n, filled.method, filled.window, filled.quality)
    ours = np.array([column[wanted] for column in order])
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours[:2], theirs[:2], rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(ours[2:], theirs[2:])
