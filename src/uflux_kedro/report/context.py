"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from uflux_kedro.ensemble import Member
from uflux_kedro.report.sections import Section


@dataclass(frozen=True)
class ReportContext:
    """Plain data of one run; what is empty leaves its section out.

    Attributes:
        title: Title of the page.
        members: Members that were trained.
        scheme: Validation scheme of the figures and of the pooled skill, such as ``loso``.
        training_table: ``site_id``, ``time``, fluxes and predictors, one row a site and period;
            ``attrs["resolution"]`` says what a period is (``MM`` if it does not).
        leaderboard: Pooled held-out skill, one row a member and scheme.
        comparison: Members against the first of their flux, as
            :func:`uflux_kedro.validation.comparison.compare_with_first` gives it, with ``flux``
            and ``predictor_set`` as columns.
        figures: Key of :data:`uflux_kedro.report.captions.FIGURES` -> PNG.
        shown: Whose predictions the figures of tower against model show, such as "the mean of
            all members".
        sources: Name of a source of data -> what it is, or where it came from.
        skill: Title such as "By IGBP class" -> table.
        sections: Parts of the page about the products, in order.
        left_out: Members, sites or sources that were left out, and why.
        warnings: What a reader must know before using a number.
        provenance: Title such as "Versions" -> name -> value.
        generated: When the page was made, if it shall say so; the same run gives the same
            bytes without.
    """

    title: str
    members: Sequence[Member]
    scheme: str
    training_table: pd.DataFrame
    leaderboard: pd.DataFrame
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    shown: str = "the mean of all members"
    sources: Mapping[str, str] = field(default_factory=dict)
    skill: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    left_out: Sequence[str] = ()
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    generated: str | None = None
