"""Plan of a product: what is predicted from what, and how the work is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xarray as xr

from uflux_kedro.execution.engine import Execution
from uflux_kedro.products.fields import CARBON, Unvegetated
from uflux_kedro.products.parameters import WholeProduct

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember
    from uflux_kedro.products.kernel import Calibrated


@dataclass(frozen=True)
class Plan:
    """Plan of a product.

    Attributes:
        flux: GPP, RECO, NEE, H or LE.
        members: Name -> fitted member; one loaded from disk is sent to workers as its path.
        drivers: Predictors on the product's grid and periods, lazily.
        regions: Axis -> cells or periods of a region; an axis that is not named is not split.
        chunks: Axis -> cells or periods of a chunk; it must divide the region's.
        quantiles: Quantiles over the members to keep.
        keep_members: Whether to keep the members' own fields.
        block_rows: Rows predicted at a time.
        execution: Where the work runs.
        title: Title of the product, one line.
        institution: Institution that makes it.
        whole: Size of the whole product, if this is a part of it.
        uncertainty: Calibrated uncertainty of the flux, sent to workers like the members; None for
            a product without intervals.
        unvegetated: What a carbon flux is on snow, ice and barren land; energy is predicted there.
    """

    flux: str
    members: Mapping[str, FittedMember]
    drivers: xr.Dataset
    regions: Mapping[Any, int] = field(default_factory=dict)
    chunks: Mapping[Any, int] = field(default_factory=dict)
    quantiles: Sequence[float] = ()
    keep_members: bool = False
    block_rows: int = 8192
    execution: Execution = field(default_factory=Execution)
    title: str = ""
    institution: str = "not stated"
    whole: WholeProduct | None = None
    uncertainty: Calibrated | None = None
    unvegetated: Unvegetated = "predict"

    @property
    def rule(self) -> Unvegetated:
        """What this flux is on snow, ice and barren land."""
        return self.unvegetated if self.flux in CARBON else "predict"
