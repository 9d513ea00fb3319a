"""Whom to cite and to thank: exactly the towers used, each with what its network asks for."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from tests.testing.shuttle import FUNDING as OF_POLICY
from tests.testing.shuttle import PAPERS, PORTAL, THANKS, policy, product, snapshot
from uflux_kedro.pipelines.reporting.documents import cite_towers
from uflux_kedro.readers.towers.policy import parse_policy
from uflux_kedro.readers.towers.products import BETWEEN, COLUMNS
from uflux_kedro.report.citations import attribution, attribution_text, bibliography

FUNDING = "Funding for the AmeriFlux data service"
ERA5 = "a modified version of ERA5"


def products(*names: str, **changes) -> pd.DataFrame:
    """Return the table of products as read from archives with their snapshot."""
    offered = snapshot(names)
    table = pd.DataFrame(
        {
            "site_id": offered["site_id"],
            "product": offered["fluxnet_product_name"].str.removesuffix(".zip"),
            "collection": "FLUXNET",
            "network": offered["product_source_network"],
            "hub": offered["data_hub"],
            "citation": offered["product_citation"],
            "doi": offered["product_id"].where(offered["data_hub"] == "AmeriFlux", ""),
        }
    ).assign(**changes)
    return table.reindex(columns=list(COLUMNS), fill_value="")


def used(table: pd.DataFrame, *towers: str, **settings):
    sites = table[["site_id", "collection"]].replace("", None)
    return attribution(table, sites, towers or tuple(table["site_id"]), **settings)


def entries(text: str) -> dict[str, dict[str, str]]:
    """Return key -> fields of the entries of BibTeX."""
    found = {}
    for kind, key, body in re.findall(r"@(\w+)\{([^,]+),\n(.*?)\n\}(?:\n|$)", text, re.DOTALL):
        lines = [re.fullmatch(r"  (\w+) = \{(.*)\},?", line) for line in body.split("\n")]
        found[key] = {"kind": kind} | {m[1]: m[2] for m in lines}
    return found


def test_the_policy_files_rule_over_what_is_known_of_their_collection():
    names = [product("XX-Aaa"), product("XX-Bbb"), product("XX-Ccc")]
    licences, versions = (
        ["CC-BY-4.0", "CC-BY-4.0", "AmeriFlux Legacy"],
        ["20251226", "20270101", ""],
    )
    found = used(products(*names, licence=licences, policy=versions))
    assert found.availability[-2:] == (
        "By the policy file of the archive, 1 product is shared under AmeriFlux Legacy.",
        "By the policy file of the archive, 2 products are shared under CC-BY-4.0.",
    )
    other, newer = found.remarks
    assert "AMF_XX-Ccc_FLUXNET_2004-2004_v1.3_r1 (AmeriFlux Legacy)" in other
    assert "XX-Aaa" not in other + newer
    assert "The policy file of AMF_XX-Bbb_FLUXNET_2004-2004_v1.3_r1 is of 20270101" in newer


def test_only_the_towers_used_are_cited():
    table = products(product("XX-Aaa"), product("XX-Bbb", "CNF"), product("XX-Ccc", "TERN"))
    found = used(table, "XX-Aaa")
    assert set(entries(bibliography(found))) == {
        "AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1",
        "Pastorello2020",
    }
    text = attribution_text(found)
    assert FUNDING in text
    assert ERA5 in text
    assert "nesdc" not in text
    assert "TERN Data Discovery" not in text


@pytest.mark.parametrize(
    ("network", "sentence", "papers"),
    [
        ("AMF", FUNDING, set()),
        ("CNF", "https://www.nesdc.org.cn", {"Yu2006"}),
        ("JPF", None, {"Ueyama2025"}),
        ("OZF", "OzFlux Data Portal", {"Beringer2016", "Isaac2017"}),
        ("TERN", "TERN Data Discovery Portal", {"Beringer2016", "Isaac2017"}),
        ("ICOS", None, set()),
        ("SAEON", None, set()),
    ],
)
def test_each_network_gets_what_it_asks_for(network, sentence, papers):
    found = used(products(product("XX-Aaa", network)))
    cited = set(entries(bibliography(found)))
    assert cited == {f"{network}_XX-Aaa_FLUXNET_2004-2004_v1.3_r1", "Pastorello2020", *papers}
    assert len(found.acknowledgements) == 1 + (sentence is not None)
    assert sentence is None or sentence in found.acknowledgements[1]


def test_products_are_entries_with_their_identifiers():
    table = products(product("XX-Aaa"), product("XX-Bbb", "ICOS"), product("XX-Ccc", "TERN"))
    table.loc[1, "link"] = "https://hdl.handle.net/11676/a_b2"
    found = entries(bibliography(used(table)))
    american = found["AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1"]
    assert american["author"] == "{Ada Nobody, Bo Noone}"
    assert american["title"] == r"{AmeriFlux FLUXNET-1F XX-Aaa Hill \& Dale}"
    assert american["year"] == "2026"
    assert american["doi"] == "10.17190/AMF/1"
    european = found["ICOS_XX-Bbb_FLUXNET_2004-2004_v1.3_r1"]
    assert european["author"] == "{Nobody, A.}"
    assert european["title"].startswith("{Fluxnet Archive Product from XX-Bbb")
    assert european["url"] == "https://hdl.handle.net/11676/a_b2"
    assert "doi" not in european
    australian = found["TERN_XX-Ccc_FLUXNET_2004-2004_v1.3_r1"]
    assert australian["author"] == "{Nobody, A., Noone, B.}"
    assert australian["title"] == r"{XX-Ccc FLUXNET Release 2026\_r1}"
    assert not {"doi", "url"} & set(australian)
    assert found["Pastorello2020"]["kind"] == "article"


def test_a_citation_of_another_form_is_kept_as_it_is():
    text = bibliography(used(products(product("XX-Aaa"), citation="ask the team {at} once")))
    entry = entries(text)["AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1"]
    assert entry["note"] == r"ask the team \{at\} once"
    assert text.count("{") == text.count("}")


def test_what_has_no_citation_is_said():
    found = used(products(product("XX-Aaa"), citation="", doi=""))
    assert set(entries(bibliography(found))) == {"Pastorello2020"}
    assert "% Not known is whom to cite for AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1" in bibliography(
        found
    )


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (
            ["2026-06-24", "2026-06-24"],
            "AmeriFlux and ICOS, by a snapshot of the FLUXNET Shuttle, on 24 June 2026.",
        ),
        (["2026-06-24", "2026-07-01"], "Shuttle, between 24 June 2026 and 1 July 2026."),
        (["2026-06-24", ""], "from [SOURCE] on [DAY MONTH YEAR]."),
    ],
)
def test_availability_names_source_and_day_or_leaves_them_to_fill_in(days, says):
    found = used(products(product("XX-Aaa"), product("XX-Bbb", "EUF"), downloaded=days))
    (sentence,) = found.availability
    assert sentence.startswith("The FLUXNET data products used in this work were downloaded from")
    assert sentence.endswith(says)


def test_towers_of_2015_are_cited_as_such():
    table = products(
        product("XX-Aaa"), citation="", doi="", collection="FLUXNET2015", network="FLX"
    )
    found = used(table)
    assert [paper.key for paper in found.papers] == ["Pastorello2020"]
    assert "CarboEuropeIP" in found.acknowledgements[0]
    assert ERA5 not in attribution_text(found)


@pytest.mark.parametrize("mark", ["", "ERA5", "some towers"])
def test_the_node_cites_the_towers_that_are_listed(mark):
    table = products(product("XX-Aaa"), product("XX-Bbb", "CNF"))
    sites, listed = table[["site_id", "collection"]], pd.DataFrame({"site_id": ["XX-Bbb"]})
    trained = pd.DataFrame()
    trained.attrs = {"simulated": mark}
    bib, text = cite_towers(table, sites, listed, trained)
    assert "@misc{CNF_XX-Bbb" in bib
    assert "nesdc" in text
    assert "AMF_XX-Aaa" not in bib + text


def test_a_table_of_many_towers_is_cited_by_its_collection():
    none = pd.DataFrame(columns=list(COLUMNS))
    sites = pd.DataFrame({"site_id": ["A", "B"], "collection": ["OzFlux", None]})
    found = attribution(none, sites, ["A", "B"])
    assert [paper.key for paper in found.papers] == ["Beringer2016", "Isaac2017"]
    assert "Not stated is where these towers come from: B." in found.remarks[0]
    without = attribution(none, sites[["site_id"]], ["A", "B"])
    assert not without.papers
    assert "A, B" in without.remarks[0]


def test_simulated_towers_have_nobody_to_cite():
    none = pd.DataFrame(columns=list(COLUMNS))
    found = attribution(none, pd.DataFrame({"site_id": ["A"]}), ["A"], simulated=True)
    assert bibliography(found) == "% The towers are simulated: there is nobody to cite.\n"
    assert attribution_text(found).startswith("Remarks\n\nThe towers are simulated")


def under(table: pd.DataFrame, *texts: str | None) -> pd.DataFrame:
    """Return products as read from archives with these policy files."""
    for row, text in enumerate(texts):
        if text is not None:
            found = parse_policy(text, table.loc[row, "network"])
            joined = [
                found.licence,
                found.version,
                BETWEEN.join(found.thanks),
                BETWEEN.join(found.papers),
            ]
            table.loc[row, ["licence", "policy", "thanks", "papers"]] = joined
    return table


def test_the_policy_in_the_archive_rules():
    table = under(products(product("XX-Aaa"), product("XX-Bbb", "TERN")), policy(), policy())
    found = used(table)
    assert found.acknowledgements == (THANKS, OF_POLICY, PORTAL), "and nothing else"
    assert [p.key for p in found.papers] == ["Pastorello2020", "Isaac2017"]
    (other,) = [r for r in found.remarks if "10.5555" in r]
    assert other.endswith(f"also ask to cite https://doi.org/{PAPERS[1]}.")
    assert found.availability[1].endswith("archive, 2 products are shared under CC-BY-4.0.")
    entry = entries(bibliography(found))["AMF_XX-Aaa_FLUXNET_2004-2004_v1.3_r1"]
    assert entry["note"].endswith(r"v1.3\_r1, CC-BY-4.0")


def test_an_archive_without_policy_gets_what_its_network_usually_asks_for():
    table = products(product("XX-Aaa"), product("XX-Bbb", "OZF"))
    found = used(under(table, policy(thanks="Thanks to all of the sites."), None))
    general, usual, funding, portal = found.acknowledgements
    assert general == "Thanks to all of the sites."
    assert ERA5 in usual
    assert funding == OF_POLICY
    assert "OzFlux Data Portal" in portal
    assert [p.key for p in found.papers] == ["Pastorello2020", "Beringer2016", "Isaac2017"]
    assert "archive, 1 product is shared under CC-BY-4.0." in attribution_text(found)


@pytest.mark.parametrize(
    ("text", "licence"), [(policy("Tier Two"), "Tier 2"), ("ask the team before", "unknown")]
)
def test_other_terms_are_named(text, licence):
    table = under(products(product("XX-Aaa"), product("XX-Bbb")), policy(), text)
    found = used(table)
    (said,) = [r for r in found.remarks if "Not under CC-BY-4.0" in r]
    assert f"file: AMF_XX-Bbb_FLUXNET_2004-2004_v1.3_r1 ({licence})." in said
    assert "AMF_XX-Aaa" not in said


def test_a_later_policy_is_followed_where_it_can_be_read():
    later = policy().replace("20251226", "20270101")
    table = products(product("XX-Aaa"), product("XX-Bbb"))
    (said,) = [
        r for r in used(under(table, later, later.replace(THANKS, "us"))).remarks if "20270101" in r
    ]
    assert "XX-Bbb" in said
    assert "XX-Aaa" not in said


def test_products_that_an_earlier_run_stored_are_cited():
    table = products(product("XX-Aaa")).drop(columns=["licence", "policy", "thanks", "papers"])
    assert FUNDING in attribution_text(used(table))
