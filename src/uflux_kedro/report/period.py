"""The period of the maps, in words: several years are said only of several years."""

from __future__ import annotations

import pandas as pd


def mean_in_words(first_month: str, last_month: str) -> tuple[str, str]:
    """Return what a mean over the mapped period is, and the period.

    Args:
        first_month: First month, YYYY-MM.
        last_month: Last month, included.

    Returns:
        Such as ``Multi-year mean`` and ``2018 to 2020``; ``Mean`` and ``2019`` of one year, and
        ``Mean`` and ``2019-03 to 2019-05`` of a part of it.
    """
    first, last = pd.Period(first_month, "M"), pd.Period(last_month, "M")
    months = (last - first).n + 1
    whole = first.month == 1 and last.month == 12
    if not whole:
        period = first_month if months == 1 else f"{first_month} to {last_month}"
    else:
        period = f"{first.year}" if months == 12 else f"{first.year} to {last.year}"
    return ("Multi-year mean" if months >= 24 else "Mean"), period
