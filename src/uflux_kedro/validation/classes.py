"""Sites to test drawn by class of climate or vegetation, as public benchmarks draw them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.readers.towers.sites import CLIMATES, climates_in_words
from uflux_kedro.variables import IGBP_NAMES

CLASSES: Mapping[str, str] = {"koppen": "climate", "igbp": "IGBP"}
"""Scheme -> column with the class of a site."""

RARE_SITES = 10
"""Classes of so many sites or fewer are halved by the split of IGBP classes."""

_LETTERS = {name: letter for letter, name in CLIMATES.items()}


def sites_of_classes(scheme: str, rows: pd.DataFrame, share: float, seed: int) -> list[str]:
    """Return a share of the sites of each class, as CarbonFluxBench draws its test sites.

    Its published splits (Rozanov et al. 2026, arXiv:2603.09868) are those of share 0.2 and seed 56.
    ``koppen`` draws from each main class of the climate. ``igbp`` draws from each IGBP class with more
    than ten sites, and half, rounded down, of the sites of each other class. Sites are drawn in their
    sorted order by the functions of pandas and scikit-learn that the benchmark calls.

    Args:
        scheme: ``koppen`` or ``igbp``.
        rows: ``site_id`` and the class of the site: ``climate`` by its Köppen class or in words, or
            ``IGBP`` by name or code. The first class of a site counts.
        share: Share of the sites of a class, 0-1.
        seed: Seed of the draw.

    Returns:
        Names of the sites, sorted.

    Raises:
        InputError: If a site has no class, or a class too few sites to train on some and test others.
    """
    from sklearn.model_selection import train_test_split

    sites = _classes_of_sites(scheme, rows)
    tested: list[str] = []
    if scheme == "igbp":
        counts = sites["class"].value_counts()
        rare = counts[counts <= RARE_SITES].index
        for name in rare:
            of_class = sites[sites["class"] == name]
            half = of_class.sample(counts[name] // 2, random_state=seed)
            tested += list(half["site_id"])
        sites = sites[~sites["class"].isin(rare)]
    if len(sites):
        try:
            _, others = train_test_split(
                sites["site_id"], test_size=share, stratify=sites["class"], random_state=seed
            )
        except ValueError as error:
            raise InputError(
                "training table",
                CLASSES[scheme],
                expected="classes with enough sites to train on some and test others",
                found=f"{sites['class'].value_counts().to_dict()} ({error})",
                hint="Choose another training.scheme.",
            ) from error
        tested += list(others)
    return sorted(tested)


def _classes_of_sites(scheme: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return ``site_id`` and ``class`` of each site, sorted; letters of the climate, names of IGBP."""
    column = CLASSES[scheme]
    require_columns(rows, ("site_id", column), "training table")
    found = rows.groupby("site_id", sort=True)[column].first()
    if scheme == "koppen":
        found = climates_in_words(found.astype("str")).map(_LETTERS)
    elif pd.api.types.is_numeric_dtype(found):
        found = found.map(IGBP_NAMES)
    lacking = found[found.isna()]
    if len(lacking):
        raise InputError(
            "training table",
            column,
            expected="a class of every site",
            found=f"none of {', '.join(map(str, lacking.index[:3]))}",
            hint="Add it to the table of sites, or choose another training.scheme.",
        )
    return found.rename("class").reset_index()
