"""Comparison of the members of a flux with the first of them, in pairs by site."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from uflux_kedro.validation.bootstrap import compare_members

METRICS_COMPARED = ("NSE", "RMSE")

_TESTED = ("difference", "low", "high", "p_value")


def mean_of_members(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the ensemble's held-out prediction: the mean of all members that predict a row.

    Args:
        predictions: Held-out rows of all members: ``site_id``, ``time``, ``truth``, ``prediction``.

    Returns:
        One row for each site and time, in their order, with these columns and ``spread``, the
        standard deviation among the members as in the products; NaN for a single member.
    """
    rows = predictions.groupby(["site_id", "time"], as_index=False, sort=True)
    table = rows.agg(
        truth=("truth", "first"), prediction=("prediction", "mean"), members=("prediction", "size")
    )
    spread = rows["prediction"].std(ddof=0)["prediction"]
    return table.assign(spread=spread.where(table.pop("members") > 1))


def compare_with_first(predictions: Mapping[str, pd.DataFrame], *, seed: int = 0) -> pd.DataFrame:
    """Compare every member with the first, on the rows that both predicted.

    The first is fixed before any score is known. A comparison with the best member would be
    biased, since a member that is best by chance would count as better.

    Args:
        predictions: Name -> held-out predictions, with ``site_id``, ``time``, ``truth`` and
            ``prediction``.
        seed: Seed of the draws of sites.

    Returns:
        Indexed by ``member``, without the first: ``reference`` (the first), the numbers of common
        ``sites`` and rows ``n``, and for NSE and RMSE the member's value on those rows,
        ``_difference`` (member minus reference), its 95 % interval ``_low`` to ``_high`` and its
        two-sided ``_p_value``. A member without a common row has ``n`` 0 and otherwise NaN.

    Raises:
        InputError: If truths differ.
    """
    (reference, first), *others = predictions.items()
    rows = {
        name: {"reference": reference, **_compare(first, second, seed)} for name, second in others
    }
    columns = ["reference", "sites", "n"]
    for metric in METRICS_COMPARED:
        columns += [metric, *(f"{metric}_{what}" for what in _TESTED)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("member")


def _compare(first: pd.DataFrame, second: pd.DataFrame, seed: int) -> dict[str, float]:
    """Return one row of the table; values that are not defined are left out."""
    key = ["site_id", "time"]
    if first[key].merge(second[key]).empty:
        return {"sites": 0, "n": 0}  # for example satellites of different years
    compared = compare_members(first, second, seed=seed)
    row: dict[str, float] = {name: int(compared[name].iloc[0]) for name in ("sites", "n")}
    for metric in METRICS_COMPARED:
        row[metric] = compared.loc[metric, "second"]
        row |= {f"{metric}_{what}": compared.loc[metric, what] for what in _TESTED}
    return row
