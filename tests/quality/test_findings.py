from __future__ import annotations

import pytest

from tests.testing.towers import simulate_towers
from uflux_kedro.errors import InputError
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.findings import Finding, as_table, listed, refuse
from uflux_kedro.quality.parameters import QualityParameters


def finding(variable="TA", n=1, check="units", **settings):
    sites = tuple(f"S{i}" for i in range(n))
    return Finding(check, variable, sites, "so", f"{variable} otherwise", **settings)


def test_sites_as_text():
    assert listed(tuple("ABCD")) == "A, B, C, D"
    assert listed(tuple("ABCDE")) == "A, B, C, D and 1 more"
    assert listed(tuple("ABCDEFG"), 6) == "A, B, C, D, E, F and 1 more"


def test_defects_without_correction_require_a_decision():
    assert finding().open
    assert not finding(weight="note").open
    assert not finding(mended="treated as missing").open
    refuse([finding(weight="note"), finding(mended="treated as missing")], "towers.csv", "")


def test_the_first_six_are_shown_those_of_most_sites_first():
    findings = [finding(f"V{n}", n) for n in (1, 3, 2, 4, 5, 6, 7)]
    with pytest.raises(InputError) as caught:
        refuse(findings[:6], "towers.csv", "look")
    assert "more" not in str(caught.value).replace("and 1 more", "").replace("and 2 more", "")
    with pytest.raises(InputError) as caught:
        refuse(findings, "towers.csv", "look")
    message = str(caught.value)
    assert message.startswith("towers.csv: V7, V6, V5, V4, V3, V2, V1: ")
    assert "V2 at S0, S1: V2 otherwise; and 1 more findings" in message
    assert "V1 otherwise" not in message


def test_the_place_has_no_variable():
    with pytest.raises(InputError, match=r"towers.csv: place or calendar: "):
        refuse([finding(None)], "towers.csv", "")


def test_the_gravest_are_first_in_the_table():
    table = as_table(
        [
            finding("NOTE", weight="note"),
            finding("STEP", check="steps", weight="note"),
            finding("STEPS", 2, check="steps", weight="note"),
            finding("FEW"),
            finding("MENDED", mended="treated as missing"),
            finding("MANY", 7),
        ]
    )
    assert table["variable"].to_list() == ["MANY", "FEW", "MENDED", "NOTE", "STEPS", "STEP"]
    assert table["names"][0] == "S0, S1, S2, S3, S4, S5 and 1 more"
    assert table["towers"].to_list() == [7, 1, 1, 1, 2, 1]
    assert table["action"].to_list() == [
        "to decide", "to decide", "treated as missing",
        "to review", "to review", "to review",
    ]  # fmt: skip


def test_what_readers_noticed_is_in_the_findings_and_no_longer_at_the_table():
    """pandas copies what a table carries at every operation, and there may be some of each tower."""
    towers, sites = simulate_towers(n_sites=2)
    said = {"expected": "one column", "found": "TA: TA_1, TA_2"}
    remark = {"check": "units", "variable": "TA", "sites": ["XX-001"], **said}
    towers.attrs |= {"remarks": [remark], "impossible": []}
    checked = check_towers(towers, sites, QualityParameters())
    assert [f for f in checked.findings if f.found == said["found"]] == [
        Finding("units", "TA", ("XX-001",), weight="note", **said)
    ]
    assert checked.towers.attrs == {"resolution": "MM"}
    assert towers.attrs["remarks"] == [remark]
