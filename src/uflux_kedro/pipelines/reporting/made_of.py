"""What a report is made of: its members as they were trained, not as they are configured now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError


def trained_members(tables: Sequence[pd.DataFrame]) -> tuple[Member, ...]:
    """Return the members that were trained.

    Args:
        tables: Table of each flux, with ``flux``, ``predictor_set``, ``model`` and ``predictors``,
            names separated by spaces.
    """
    rows = pd.concat(tables).itertuples(index=False)
    return tuple(
        Member(
            str(row.predictor_set),
            str(row.flux),
            str(row.model),
            tuple(str(row.predictors).split()),
        )
        for row in rows
    )


def dates_of(members: Sequence[Member], earlier: Mapping[str, str]) -> dict[str, str]:
    """Return when members were trained that another run has trained.

    Args:
        members: All members of the report.
        earlier: Name of a dataset that another run made -> when.

    Returns:
        Name of a member -> when.
    """
    scores = {member.name: f"{member.namespace}.scores" for member in members}
    return {name: earlier[score] for name, score in scores.items() if score in earlier}


def require_one_scheme(leaderboard: pd.DataFrame) -> None:
    """Refuse to put scores of different validation schemes into one report.

    Args:
        leaderboard: ``flux`` and ``scheme`` of each member.

    Raises:
        ConfigurationError: If there is more than one scheme; says which flux has which.
    """
    schemes = leaderboard.groupby("scheme")["flux"].unique()
    if len(schemes) > 1:
        found = "; ".join(f"{scheme}: {', '.join(of)}" for scheme, of in schemes.items())
        raise ConfigurationError(
            f"Members were validated by different schemes ({found}), whose scores cannot be "
            "compared. Run the pipeline model_training for all of them with one training.scheme"
        )


def warnings_about(
    members: Sequence[Member], configured: str, dates: Mapping[str, str]
) -> list[str]:
    """Return what readers of the report must know about where its members come from.

    Args:
        members: All members of the report.
        configured: Model that the settings of this run name.
        dates: When members were trained that another run has trained.
    """
    fluxes: dict[str, list[str]] = {}
    for member in members:
        of = fluxes.setdefault(member.model, [])
        if member.flux not in of:
            of.append(member.flux)
    by_model = "; ".join(f"{model}: {', '.join(of)}" for model, of in fluxes.items())
    lines = []
    if len(fluxes) > 1:
        lines.append(f"The members are of different models ({by_model}).")
    if set(fluxes) != {configured}:
        lines.append(
            f"The settings listed under Provenance name the model {configured}, but members were "
            f"trained by another run with {by_model if len(fluxes) > 1 else next(iter(fluxes))}."
        )
    if dates and len(dates) < len(members):
        lines.append(
            f"{len(dates)} of {len(members)} members were trained by an earlier run: the table of "
            "members says when."
        )
    return lines
