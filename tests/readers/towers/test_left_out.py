"""One tower's trouble costs that tower alone, and is told."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.page import render_quality
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.towers.left_out import Losses, as_table, in_words
from uflux_kedro.readers.towers.offered import offered_columns
from uflux_kedro.readers.towers.read import read_towers

GOOD = "XX-Aaa"
BAD = "XX-Bad"
FLUXES = ("GPP", "RECO", "NEE", "H", "LE")
CARBON = ("GPP_NT_VUT_REF", "RECO_NT_VUT_REF", "NEE_VUT_REF")


@pytest.fixture
def folder(tmp_path, fluxnet_table, fluxnet_zip):
    """Folder with a good tower, and a site table with both towers."""
    fluxnet_zip(fluxnet_table(), GOOD)
    places(tmp_path, GOOD, BAD)
    return tmp_path


def places(folder, *names, **changes):
    place = {"SITE_ID": names, "LOCATION_LAT": 50.0, "LOCATION_LONG": 10.0, "IGBP": "ENF"}
    pd.DataFrame(place | changes).to_csv(folder / "sites.csv", index=False)


def lost(towers) -> list[tuple[str, str]]:
    return [(row["site_id"], row["variable"]) for row in towers.attrs["left_out"]]


def test_what_a_good_folder_leaves_out(folder):
    towers, sites = read_towers(folder)
    assert lost(towers) == []
    assert sites[[f"{flux}_column" for flux in FLUXES]].iloc[0].tolist() == [
        "GPP_NT_VUT_REF", "RECO_NT_VUT_REF", "NEE_VUT_REF", "H_CORR", "LE_CORR"
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["absent", "empty"])
@pytest.mark.parametrize(
    ("columns", "variables"),
    [
        (CARBON, ["GPP", "NEE", "RECO"]),
        (("NEE_VUT_REF_QC",), ["GPP", "NEE", "RECO"]),
        (("NEE_VUT_REF",), ["NEE"]),
        (("GPP_NT_VUT_REF",), ["GPP"]),
        (("P_F",), ["P"]),
        (("LW_IN_F",), ["LW_IN"]),
    ],
)
def test_a_tower_without_a_variable_keeps_the_others(
    folder, fluxnet_table, fluxnet_zip, columns, variables, how
):
    table = fluxnet_table()
    columns = list(columns)
    table = table.drop(columns=columns) if how == "absent" else table.assign(
        **dict.fromkeys(columns, -9999)
    )  # fmt: skip
    fluxnet_zip(table, BAD)
    towers, sites = read_towers(folder)
    assert sites["site_id"].tolist() == [GOOD, BAD]
    assert sorted(lost(towers)) == [(BAD, v) for v in variables]
    rows = towers[towers["site_id"] == BAD]
    assert rows[variables].isna().all(axis=None)
    assert rows[["LE", "H", "TA"]].notna().all(axis=None)
    assert towers.loc[towers["site_id"] == GOOD, variables].notna().all(axis=None)
    assert columns[0] in towers.attrs["left_out"][0]["reason"] or how == "absent"
    with pytest.raises(InputError):
        read_towers(folder, on_bad_tower="stop")


def test_the_column_that_is_named_is_the_variables_own(folder, fluxnet_table, fluxnet_zip):
    fluxnet_zip(fluxnet_table(PA_F=-9999, P_F=-9999), BAD)
    rows = read_towers(folder)[0].attrs["left_out"]
    assert {row["variable"]: row["reason"].partition(":")[0] for row in rows} == {
        "P": "P_F",
        "PA": "PA_F",
    }


def test_what_is_not_read_is_listed_once(folder, caplog):
    (folder / "notes.csv").write_text("some,columns\n1,2\n")
    offered_columns(folder, TowerParameters())
    assert caplog.text == ""
    towers, _ = read_towers(folder)
    assert [row["file"] for row in towers.attrs["left_out"]] == [str(folder / "notes.csv")]
    assert caplog.text.count("notes.csv is not read: a table of unknown columns") == 1


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def web_page(path):
    path.write_bytes(b"<!DOCTYPE html>")


def unsafe(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../out.csv", "")


@pytest.mark.parametrize("spoil", [cut, web_page, unsafe])
def test_a_broken_archive_costs_its_tower(folder, fluxnet_table, fluxnet_zip, spoil):
    path = fluxnet_zip(fluxnet_table(), BAD)
    spoil(path)
    towers, sites = read_towers(folder)
    assert sites["site_id"].tolist() == [GOOD]
    (row,) = towers.attrs["left_out"]
    assert (row["site_id"], row["variable"]) == (BAD, "")
    assert path.name in row["file"]
    assert "GPP" in offered_columns(folder, TowerParameters())
    with pytest.raises(InputError):
        read_towers(folder, on_bad_tower="stop")
    with pytest.raises(InputError):
        read_towers(path)


def test_a_table_that_cannot_be_read_costs_its_tower(folder, fluxnet_table, fluxnet_zip):
    table = fluxnet_table()
    fluxnet_zip(pd.concat([table, table.iloc[[4]]]), BAD)
    towers, sites = read_towers(folder)
    assert sites["site_id"].tolist() == [GOOD]
    assert "2004-05-01 twice" in towers.attrs["left_out"][0]["reason"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda names: {"SITE_ID": [GOOD]},
        lambda names: {"IGBP": ["ENF", "Wald"]},
        lambda names: {"LOCATION_LAT": [50.0, 123.0]},
    ],
    ids=["no row", "unknown class", "no place on Earth"],
)
def test_a_tower_without_place_or_class_is_left_out(folder, fluxnet_table, fluxnet_zip, spoil):
    fluxnet_zip(fluxnet_table(), BAD)
    changes = spoil(None)
    places(folder, *changes.pop("SITE_ID", (GOOD, BAD)), **changes)
    towers, sites = read_towers(folder)
    assert (sites["site_id"].tolist(), towers["site_id"].unique().tolist()) == ([GOOD], [GOOD])
    assert {row["site_id"] for row in towers.attrs["left_out"]} == {BAD}


def test_if_no_tower_is_left_it_is_said_what_most_of_them_lack(
    tmp_path, fluxnet_table, fluxnet_zip
):
    cut(fluxnet_zip(fluxnet_table(), "AA-Cut"))
    for name in ("XX-Bbb", "XX-Ccc", "XX-Ddd"):
        fluxnet_zip(fluxnet_table(), name)
    with pytest.raises(InputError) as caught:
        read_towers(tmp_path)
    message = str(caught.value)
    assert "none of 4. Left out are 3 for site_id: expected a row of the site table" in message
    assert message.index("site table") < message.index("1 for the file: expected a")
    assert "AA-Cut" in message
    assert message.endswith(
        "Add their place and IGBP class to the site table, or leave the towers out"
    )


def test_the_newest_release_is_read(folder, fluxnet_table):
    names = [
        "FLX_XX-Bad_FLUXNET2015_FULLSET_MM_2004-2014_2-4.csv",
        "AMF_XX-Bad_FLUXNET_FULLSET_MM_2004-2020_3-5.csv",
        "EUF_XX-Bad_FLUXNET_FLUXMET_MM_2004-2024_v1.3_r1.csv",
        "EUF_XX-Bad_FLUXNET_FLUXMET_MM_2004-2024_v1.3_r2.csv",
    ]
    for number, name in enumerate(names):
        fluxnet_table(GPP_NT_VUT_REF=number + 1.0).to_csv(folder / name, index=False)
        towers, sites = read_towers(folder)
        assert towers.loc[towers["site_id"] == BAD, "GPP"].unique().tolist() == [number + 1.0]
        aside = {row["file"].rpartition("/")[2] for row in towers.attrs["left_out"]}
        assert aside == set(names[:number])
        assert sites["site_id"].tolist() == [GOOD, BAD]


def test_a_broken_release_gives_way_to_the_older_one(folder, fluxnet_table):
    for name in ("r1", "r2"):
        path = folder / f"EUF_XX-Bad_FLUXNET_FLUXMET_MM_2004-2024_v1.3_{name}.csv"
        fluxnet_table().to_csv(path, index=False)
    path.write_text(path.read_text().replace("200405", "soon"))
    towers, _ = read_towers(folder)
    assert (towers["site_id"] == BAD).sum() == 12
    assert [row["file"] for row in towers.attrs["left_out"]] == [str(path)]


def test_a_tower_lacking_one_version_is_read_by_another(folder, fluxnet_table, fluxnet_zip):
    table = fluxnet_table(H_CORR=-9999, LE_CORR=-9999).rename(
        columns={c: c.replace("VUT", "CUT") for c in (*CARBON, "NEE_VUT_REF_QC")}
    )
    fluxnet_zip(table, BAD)
    towers, sites = read_towers(folder)
    assert lost(towers) == []
    row = sites.set_index("site_id").loc[BAD]
    assert row[[f"{flux}_column" for flux in FLUXES]].tolist() == [
        "GPP_NT_CUT_REF", "RECO_NT_CUT_REF", "NEE_CUT_REF", "H_F_MDS", "LE_F_MDS"
    ]  # fmt: skip
    rows = towers[towers["site_id"] == BAD]
    assert rows["H"].tolist() == table["H_F_MDS"].tolist()
    assert rows[["GPP_QC", "NEE_QC"]].notna().all(axis=None)
    assert [r["variable"] for r in towers.attrs["remarks"] if r["check"] == "version"] == list(
        FLUXES
    )
    towers, _ = read_towers(folder, fall_back_on=())
    assert sorted(lost(towers)) == [(BAD, v) for v in sorted(FLUXES)] or lost(towers) == [(BAD, "")]


def test_the_other_partitioning_is_read_where_it_is_allowed(folder, fluxnet_table, fluxnet_zip):
    fluxnet_zip(fluxnet_table(GPP_NT_VUT_REF=-9999, RECO_NT_VUT_REF=-9999), BAD)
    assert lost(read_towers(folder)[0]) == [(BAD, "GPP"), (BAD, "RECO")]
    towers, sites = read_towers(folder, fall_back_on=("partition",))
    assert lost(towers) == []
    assert sites.set_index("site_id")["GPP_column"].to_dict() == {
        GOOD: "GPP_NT_VUT_REF",
        BAD: "GPP_DT_VUT_REF",
    }


def test_the_version_of_public_benchmarks(folder, fluxnet_table, fluxnet_zip):
    table = fluxnet_table().rename(
        columns={c: c.replace("REF", "USTAR50") for c in (*CARBON, "NEE_VUT_REF_QC")}
    )
    fluxnet_zip(table, GOOD)
    towers, sites = read_towers(folder, version="USTAR50")
    assert towers["GPP"].tolist() == table["GPP_NT_VUT_USTAR50"].tolist()
    assert (sites["NEE_column"][0], towers["GPP_QC"].notna().all()) == ("NEE_VUT_USTAR50", True)


def test_a_tower_of_a_tidy_table_costs_itself_alone(tmp_path):
    sites = [f"XX-{n:03d}" for n in range(9)]
    table = pd.DataFrame({"site": np.repeat(sites, 3), "month": [200401, 200402, 200403] * 9})
    table = table.assign(lat=50.0, cover="GRA", gpp=np.arange(27) / 10)
    table.loc[table["site"] == "XX-003", "cover"] = "Wiese"
    table.loc[table["site"] == "XX-005", "month"] = 200401
    table["gpp"] = table["gpp"].astype(object)
    table.loc[22, "gpp"] = "much"
    table.to_csv(tmp_path / "own.csv", index=False)
    columns = {"site_id": "site", "time": "month", "latitude": "lat", "IGBP": "cover", "GPP": "gpp"}
    towers, known = read_towers(tmp_path / "own.csv", reader="tidy", columns=columns)
    assert sorted(lost(towers)) == [("XX-003", ""), ("XX-005", ""), ("XX-007", "")]
    assert len(known) == 6
    assert len(towers) == 18
    with pytest.raises(InputError, match=r"each period once|one of|numbers"):
        read_towers(tmp_path / "own.csv", reader="tidy", columns=columns, on_bad_tower="stop")


def test_values_out_of_bounds_are_for_another_setting_to_judge(folder, fluxnet_table, fluxnet_zip):
    fluxnet_zip(fluxnet_table(TA_F=400.0), BAD)
    with pytest.raises(InputError, match="TA"):
        read_towers(folder)
    assert lost(read_towers(folder, outside="mask")[0]) == []


def test_halving_finds_each_bad_site():
    bad = {"c", "g", "h"}

    def read(names):
        if found := bad & set(names):
            raise InputError("table", None, expected="good sites", found=", ".join(sorted(found)))

    losses = Losses()
    assert losses.readable(read, "abcdefghij") == list("abdefij")
    assert [row["site_id"] for row in losses.rows] == ["c", "g", "h"]
    assert as_table(losses.rows)["site_id"].tolist() == ["c", "g", "h"]
    assert as_table([]).empty
    with pytest.raises(InputError):
        Losses(stop=True).readable(read, "abc")


def test_the_quality_page_tells_what_was_left_out(folder, fluxnet_table, fluxnet_zip):
    cut(fluxnet_zip(fluxnet_table(), BAD))
    towers, sites = read_towers(folder, outside="keep")
    (line,) = in_words(as_table(towers.attrs["left_out"]))
    assert line.startswith(f"Tower {BAD} (")
    assert in_words(None) == in_words(as_table([])) == []
    page = render_quality(check_towers(towers, sites, QualityParameters()), str(folder))
    assert "left out" in page
    assert f"{BAD}" in page


def test_many_are_told_in_few_lines():
    rows = [
        {"site_id": f"XX-{n:03d}", "variable": v, "file": "f", "reason": "none", "remedy": ""}
        for n in range(40)
        for v in ("LE", "H")
    ]
    lines = in_words(as_table(rows))
    assert lines[0] == "H, LE of tower XX-000 (f): none."
    assert (len(lines), lines[-1]) == (31, "10 more: 08_reporting/left_out.csv.")
