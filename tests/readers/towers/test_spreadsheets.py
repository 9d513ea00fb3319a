"""Tables saved by spreadsheets, R or on a Mac are read like the original."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.read import read_towers

Change = Callable[[str], str]

SITES = "SITE_ID,LOCATION_LAT,LOCATION_LONG,LOCATION_ELEV,IGBP\nXX-Aaa,50.0,10.0,100,ENF\n"
NAME = "FLX_XX-Aaa_FLUXNET2015_FULLSET_MM_2004-2004_1-4.csv"
COLUMNS = {
    "site_id": "site", "time": "date", "latitude": "lat", "longitude": "lon", "IGBP": "igbp",
    "GPP": "gpp", "TA": "ta",
}  # fmt: skip


def each_row(end: str, first: int = 0) -> Change:
    """Append something to the rows from a line on."""
    return lambda text: "\n".join(
        row + end * (i >= first) for i, row in enumerate(text.strip().split("\n"))
    )


def empty_row(text: str) -> str:
    return text + "," * text.split("\n", 1)[0].count(",") + "\n"


CHANGES: dict[str, Change] = {
    "byte order mark": lambda text: "\ufeff" + text,
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "semicolons": lambda text: text.replace(",", ";"),
    "semicolons and decimal commas": lambda text: text.replace(",", ";").replace(".", ","),
    "tabs": lambda text: text.replace(",", "\t"),
    "spaces": lambda text: text.replace(",", ", "),
    "a column without a name": each_row(","),
    "rows that end with a comma": each_row(",", first=1),
    "a row of nothing": empty_row,
    "lines of nothing": lambda text: text + "\n\n",
}


def read(folder: Path, texts: dict[str, str], **settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    towers, sites = read_towers(sorted(folder.iterdir()), TowerParameters(**settings))
    return towers, sites


@pytest.fixture
def tidy() -> pd.DataFrame:
    months = pd.date_range("2004-01-01", periods=12, freq="MS").strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "site": np.repeat(["XX-Aaa", "NA-Bbb"], 12), "date": [*months, *months],
            "lat": np.repeat([50.5, -20.5], 12), "lon": np.repeat([10.5, 15.5], 12),
            "igbp": np.repeat(["ENF", "SAV"], 12), "gpp": np.arange(24) / 10 + 0.5,
            "ta": np.arange(24) + 0.25,
        }
    )  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("of", ["archive", "tidy table", "site table"])
def test_what_a_program_did_to_a_table_does_not_matter(fluxnet_table, tidy, tmp_path, of, change):
    if of == "tidy table":
        settings = {"reader": "tidy", "columns": COLUMNS}
        texts = {"towers.csv": tidy.to_csv(index=False)}
        changed = {"towers.csv": change(texts["towers.csv"])}
    else:
        settings = {}
        texts = {NAME: fluxnet_table().to_csv(index=False), "sites.csv": SITES}
        name = NAME if of == "archive" else "sites.csv"
        changed = texts | {name: change(texts[name])}
    folders = [tmp_path / "plain", tmp_path / "changed"]
    for folder in folders:
        folder.mkdir()
    plain, changed = (
        read(folder, given, **settings)
        for folder, given in zip(folders, (texts, changed), strict=True)
    )
    for one, other in zip(plain, changed, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert len(changed[0]) >= 12


@pytest.mark.parametrize(
    "nothing", ["-9999", "-9999.0", "-9999.00", " -9999", "NaN", "nan", "NA", "N/A", "#N/A", "null", ""]
)  # fmt: skip
def test_what_stands_for_nothing(fluxnet_table, tidy, tmp_path, nothing):
    months = fluxnet_table().astype({"GPP_NT_VUT_REF": object})
    months.loc[3, "GPP_NT_VUT_REF"] = "nothing"
    text = months.to_csv(index=False).replace("nothing", nothing)
    towers, _ = read(tmp_path, {NAME: text, "sites.csv": SITES})
    assert towers["GPP"].isna().to_numpy().nonzero()[0].tolist() == [3]

    folder = tmp_path / "tidy"
    folder.mkdir()
    tidy = tidy.astype({"gpp": object})
    tidy.loc[15, "gpp"] = "nothing"
    text = tidy.to_csv(index=False).replace("nothing", nothing)
    towers, _ = read(folder, {"towers.csv": text}, reader="tidy", columns=COLUMNS)
    assert towers.set_index("site_id").loc["NA-Bbb", "GPP"].isna().sum() == 1


@pytest.mark.parametrize("text", ["-", "None", "?", "1,5"])
def test_other_text_among_numbers_is_refused(fluxnet_table, tmp_path, text):
    months = fluxnet_table().astype({"GPP_NT_VUT_REF": object})
    months.loc[3, "GPP_NT_VUT_REF"] = text
    with pytest.raises(InputError, match="GPP_NT_VUT_REF: expected numbers"):
        read(tmp_path, {NAME: months.to_csv(index=False), "sites.csv": SITES})


def test_a_suffix_in_capitals_and_what_a_mac_adds(fluxnet_table, tmp_path):
    text = fluxnet_table().to_csv(index=False)
    capitals = NAME.replace(".csv", ".CSV")
    towers, _ = read(tmp_path, {capitals: text, f"._{NAME}": "\0\5\x16\7", "sites.csv": SITES})
    assert len(towers) == 12


def test_comments_that_a_spreadsheet_quoted_and_a_blank_line(tmp_path):
    times = pd.date_range("2004-06-01", "2004-06-03", freq="30min", inclusive="left")
    table = pd.DataFrame({"TIMESTAMP_START": times.strftime("%Y%m%d%H%M"), "FC": -5.0, "H": 50.0})
    rows = table.to_csv(index=False)
    for i, above in enumerate(
        ['"# Site: XX-Aaa"\n"# Version: 2-5"\n', "# Site: XX-Aaa,,\n# Version: 2-5,,\n\n"]
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        texts = {"AMF_XX-Aaa_BASE_HH_2-5.csv": above + rows, "sites.csv": SITES}
        towers, _ = read(folder, texts, resolution="DD")
        assert towers["H"].tolist() == [50.0, 50.0]


def test_a_column_twice_in_a_tidy_table_is_refused(tidy, tmp_path):
    text = tidy.to_csv(index=False).replace(",ta\n", ",gpp\n")
    with pytest.raises(InputError, match="gpp: expected each column once"):
        read(tmp_path, {"towers.csv": text}, reader="tidy", columns=COLUMNS)


def test_a_clock_that_keeps_summer_time_is_pointed_at(tmp_path):
    times = pd.date_range("2004-10-30", "2004-11-02", freq="30min", inclusive="left")
    times = times[[*range(54), *range(52, len(times))]]
    table = pd.DataFrame({"TIMESTAMP_START": times.strftime("%Y%m%d%H%M"), "FC": -5.0, "H": 50.0})
    texts = {"AMF_XX-Aaa_BASE_HH_2-5.csv": table.to_csv(index=False), "sites.csv": SITES}
    with pytest.raises(InputError, match=r"2004-10-31 twice .*daylight saving time"):
        read(tmp_path, texts, resolution="DD")
