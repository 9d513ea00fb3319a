"""The report: complete, well-formed, escaped, reproducible, and without empty sections."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.testing.pages import HOSTILE, PIXEL, Outline
from tests.testing.synthetic import SETS, make_leaderboard, make_sites, make_training_table
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.figures.labels import MINUS
from uflux_kedro.figures.picture import Picture
from uflux_kedro.report import (
    FIGURES,
    UNCERTAINTY_FIGURES,
    ReportContext,
    card_row,
    data_sheet,
    join_cards,
    render_report,
    site_list,
)
from uflux_kedro.report.captions import caption_of
from uflux_kedro.report.data_sheets import megabytes
from uflux_kedro.report.headline import headline_table
from uflux_kedro.report.numbering import linked, number, numbered
from uflux_kedro.report.sections import Section
from uflux_kedro.report.tables import (
    comparison_table,
    data_table,
    html_table,
    leaderboard_table,
    members_table,
)
from uflux_kedro.variables import FLUXES, VARIABLES

TIMES = "\N{MULTIPLICATION SIGN}"


def make_comparison() -> pd.DataFrame:
    """Return two members compared with the first of each flux; the last shares no row with it."""
    rows = [
        {
            "flux": flux, "predictor_set": name, "reference": SETS[0], "sites": 8, "n": 271,
            "NSE": 0.7, "NSE_difference": gain, "NSE_low": gain - 0.004, "NSE_high": gain + 0.004,
            "NSE_p_value": 0.001, "RMSE": 1.25, "RMSE_difference": -gain,
            "RMSE_low": -gain - 0.004, "RMSE_high": -gain + 0.004, "RMSE_p_value": 0.043,
        }
        for flux in ("LE", "GPP")
        for name, gain in ((SETS[1], -0.012), (SETS[2], 0.007))
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table.loc[3, table.columns[5:]] = np.nan
    return table.assign(n=table["n"].where(table["NSE"].notna(), 0))


def make_skill() -> pd.DataFrame:
    """Return the skill of ensembles, those of carbon reconciled."""
    row = {
        "scheme": "loso", "members": 3, "sites": 12, "n": 271,
        "NSE": 0.84, "NSE_low": 0.8, "NSE_high": 0.87, "r2": 0.86, "r2_low": 0.82, "r2_high": 0.89,
        "RMSE": 1.2, "RMSE_low": 1.1, "RMSE_high": 1.3, "MBE": -0.1, "MBE_low": -0.3, "MBE_high": 0.1,
        "best_member": "MODIS-NIRv-ERA5 · DF21", "best_NSE": 0.88, "best_RMSE": 1.0,
        "median_NSE": 0.84, "lowest_NSE": 0.8,
    }  # fmt: skip
    carbon = ("GPP", "RECO", "NEE")
    fluxes = reversed(FLUXES)
    rows = [
        {"flux": f, "unit": VARIABLES[f].unit, "reconciled": f in carbon, **row} for f in fluxes
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def context() -> ReportContext:
    members = [
        Member(s, f, "DF21", ("MODIS_NIRv", "ERA5_TA", "IGBP")) for f in FLUXES for s in SETS
    ]
    return ReportContext(
        title="UFLUX on made-up towers",
        members=members,
        scheme="loso",
        training_table=make_training_table(make_sites()),
        leaderboard=make_leaderboard(),
        ensemble=make_skill(),
        comparison=make_comparison(),
        figures=dict.fromkeys(FIGURES, Picture(PIXEL)),
        sources={"ERA5": "monthly means"},
        skill={"By IGBP class": pd.DataFrame({"IGBP": ["ENF"], "sites": [2], "NSE": [0.5]})},
        left_out=["OCO-2-CSIF-ERA5: no column OCO2_CSIF"],
        warnings=["The spread among members is not an uncertainty."],
        provenance={"Versions": {"numpy": "2.4.6"}, "Checksums": {"towers.zip": "ab12"}},
    )


@pytest.fixture(scope="module")
def page(context) -> str:
    return render_report(context)


@pytest.fixture(scope="module")
def outline(page) -> Outline:
    return Outline(page)


def test_page_is_well_formed_with_unique_ids_and_valid_links(page, outline):
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert len(outline.ids) == len(set(outline.ids))
    inside = {link.removeprefix("#") for link in outline.links if link.startswith("#")}
    assert inside <= set(outline.ids)
    assert "skill" in inside


def test_page_needs_nothing_beside_it(page, outline):
    assert all(source.startswith("data:image/png;base64,") for source in outline.sources)
    assert len(outline.sources) == len(FIGURES)
    assert base64.b64decode(outline.sources[0].partition(",")[2]) == PIXEL
    elsewhere = [link for link in outline.links if not link.startswith(("#", "data:text/csv;"))]
    assert all(link.startswith("https://doi.org/10.") for link in elsewhere), (
        "a reader may follow it"
    )
    assert not re.search(r"@import|url\(|<link", page)


def test_all_sections_are_there(outline):
    for section in ["skill", "leaderboard-section", "comparison-section", "towers", "maps", "breakdown", "run",
                    "left-out", "provenance"]:  # fmt: skip
        assert section in outline.ids


def test_members_and_data_are_described(outline):
    words = outline.words
    assert "members 15" in words
    assert "towers 8" in words
    assert "site-months 288" in words
    assert "validation leave-one-site-out" in words
    assert "MODIS_NIRv, ERA5_TA, IGBP" in words
    assert "no column OCO2_CSIF" in words
    assert "is not an uncertainty" in words


def test_a_report_of_simulated_data_says_so_first(context, page):
    assert "Simulated" not in page
    found = render_report(replace(context, simulated="towers, ERA5"))
    assert f"<title>Simulated data: {context.title}</title>" in found
    words = Outline(found).words
    title = f"Simulated data: {context.title}"
    first = words[words.rindex(title) + len(title) :].strip()
    assert first.startswith("Simulated data: towers, ERA5 come from the demo world")


def test_captions_name_units_and_n(outline):
    words = outline.words
    assert "n is the number of site-months with both values" in words
    assert "GPP, RECO, NEE in gC m⁻² d⁻¹; H, LE in W m⁻²" in words
    for caption in FIGURES.values():
        assert f"{caption.title.format(mean_of='Mean', period='the record')}." in words
    assert "{" not in words
    fields = ("scheme", "shown", "records", "units", "mean_of", "period")
    filled = [c.text.format(**dict.fromkeys(fields, "")) for c in FIGURES.values()]
    assert "{" not in " ".join(filled)


def test_figures_are_numbered_in_the_order_of_the_page(page, context):
    places = re.findall(r'<figure id="figure-(\w+)">.*?<b>(Figure \d+)\. ', page, re.DOTALL)
    assert [number for _, number in places] == [f"Figure {n}" for n in range(1, len(FIGURES) + 1)]
    assert {key for key, _ in places} == set(FIGURES)
    fewer = {key: context.figures[key] for key in ("mean_maps", "site_skill")}
    words = Outline(render_report(replace(context, figures=fewer))).words
    assert "Figure 1. Skill at each tower." in words
    assert "Figure 2. Mean of the ensemble. (Figure 4a of UFLUX.)" in words


def test_a_text_refers_to_a_figure_by_its_number():
    with_links = linked({"figure-b"}, {"b": "Bee", "c": "<Sea>"}.get)
    text = with_links("See [figure:b], not [figure:c] & [x].")
    html = f'<figure id="figure-a"></figure><p>{text}</p><figure id="figure-b"></figure>'
    assert '<p>See <a href="#figure-b">Figure 2</a>, not' in numbered(html)
    assert "the figure \u201c&lt;Sea&gt;\u201d &amp; [x]." in numbered(html)
    with pytest.raises(KeyError):
        numbered(str(number("table", "a")))


def test_the_text_of_a_section_refers_to_figures(context):
    section = Section(
        "peers", "Peers", "See [figure:scatter] & [figure:mean_maps].", [], ["As [figure:scatter]"]
    )
    figures = {"scatter": Picture(PIXEL)}
    page = render_report(replace(context, sections=[section], figures=figures))
    link = '<a href="#figure-scatter">Figure 1</a>'
    title = FIGURES["mean_maps"].title.format(mean_of="Mean", period="the record")
    assert f"See {link} &amp; the figure \u201c{title}\u201d." in page
    assert f"<li>As {link}</li>" in page


def test_every_reference_in_a_caption_is_to_a_figure_that_the_report_has():
    captions = [*FIGURES.values(), *UNCERTAINTY_FIGURES.values()]
    for key in (k for c in captions for k in re.findall(r"\[figure:([^\]]*)\]", c.text)):
        assert caption_of(key).title


def test_a_figure_says_what_is_seen_and_is_small(context):
    seen = Picture(PIXEL, b"<svg/>", alt='Six panels; "GPP" lies on the line')
    figures = {"scatter": seen, "profiles": Picture(PIXEL)}
    page = render_report(replace(context, figures=figures))
    assert (
        'alt="Six panels; &#34;GPP&#34; lies on the line" src="data:image/svg+xml;base64,' in page
    )
    assert 'alt="Latitudinal profiles" src="data:image/png;base64,' in page
    assert 'width="1" height="1"' in page


def test_tables_are_numbered_and_saved_as_csv_in_full(page, outline, context):
    saved = re.findall(
        r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page
    )
    assert len(saved) == outline.tags.count("table")
    numbers = re.findall(r'id="table-[^"]+-title"><b>(Table \d+)\.', page)
    assert numbers == [f"Table {n}" for n in range(1, len(saved) + 1)]
    content = base64.b64decode(dict(saved)["leaderboard.csv"]).decode()
    found = pd.read_csv(io.StringIO(content))
    pd.testing.assert_frame_equal(found, leaderboard_table(context.leaderboard), check_dtype=False)


def test_the_contents_are_the_sections_of_the_page(page):
    entries = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a></li>', page)
    sections = re.findall(r'<section id="([^"]+)">\s*<h2>([^<]+)</h2>', page)
    assert entries == sections
    assert ("breakdown", "Skill in detail") in entries


@pytest.mark.parametrize("value", np.linspace(0, 1, 6))
def test_coloured_cells_are_readable(value):
    html = html_table(pd.DataFrame({"NSE": [value], "towers": 10, "n": 10}), "cell")
    ink, fill = re.findall(r"color: #(\w{6}); background-color: #(\w{6})", html)[0]

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(ink), luminance(fill)))
    assert (high + 0.05) / (low + 0.05) > 4.5


def test_resolution_changes_the_name_of_rows(context):
    table = context.training_table.copy()
    table.attrs["resolution"] = "DD"
    words = Outline(render_report(replace(context, training_table=table))).words
    assert "site-days" in words
    assert "site-months" not in words


def test_equal_runs_differ_in_one_part_of_the_page_only(context, page):
    assert render_report(context) == page
    assert not re.search(r"20(19|2[4-9])-\d\d-\d\d", page)
    facts = {"started": 1_767_323_040, "environment": "base", "commit": "c0ffee", "changed": True}
    one = {
        **facts,
        "mlflow_run": "ab12",
        "mlflow_page": "http://127.0.0.1:5000/#/experiments/1/runs/ab12",
    }
    pages = [render_report(replace(context, run=run)) for run in (facts, one)]
    part = re.compile(r'<div id="this-run">.*?</div>', re.DOTALL)
    assert "2026-01-02 03:04 UTC" in part.findall(pages[0])[0]
    assert "commit c0ffee with changes that are not committed" in part.findall(pages[0])[0]
    assert 'href="http://127.0.0.1:5000/#/experiments/1/runs/ab12">ab12</a>' in pages[1]
    assert part.sub("", pages[0]) == part.sub("", pages[1])


def test_the_page_lists_towers_members_products_files_and_settings(context):
    sites = make_sites().assign(DOI="10.18140/FLX/1", Network="FLUXNET", climate=None)
    cards = join_cards(
        pd.DataFrame([
            {"flux": "GPP", "predictor_set": SETS[0], "model": "DF21", "predictors": "MODIS_NIRv"}
            | card_row({"unit": "gC m-2 d-1", "rows": 1633, "sites": ["XX-000"], "seed": 42,
                        "checksum": "ab", "parameters": {"n_trees": 100}, "versions": {"numpy": "2"},
                        "predictors": {"MODIS_NIRv": {"unit": "1", "min": -0.1, "max": 0.7}}})
        ]),
        context.leaderboard,
    )  # fmt: skip
    files = pd.DataFrame(
        {"source": "towers", "file": ["/data/raw/a.csv", "/data/raw/b.csv"], "bytes": [2, 3],
         "sha256": ["aa", "bb"]}
    )  # fmt: skip
    page = render_report(
        replace(
            context,
            site_list=site_list(sites, context.training_table),
            model_cards=cards,
            data_sheets=data_sheet({"GPP": product()}),
            files=files,
            attribution="Acknowledgements\n\nThanks to <all> networks",
            settings="training:\n  seed: 42\n",
        )
    )
    outline = Outline(page)
    words = outline.words
    assert len(outline.ids) == len(set(outline.ids))
    assert "XX-000" in words
    assert "10.18140/FLX/1" in words
    assert re.search(r"XX-000 .* 2003 2005 ", words), "years are not grouped by thousands"
    assert f"GPP: {SETS[0]} · DF21" in words
    assert "NSE 0.88" in words
    assert "n_trees 100" in words
    assert (
        f"latitude -90 to 90 by 30 and longitude -180 to 180 by 60 degrees: 6 {TIMES} 6 cells"
        in words
    )
    assert "2001-01-01 to 2001-03-01, 2 periods" in words
    assert f"time, latitude, longitude 2 {TIMES} 6 {TIMES} 6" in words
    assert "towers a.csv 2 aa" in words
    assert "training: seed: 42" in words
    assert "Acknowledgements Thanks to <all> networks" in words
    assert "citations.bib" in words
    assert "/data/raw" not in words


def product():
    time = pd.date_range("2001-01-01", periods=2, freq="MS")
    bounds = np.stack([time, time + pd.offsets.MonthBegin()], axis=1)
    return xr.Dataset(
        {
            "GPP": (("time", "latitude", "longitude"), np.zeros((2, 6, 6), "float32"),
                    {"units": "g m-2 d-1", "long_name": "mean of the members"}),
            "time_bnds": (("time", "bnds"), bounds),
        },
        coords={"time": time, "latitude": np.arange(-75, 90, 30), "longitude": np.arange(-150, 180, 60)},
        attrs={"title": "GPP of the demo world"},
    )  # fmt: skip


def test_the_list_of_towers_counts_values_and_years(context):
    table = context.training_table.copy()
    table.loc[table["site_id"] == "XX-000", list(FLUXES)] = np.nan
    listed = site_list(make_sites().assign(network=np.nan), table).set_index("site_id")
    assert "XX-000" not in listed.index, "without a value it was not used"
    assert "network" not in listed, "nothing is known"
    one = table[table["site_id"] == "XX-001"]
    assert listed.loc["XX-001", "GPP"] == one["GPP"].notna().sum()
    assert listed.loc["XX-001", "rows"] == one[list(FLUXES)].notna().any(axis=1).sum()
    assert listed.loc["XX-001", "first year"] == one["time"].dt.year.min()


def test_the_list_of_towers_names_their_products(context):
    rows = {"site_id": ["XX-000", "XX-000", "XX-001"], "product": ["a", "b", "c"]}
    products = pd.DataFrame(rows | {"network": ["AMF", "AMF", ""], "doi": ["10.1/a", "", ""]})
    sites = make_sites().assign(network="of the table", country="Z")
    listed = site_list(sites, context.training_table, products).set_index("site_id")
    assert listed.loc["XX-000", ["product", "network", "doi"]].tolist() == ["a; b", "AMF", "10.1/a"]
    assert listed.loc["XX-001", ["product", "network"]].tolist() == ["c", "of the table"]
    assert set(listed["country"]) == {"Z"}
    assert len(listed) == context.training_table["site_id"].nunique()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1234, "1.23 kB"), (5e13, "50 TB")]
)
def test_bytes_are_readable(count, text):
    assert megabytes(count) == text


def test_strings_from_data_are_escaped_everywhere(context):
    hostile = replace(
        context,
        title=HOSTILE,
        members=[Member(HOSTILE, "GPP", HOSTILE, (HOSTILE,))],
        leaderboard=context.leaderboard.assign(predictor_set=HOSTILE, model=HOSTILE).head(1),
        comparison=context.comparison.assign(predictor_set=HOSTILE, reference=HOSTILE).head(1),
        shown=HOSTILE,
        sources={HOSTILE: HOSTILE},
        skill={HOSTILE: pd.DataFrame({HOSTILE: [HOSTILE], "NSE": [0.1]})},
        left_out=[HOSTILE],
        warnings=[HOSTILE],
        provenance={HOSTILE: {HOSTILE: HOSTILE}},
        settings=HOSTILE,
        run={"started": 0, "environment": HOSTILE, "commit": HOSTILE, "mlflow_run": HOSTILE},
        files=pd.DataFrame({"source": [HOSTILE], "file": "a/b", "bytes": 1, "sha256": "c"}),
    )
    page = render_report(hostile)
    outline = Outline(page)
    assert outline.tags.count("script") == 1
    assert "<script>alert" not in page
    assert outline.words.count("alert('x')") >= 15


def test_run_without_grid_has_no_section_of_maps(context):
    figures = {k: v for k, v in context.figures.items() if not FIGURES[k].gridded}
    outline = Outline(render_report(replace(context, figures=figures)))
    assert "maps" not in outline.ids
    assert "Maps" not in outline.words
    assert "#maps" not in outline.links
    assert "towers" in outline.ids


def test_bare_run_omits_empty_sections(context):
    bare = ReportContext(
        title="Bare",
        members=context.members,
        scheme="loso",
        training_table=context.training_table,
        leaderboard=context.leaderboard,
    )
    outline = Outline(render_report(bare))
    assert {"leaderboard-section", "run"} <= set(outline.ids)
    assert not {
        "skill",
        "comparison-section",
        "towers",
        "maps",
        "breakdown",
        "left-out",
        "model-cards",
        "data-sheets",
        "this-run",
    } & set(outline.ids)
    assert outline.sources == []


def test_unknown_figure_is_refused(context):
    with pytest.raises(ConfigurationError, match="no figure 'scater'"):
        render_report(replace(context, figures={"scater": Picture(PIXEL)}))


def test_leaderboard_with_other_columns_is_refused(context):
    renamed = context.leaderboard.rename(columns={"r2": "R2"})
    with pytest.raises(InputError, match="r2"):
        render_report(replace(context, leaderboard=renamed))


def test_long_tables_start_folded(context):
    long = pd.DataFrame({"site_id": [f"XX-{n}" for n in range(40)], "NSE": np.linspace(0, 1, 40)})
    assert "<details" in render_report(replace(context, skill={"By tower": long}, provenance={}))
    assert "<details" not in render_report(
        replace(context, skill={"By tower": long.head(3)}, provenance={})
    )


def test_undefined_numbers_are_left_blank(context):
    board = context.leaderboard.copy()
    board.loc[0, ["NSE", "KGE"]] = [np.nan, -np.inf]
    words = Outline(render_report(replace(context, leaderboard=board))).words
    assert not re.search(r"\b(nan|inf)\b", words, flags=re.IGNORECASE)


def test_negative_numbers_keep_their_sign(outline):
    assert f"{MINUS}0.10" in outline.words  # MBE of RECO


def test_leaderboard_is_sorted_by_flux_and_skill():
    table = leaderboard_table(make_leaderboard().sample(frac=1, random_state=1))
    assert list(dict.fromkeys(table["flux"])) == list(FLUXES)
    for _, rows in table.groupby("flux"):
        assert rows["NSE"].is_monotonic_decreasing
    assert table.loc[table["flux"] == "LE", "unit"].unique() == ["W m⁻²"]


def test_small_differences_between_members_are_shown(outline):
    words = outline.words
    assert "Members compared" in words
    assert f"0.700 {MINUS}0.012 {MINUS}0.016 {MINUS}0.008 0.001" in words
    assert "NSE ΔNSE ΔNSE from to p RMSE ΔRMSE ΔRMSE from to unit" in words
    assert f"{SETS[2]} {SETS[0]} 8 0" in words  # no row in common: the rest of its row is blank


def test_members_are_compared_flux_by_flux_best_first():
    table = comparison_table(make_comparison())
    assert table["flux"].tolist() == ["GPP", "GPP", "LE", "LE"]
    assert table["predictor_set"].tolist() == [SETS[1], SETS[2], SETS[2], SETS[1]]
    assert table["unit"].tolist() == ["gC m⁻² d⁻¹"] * 2 + ["W m⁻²"] * 2


def test_the_headline_is_the_ensemble_with_its_interval(outline):
    first = headline_table(make_skill()).iloc[0]
    assert first["flux"] == "GPP"
    assert first["NSE"] == 0.84
    assert first["NSE 95 %"] == "0.80 to 0.87"
    assert first["MBE 95 %"] == f"{MINUS}0.30 to 0.10"
    assert first["best member, picked afterwards"] == "MODIS-NIRv-ERA5 · DF21"
    assert first["its NSE"] == 0.88
    assert (first["towers"], first["rows"]) == (12, 271)
    words = outline.words
    assert words.index("Skill of the ensemble, the mean of all members") < words.index(
        "Leaderboard One"
    )
    assert f"GPP, RECO, NEE are reconciled so that NEE = RECO {MINUS} GPP" in words
    assert "0.84 0.80 to 0.87" in words


def test_unknown_ranges_are_blank_and_large_ones_short():
    skill = make_skill().assign(NSE_low=np.nan, RMSE_low=101.25, RMSE_high=120.0)
    found = headline_table(skill)
    assert set(found["NSE 95 %"]) == {""}
    assert set(found["RMSE 95 %"]) == {"101.2 to 120.0"}
    with pytest.raises(InputError, match="skill of the ensemble: reconciled"):
        headline_table(skill.drop(columns="reconciled"))


def test_only_scores_of_enough_towers_and_rows_are_coloured():
    def coloured(**columns):
        html = html_table(pd.DataFrame({"NSE": [0.5, 0.9], **columns}), "t")
        return ["background-color" in cell for cell in re.findall(r"<td[^>]*>0[.][59]0</td>", html)]

    assert coloured(sites=[9, 10]) == [False, True]
    assert coloured(towers=[30, 10], n=[9, 200]) == [False, True]
    assert coloured(rows=[2, 3]) == [False, False]
    assert coloured(flux=["GPP", "LE"]) == [False, False], "of how many is unknown"


def test_data_table_counts_rows_with_a_value():
    table = make_training_table(make_sites(), years=2)
    table.loc[table["site_id"] == "XX-000", "LE"] = np.nan
    counted = data_table(table, "site-months").set_index("flux")
    assert counted.loc["LE", "towers"] == 7
    # Eight towers have 24 months each; every seventeenth of the 192 rows has no value.
    assert counted.loc["GPP", "site-months"] == 192 - 12
    assert counted.loc["GPP", "years"] == "2003\N{EN DASH}2004"


def test_members_table_gathers_fluxes_of_a_set(context):
    table = members_table(context.members)
    assert table["predictor set"].tolist() == list(SETS)
    assert table.loc[0, "fluxes"] == "GPP, RECO, NEE, H, LE"
