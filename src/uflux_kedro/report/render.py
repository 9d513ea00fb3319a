"""The report as one HTML page, which needs no other file and no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from markupsafe import Markup

from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import RECORDS, SCHEMES
from uflux_kedro.installed import version_of
from uflux_kedro.report.captions import FIGURES, UNCERTAINTY_FIGURES, caption_of, units_text
from uflux_kedro.report.context import ReportContext
from uflux_kedro.report.data_sheets import sheets
from uflux_kedro.report.headline import headline_table, headline_text
from uflux_kedro.report.model_cards import cards
from uflux_kedro.report.numbering import linked
from uflux_kedro.report.page import fill_page
from uflux_kedro.report.period import mean_in_words
from uflux_kedro.report.run_facts import CITE, files_table, run_table
from uflux_kedro.report.tables import (
    comparison_table,
    data_table,
    html_table,
    leaderboard_table,
    members_table,
    table_or_none,
)
from uflux_kedro.report.towers_listed import listed
from uflux_kedro.simulated import notice, titled


def render_report(context: ReportContext) -> str:
    """Render the report.

    Strings from data are escaped.

    Args:
        context: Results of the run.

    Returns:
        Complete HTML with style, script and figures inside; equal contexts give equal text.

    Raises:
        ConfigurationError: If a key of ``context.figures`` is unknown.
        InputError: If a column is missing in the leaderboard or the training table.
    """
    context = replace(context, title=titled(context.title, context.simulated))
    leaderboard = context.leaderboard
    records = RECORDS[context.training_table.attrs.get("resolution", "MM")]
    fields = _fields(context, records)
    with_links = linked(
        {f"figure-{key}" for key in context.figures},
        lambda key: caption_of(key).title.format(**fields),
    )
    return fill_page(
        "uflux_kedro.report",
        "report.html.j2",
        context=context,
        notice=notice(context.simulated),
        scheme=fields["scheme"],
        schemes={key: SCHEMES.get(key, key) for key in leaderboard["scheme"].unique()},
        records=records,
        facts=_facts(context, fields),
        members=html_table(
            members_table(context.members, context.dates), "members", title="Members"
        ),
        data=html_table(
            data_table(context.training_table, records), "data", title="Towers by flux"
        ),
        leaderboard=html_table(
            leaderboard_table(leaderboard), "leaderboard", title="Leaderboard", folded=False
        ),
        comparison=_comparison(context),
        headline=_headline(context.ensemble, fields),
        site_list=table_or_none(listed(context.site_list), "towers-listed", title="Towers"),
        cards=[
            (name, facts, html_table(ranges, f"card-{place}", 3, f"Predictors of {name}"), settings)
            for place, (name, facts, ranges, settings) in enumerate(cards(context.model_cards))
        ],
        sheets=[
            (name, facts, html_table(variables, f"sheet-{name}", title=f"Variables of {name}"))
            for name, facts, variables in _sheets(context.data_sheets)
        ],
        run=run_table(context.run),
        cite=[
            (what, reference.format(version=version_of("uflux_kedro")), doi)
            for what, reference, doi in CITE
        ],
        files=html_table(files_table(context.files), "files", title="Files that were read")
        if len(context.files)
        else None,
        figures=_figures(context, fields, with_links),
        sections=[
            {
                "key": section.key,
                "title": section.title,
                "text": with_links(section.text),
                "notes": [with_links(note) for note in section.notes],
                "tables": [
                    html_table(table, f"{section.key}-{place}", decimals, title)
                    for place, (title, table, decimals) in enumerate(section.tables)
                ],
            }
            for section in context.sections
        ],
        skill=[
            html_table(table, f"skill-{place}", title=title)
            for place, (title, table) in enumerate(context.skill.items())
        ],
    )


def _facts(context: ReportContext, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the run in a few numbers, for the top of the page."""
    table = context.training_table
    present = ordered_fluxes(context.leaderboard["flux"], "leaderboard")
    years = pd.DatetimeIndex(table["time"]).year
    return [
        ("members", f"{len(context.members):,}"),
        ("fluxes", ", ".join(present)),
        ("towers", f"{table['site_id'].nunique():,}"),
        (fields["records"], f"{len(table):,}"),
        ("years", f"{years.min()}\N{EN DASH}{years.max()}"),
        ("validation", fields["scheme"]),
    ]


def _headline(ensemble: pd.DataFrame, fields: Mapping[str, str]) -> dict[str, object] | None:
    """Return text and table of the ensemble's skill; None without."""
    if ensemble.empty:
        return None
    return {
        "text": headline_text(ensemble, fields["scheme"], fields["records"]),
        "table": html_table(headline_table(ensemble), "headline", title="Skill of the ensemble"),
    }


def _comparison(context: ReportContext) -> Markup | None:
    """Return the comparison of members, with 3 decimals as differences are small."""
    if context.comparison.empty:
        return None
    return html_table(
        comparison_table(context.comparison), "comparison", 3, "Members compared with the first"
    )


def _sheets(table: pd.DataFrame) -> list[Any]:
    return [] if table.empty else sheets(table)


def _fields(context: ReportContext, records: str) -> dict[str, str]:
    """Return what titles and texts of captions are filled with."""
    mean_of, period = mean_in_words(*context.mapped) if context.mapped else ("Mean", "the record")
    return {
        "mean_of": mean_of,
        "period": period,
        "scheme": SCHEMES.get(context.scheme, context.scheme),
        "shown": context.shown,
        "records": records,
        "units": units_text(ordered_fluxes(context.leaderboard["flux"], "leaderboard")),
    }


def _figures(
    context: ReportContext, fields: Mapping[str, str], with_links: Callable[[str], Markup]
) -> list[dict[str, object]]:
    """Return the figures in the order of their sections, with their captions."""
    captions = {key: caption_of(key) for key in context.figures}
    places = [*FIGURES, *UNCERTAINTY_FIGURES]
    order = sorted(captions, key=lambda k: places.index(k) if k in places else len(places))
    return [
        {
            "key": key,
            "gridded": caption.gridded,
            "section": caption.section,
            "uflux": caption.uflux,
            "title": caption.title.format(**fields),
            "text": with_links(caption.text.format(**fields)),
            "picture": context.figures[key],
        }
        for key, caption in ((k, captions[k]) for k in order)
    ]
