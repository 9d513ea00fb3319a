"""Damaged files of every family give a clear error or a table, never another exception."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.tower_fuzz.run import Case, Judge, cases
from benchmarks.tower_fuzz.sound import SITES as SITES_OF_SOUND
from tests.testing.sources import FLUXNET_COLUMNS
from uflux_kedro.datasets.validators import TOWERS
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.read import read_towers

EXAMPLES = int(os.environ.get("UFLUX_FUZZ_EXAMPLES", "8"))
"""Damaged files of each kind; more for a longer search."""

EVERY = 25 if EXAMPLES <= 8 else 1
"""Of the files of ``benchmarks.tower_fuzz``, every how many-th is judged."""

SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,IGBP\nXX-Aaa,50,10,ENF\n"
BIF = (
    "SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE\nXX-Aaa,1,G,LOCATION_LAT,47.5\n"
    "XX-Aaa,1,G,LOCATION_LONG,8.4\nXX-Aaa,2,G,IGBP,MF\n"
)
COLUMNS = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover", "GPP": "gpp",
           "GPP_QC": "qc", "ERA_P": {"column": "rain", "unit": "mm month-1"}}  # fmt: skip


def _half_hours() -> str:
    starts = pd.date_range("2004-06-01", periods=96, freq="30min")
    table = pd.DataFrame({"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M")}).assign(
        **FLUXNET_COLUMNS
    )
    return table.assign(NEE_VUT_REF_QC=0, H_F_MDS_QC=1, LE_F_MDS_QC=2).to_csv(index=False)


def _months() -> str:
    table = pd.DataFrame({"TIMESTAMP": ["200401", "200402", "200403"]}).assign(**FLUXNET_COLUMNS)
    return table.to_csv(index=False)


def _base() -> str:
    starts = pd.date_range("2004-06-01", periods=96, freq="30min")
    table = pd.DataFrame({"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M")})
    table = table.assign(FC=-2.0, SC=0.1, H_1_1_1=50.0, TA=20.0, RH=60.0, P=0.1)
    return "# Site: XX-Aaa\n# Version: 1-5\n" + table.to_csv(index=False)


def _datakit() -> str:
    table = pd.DataFrame({"TIMESTAMP": ["2004-01-01", "2004-01-02"]})
    return table.assign(
        GPP_NT_VUT_REF=4.0, GPP_NT_VUT_REF_QC=1, LE_F_MDS=40.0, LE_F_MDS_QC=0.5, TA_F_MDS=5.0
    ).to_csv(index=False)


def _parquet() -> bytes:
    table = pd.DataFrame(
        {"ID": ["XX-Aaa"] * 2, "time": pd.to_datetime(["2010-01-01", "2010-02-01"]),
         "GPP": [1.0, 2.0], "Latitude": 51.0, "IGBP": 1, "ERA5_TA": 5.0, "ERA5_PA": 985.0}
    ).set_index(["ID", "time"])  # fmt: skip
    stream = io.BytesIO()
    table.to_parquet(stream)
    return stream.getvalue()


def _workbook() -> bytes:
    stream = io.BytesIO()
    rows = [line.split(",") for line in BIF.splitlines()]
    pd.DataFrame(rows[1:], columns=rows[0]).to_excel(stream, index=False)
    return stream.getvalue()


def _zipped(name: str, text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return stream.getvalue()


FILES: dict[str, tuple[str, bytes]] = {
    "months": ("FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_1-4.csv", _months().encode()),
    "half-hours": ("FLX_XX-Aaa_FLUXNET2015_FULLSET_HH_2004-2004_1-4.csv", _half_hours().encode()),
    "zip": (
        "FLX_XX-Aaa_FLUXNET2015_FULLSET_2004-2004_1-4.zip",
        _zipped("FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_1-4.csv", _months()),
    ),
    "gzip": (
        "ICOSETC_XX-Aaa_FLUXNET_MM_L2.csv.gz",
        gzip.compress(_months().encode(), mtime=0),
    ),
    "base": ("AMF_XX-Aaa_BASE_HH_1-5.csv", _base().encode()),
    "base unnamed": ("tower.csv", _base().encode()),
    "datakit": ("FLX_XX-Aaa_FLUXDATAKIT_FULLSET_DD_2004_2004_2-3.csv", _datakit().encode()),
    "parquet": ("training.parquet", _parquet()),
    "tidy": ("own.csv", b"site,month,lat,cover,gpp,qc,rain\nXX-Aaa,200401,45,GRA,3.5,1,30\n"),
    "site table": ("sites.csv", SITES.encode()),
    "metadata": ("FLX_AA-Flx_BIF_MM_20200501.csv", BIF.encode()),
    "workbook": ("FLX_AA-Flx_BIF_MM_20200501.xlsx", _workbook()),
}

_TOKENS = [b",", b"\n", b'"', b"-9999", b"NA", b"nan", b"1e400", b"\x00", b"\xff\xfe", b"#",
           b"200413", b"99999999999999999999", b"inf", b"", b"abc", b"\r", b";", b"_QC"]  # fmt: skip

mutations = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 40),
        st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=6)),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, new in changes:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    return content


def read_or_refuse(files: dict[str, bytes], parameters: TowerParameters) -> None:
    folder = Path(tempfile.mkdtemp(prefix="uflux-"))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        towers, sites = read_towers(sorted(folder.iterdir()), parameters)
    except (InputError, ConfigurationError):
        return
    finally:
        shutil.rmtree(folder)
    assert not np.isinf(towers.select_dtypes("float64")).any(axis=None)
    assert set(towers["site_id"]) <= set(sites["site_id"])
    TOWERS.validate(towers)


def surroundings(kind: str) -> dict[str, bytes]:
    """Further files that the family needs: sites for a tower, or a tower for sites."""
    if kind in ("site table", "metadata", "workbook"):
        return dict([FILES["months"]])
    return {} if kind in ("tidy", "parquet") else dict([FILES["site table"]])


def parameters_for(kind: str, outside: str = "mask") -> TowerParameters:
    reader = "tidy" if kind == "tidy" else "auto"
    resolution = "MM" if kind in ("parquet", "tidy") else "DD"
    if "zip" in kind or kind in ("months", "site table", "metadata", "workbook"):
        resolution = "MM"
    columns = COLUMNS if kind == "tidy" else {}
    return TowerParameters(
        reader=reader, resolution=resolution, outside=outside, columns=columns, completeness=0.1
    )


@pytest.mark.parametrize("kind", FILES)
def test_the_undamaged_file_is_read(kind, tmp_path):
    name, content = FILES[kind]
    for file, text in (surroundings(kind) | {name: content}).items():
        (tmp_path / file).write_bytes(text)
    towers, _ = read_towers(sorted(tmp_path.iterdir()), parameters_for(kind, "raise"))
    fluxes = [c for c in ("GPP", "NEE", "H", "LE") if c in towers]
    assert towers[fluxes].notna().any(axis=None)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(changes=mutations, outside=st.sampled_from(["raise", "mask"]))
def test_a_damaged_file_is_read_or_refused(kind, changes, outside):
    name, content = FILES[kind]
    files = surroundings(kind) | {name: damaged(content, changes)}
    read_or_refuse(files, parameters_for(kind, outside))


_CELLS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**20), 10**20),
    st.sampled_from(["", "NA", "-9999", "abc", "200401", "XX-Aaa", "1,5", "é", "2004-01-01"]),
)


@pytest.mark.parametrize("kind", ["months", "half-hours", "base", "datakit", "tidy", "site table"])
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_other_columns_and_cells_are_read_or_refused(kind, data):
    name, content = FILES[kind]
    comment = b"# Site: XX-Aaa\n" if content.startswith(b"#") else b""
    table = pd.read_csv(io.BytesIO(content), comment="#", dtype=object)
    columns = list(table)
    for _ in range(data.draw(st.integers(1, 3))):
        column = data.draw(st.sampled_from(columns))
        change = data.draw(
            st.sampled_from(["cell", "column", "drop", "double", "rename", "shuffle"])
        )
        if column not in table:
            continue
        if change == "cell":
            cells = table[column].tolist()
            cells[data.draw(st.integers(0, len(table) - 1))] = data.draw(_CELLS)
            table[column] = pd.Series(cells, index=table.index, dtype=object)
        elif change == "column":
            table[column] = data.draw(_CELLS)
        elif change == "drop":
            table = table.drop(columns=column)
        elif change == "double" and table.columns.is_unique:
            table.insert(0, column, table[column], allow_duplicates=True)
        elif change == "rename":
            table = table.rename(columns={column: data.draw(st.sampled_from(columns))})
        else:
            table = table.iloc[data.draw(st.permutations(range(min(len(table), 5))))]
        if not table.columns.is_unique or table.empty:
            break
    text = comment + table.to_csv(index=False).encode()
    read_or_refuse(surroundings(kind) | {name: text}, parameters_for(kind))


def test_no_wrong_value_passes_the_check_of_towers_unnoticed():
    """A slice of ``python -m benchmarks.tower_fuzz``; all of it for a longer search."""
    judge = Judge()
    results = [judge.judge(case) for case in list(cases(draws=1))[::EVERY]]
    assert [r for r in results if r.outcome in ("silent", "crash")] == []
    assert {"refused", "right"} <= {r.outcome for r in results}


def test_a_wrong_value_that_nobody_is_told_of_is_silent():
    judge = Judge()
    family = judge.families["months"]
    table = family.table.assign(WS_F=[f"{float(v) + 0.5:.3g}" for v in family.table["WS_F"]])
    files = {"sites.csv": SITES_OF_SOUND.encode(), family.name: family.write(table)}
    result = judge.judge(Case("faster wind", "months", files))
    assert (result.outcome, result.evidence) == ("silent", "WS")
