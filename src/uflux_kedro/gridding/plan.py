"""What shall be made of a product, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from uflux_kedro.gridding.execution import Execution
from uflux_kedro.gridding.extent import Whole

if TYPE_CHECKING:
    from uflux_kedro.models.fitted import FittedMember


@dataclass(frozen=True)
class Plan:
    """A product to be made.

    Attributes:
        flux: GPP, RECO, NEE, H or LE.
        members: Name -> fitted member; one that was loaded goes to workers as its path.
        drivers: Predictors of the product's grid and record, lazily.
        regions: Axis -> cells or periods of a region; an axis that is not named is not parted.
        chunks: Axis -> cells or periods of a chunk; a whole part of a region.
        quantiles: Quantiles over the members that are kept.
        keep_members: Whether the members' own fields are kept.
        block_rows: Rows predicted at a time.
        execution: Where the work runs.
        title: What the product is, in a line.
        institution: Who makes it.
        whole: Size of the whole, where this is a part.
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
    whole: Whole | None = None


class Made(NamedTuple):
    """What a production did.

    Attributes:
        made: Regions made.
        kept: Regions that an earlier start had made.
        cells: Cells and periods that were predicted.
        all_cells: Those of the whole product.
        lacked: Those at which a member lacked a predictor.
        outside: Those with a predictor outside the training range.
        seconds: Time on the clock.
        busy: Seconds of reading, predicting and writing, over all workers.
        size: Bytes of the product.
        memory: Peak memory in GB, summed over this process and the workers that made a region.
    """

    made: int
    kept: int
    cells: int
    all_cells: int
    lacked: int
    outside: int
    seconds: float
    busy: tuple[float, float, float]
    size: int
    memory: float
