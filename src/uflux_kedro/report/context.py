"""Input of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uflux_kedro.ensemble import Member
from uflux_kedro.figures.picture import Picture
from uflux_kedro.report.sections import Section


@dataclass(frozen=True)
class ReportContext:
    """Results of one run; an empty field omits its section.

    Attributes:
        title: Title of the page.
        members: Members that were trained.
        dates: Name of a member -> when it was trained, of those that another run has trained.
        scheme: Validation scheme of the figures and of the pooled skill, such as ``loso``.
        training_table: ``site_id``, ``time``, fluxes and predictors, one row per site and
            period; ``attrs["resolution"]`` is the resolution (default ``MM``).
        leaderboard: Pooled held-out skill, one row per member and scheme.
        ensemble: Skill of the ensemble of each flux, from
            :func:`uflux_kedro.validation.ensemble.ensemble_skill`.
        comparison: Members compared with the first of their flux, from
            :func:`uflux_kedro.validation.comparison.compare_with_first`, with ``flux`` and
            ``predictor_set`` as columns.
        mapped: First and last month of the maps, YYYY-MM; None without maps.
        figures: Key of a figure (see :func:`uflux_kedro.report.captions.caption_of`) -> the
            figure.
        shown: Predictions shown in the figures of tower against model, such as "the mean of
            all members".
        sources: Name of a data source -> description or origin.
        skill: Title such as "By IGBP class" -> table.
        sections: Sections about the products, in order.
        left_out: Members, sites or sources that were left out, with the reason.
        warnings: Warnings for readers of the numbers.
        provenance: Title such as "Versions" -> name -> value.
        simulated: Mark of simulated data, from :func:`uflux_kedro.simulated.mark_of`; the title
            and the first line say so.
        settings: Parameters of the run as YAML.
        run: What differs from run to run, see :func:`uflux_kedro.report.run_facts.run_table`. All
            of it is in one part of the page, so that the rest is equal in equal runs.
        files: Files that the run read, see :func:`uflux_kedro.report.run_facts.files_table`.
        attribution: Whom to cite and to thank for the towers, from
            :func:`uflux_kedro.report.citations.attribution_text`.
        site_list: Result of :func:`uflux_kedro.report.towers_listed.site_list`.
        model_cards: Result of :func:`uflux_kedro.report.model_cards.join_cards`.
        data_sheets: Result of :func:`uflux_kedro.report.data_sheets.data_sheet`.
    """

    title: str
    members: Sequence[Member]
    scheme: str
    training_table: pd.DataFrame
    leaderboard: pd.DataFrame
    dates: Mapping[str, str] = field(default_factory=dict)
    ensemble: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    mapped: tuple[str, str] | None = None
    figures: Mapping[str, Picture] = field(default_factory=dict)
    shown: str = "the mean of all members"
    sources: Mapping[str, str] = field(default_factory=dict)
    skill: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    left_out: Sequence[str] = ()
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    simulated: str = ""
    settings: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    files: pd.DataFrame = field(default_factory=pd.DataFrame)
    attribution: str = ""
    site_list: pd.DataFrame = field(default_factory=pd.DataFrame)
    model_cards: pd.DataFrame = field(default_factory=pd.DataFrame)
    data_sheets: pd.DataFrame = field(default_factory=pd.DataFrame)
