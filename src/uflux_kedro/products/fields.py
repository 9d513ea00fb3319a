"""Fields of a product: names, types and CF attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from uflux_kedro.variables import VARIABLES

CARBON = ("GPP", "RECO", "NEE")
"""Fluxes of the budget NEE = RECO - GPP, in the order of a closure's matrix."""

INCOMPLETE, OUTSIDE, NO_MEMBER, NO_LAND = 1, 2, 4, 8
"""Bits of the flag: a predictor of some member is missing; a predictor lies outside the training
range of some member; no member could predict; not a cell of the product."""

INAPPLICABLE = 16
"""Bit of the flag of products with intervals: no tower resembles the cell closely enough."""

NOT_CLOSED = 32
"""Bit of the flag of products that close a budget: another flux of it is missing."""

BY_RULE = 64
"""Bit of the flag of carbon products: snow, ice or barren land, on which no member predicts."""

Unvegetated = Literal["mask", "zero", "predict"]
"""What a carbon flux is on snow, ice and barren land: missing, zero, or predicted like elsewhere."""

_FLAGS = {
    "member_lacked_predictor": INCOMPLETE,
    "predictor_outside_training_range": OUTSIDE,
    "no_member": NO_MEMBER,
    "no_land": NO_LAND,
}
_FLAGS_OF_INTERVALS = {"outside_area_of_applicability": INAPPLICABLE}
_FLAGS_OF_BUDGETS = {"budget_not_closed": NOT_CLOSED}
_FLAGS_OF_RULES = {"unvegetated_land": BY_RULE}

_OF_INTERVALS = ("lower", "upper", "completeness")

COMPLETENESS = (
    "n / (n + n0) of the n towers within the cross-validated threshold of dissimilarity from the "
    "cell's predictors, each counted once: 0 where no tower resembles the cell"
)
"""What the completeness of the sampling space is."""


@dataclass(frozen=True)
class Field:
    """One field of a product.

    Attributes:
        key: Kind: ``mean``, ``std``, ``count``, ``flag``, ``lower``, ``upper``, ``completeness``,
            ``quantiles`` or ``members``.
        name: Name in the product.
        dims: Dimensions; time and the grid's axes come last.
        dtype: Type of the values.
        empty: Value where there is no land.
        attrs: CF attributes.
    """

    key: str
    name: str
    dims: tuple[str, ...]
    dtype: np.dtype
    empty: float
    attrs: Mapping[str, Any]


def product_fields(
    variable: str,
    axes: Sequence[str],
    *,
    quantiles: Sequence[float] = (),
    keep_members: bool = False,
    level: float | None = None,
    closed: bool = False,
    ruled: bool = False,
) -> tuple[Field, ...]:
    """Return the fields of a flux's product.

    Args:
        variable: The flux: GPP, RECO, NEE, H or LE.
        axes: Axes of the grid: latitude and longitude, or y and x.
        quantiles: Quantiles over the members, 0 to 1; empty for no such field.
        keep_members: Whether to keep the members' own fields.
        level: Level of the intervals, 0 to 1; None for a product without intervals.
        closed: Whether the product closes a budget with others.
        ruled: Whether a rule says what the flux is on snow, ice and barren land.
    """
    flux = VARIABLES[variable]
    dims = ("time", *axes)
    flux_attrs: dict[str, Any] = flux.cf_attributes()
    long_name = flux_attrs.pop("long_name")
    mean_of_period = {"cell_methods": "time: mean"}
    beside = ("std", "n_members", "flag", *(() if level is None else _OF_INTERVALS))
    ancillary = [f"{variable}_{name}" for name in beside]
    flags = _FLAGS | ({} if level is None else _FLAGS_OF_INTERVALS)
    flags |= _FLAGS_OF_BUDGETS if closed else {}
    flags |= _FLAGS_OF_RULES if ruled else {}
    real, nan = np.dtype("float32"), float("nan")
    fields = [
        Field(
            "mean",
            variable,
            dims,
            real,
            nan,
            {"long_name": long_name}
            | flux_attrs
            | mean_of_period
            | {"ancillary_variables": " ".join(ancillary)},
        ),
        Field(
            "std",
            f"{variable}_std",
            dims,
            real,
            nan,
            {
                "long_name": f"standard deviation over the members: {long_name}",
                "units": flux.unit,
                **mean_of_period,
            },
        ),
        Field(
            "count",
            f"{variable}_n_members",
            dims,
            np.dtype("int16"),
            0,
            {"long_name": f"number of members: {long_name}", "units": "1"},
        ),
        Field(
            "flag",
            f"{variable}_flag",
            dims,
            np.dtype("int8"),
            NO_LAND,
            {
                "long_name": f"what to beware of: {long_name}",
                "standard_name": "quality_flag",
                "flag_masks": np.array(list(flags.values()), dtype="int8"),
                "flag_meanings": " ".join(flags),
            },
        ),
    ]
    if level is not None:
        attrs = {"units": flux.unit, **mean_of_period}
        for side in ("lower", "upper"):
            bound = f"{side} bound of the {100 * level:g} % interval of unseen towers: {long_name}"
            fields.append(
                Field(side, f"{variable}_{side}", dims, real, nan, {"long_name": bound} | attrs)
            )
        fields.append(
            Field(
                "completeness",
                f"{variable}_completeness",
                dims,
                real,
                nan,
                {
                    "long_name": f"completeness of the sampling space: {long_name}",
                    "units": "1",
                    "comment": COMPLETENESS,
                },
            )
        )
    if quantiles:
        attrs = {"long_name": f"quantile over the members: {long_name}", "units": flux.unit}
        fields.append(
            Field(
                "quantiles",
                f"{variable}_quantile",
                ("quantile", *dims),
                real,
                nan,
                attrs | mean_of_period,
            )
        )
    if keep_members:
        attrs = {"long_name": f"of each member: {long_name}"} | flux_attrs
        fields.append(
            Field(
                "members",
                f"{variable}_member",
                ("member", *dims),
                real,
                nan,
                attrs | mean_of_period,
            )
        )
    return tuple(fields)


def about_intervals(level: float) -> dict[str, Any]:
    """Return what a product's record says of its intervals.

    Args:
        level: Level of the intervals, 0 to 1.
    """
    return {
        "level": level,
        "interval": f"from lower to upper bound lie {100 * level:g} % of the values at towers that "
        "no model was trained on",
        "completeness": COMPLETENESS,
    }


def label_coordinates(members: Sequence[str], quantiles: Sequence[float]) -> dict[str, Any]:
    """Return the coordinates ``member`` and ``quantile``, without those that are empty."""
    labels: dict[str, Any] = {}
    if members:
        names = np.array(members, dtype=object)
        labels["member"] = ("member", names, {"long_name": "member of the ensemble"})
    if quantiles:
        shares = np.array(quantiles, dtype=float)
        labels["quantile"] = ("quantile", shares, {"long_name": "share below", "units": "1"})
    return labels
