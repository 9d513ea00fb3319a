"""Fields of a product: names, types and CF attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from uflux_kedro.variables import VARIABLES

INCOMPLETE, OUTSIDE, NO_MEMBER, NO_LAND = 1, 2, 4, 8
"""Bits of the flag: a predictor of some member is missing; a predictor lies outside the training
range of some member; no member could predict; not a cell of the product."""

_FLAGS = {
    "member_lacked_predictor": INCOMPLETE,
    "predictor_outside_training_range": OUTSIDE,
    "no_member": NO_MEMBER,
    "no_land": NO_LAND,
}


@dataclass(frozen=True)
class Field:
    """One field of a product.

    Attributes:
        key: Kind: ``mean``, ``std``, ``count``, ``flag``, ``quantiles`` or ``members``.
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
) -> tuple[Field, ...]:
    """Return the fields of a flux's product.

    Args:
        variable: The flux: GPP, RECO, NEE, H or LE.
        axes: Axes of the grid: latitude and longitude, or y and x.
        quantiles: Quantiles over the members, 0 to 1; empty for no such field.
        keep_members: Whether to keep the members' own fields.
    """
    flux = VARIABLES[variable]
    dims = ("time", *axes)
    flux_attrs: dict[str, Any] = flux.cf_attributes()
    long_name = flux_attrs.pop("long_name")
    mean_of_period = {"cell_methods": "time: mean"}
    ancillary = [f"{variable}_{name}" for name in ("std", "n_members", "flag")]
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
                "flag_masks": np.array(list(_FLAGS.values()), dtype="int8"),
                "flag_meanings": " ".join(_FLAGS),
            },
        ),
    ]
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
