"""What shall be made of a product, and what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from uflux_kedro.products.execution import Execution

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


@dataclass(frozen=True)
class Whole:
    """Size of the whole product of a flux.

    Attributes:
        land_cells: Cells on land.
        periods: Periods of the record.
        members: Members.
    """

    land_cells: int
    periods: int
    members: int


def what_it_took(flux: str, made: Made, members: int, whole: Whole | None = None) -> str:
    """One line of what was done, and one of the whole if its size is given.

    Args:
        flux: The flux.
        made: What was done.
        members: Members of the part.
        whole: Size of the whole.
    """
    lines = [
        f"{flux}: {made.made} regions made, {made.kept} kept; {made.cells / 1e6:.2f} million "
        f"pixels x {members} members in {made.seconds:.1f} s (reading {made.busy[0]:.1f}, "
        f"predicting {made.busy[1]:.1f}, writing {made.busy[2]:.1f} s of all threads); "
        f"{made.size / 1e6:.1f} MB; peak memory {made.memory:.2f} GB"
    ]
    if made.cells:
        lines.append(
            f"{flux}: flagged for a missing predictor {made.lacked / made.cells:.1%}, "
            f"for one outside the training range {made.outside / made.cells:.1%} of the pixels"
        )
    if whole is not None and made.cells:
        pixels = whole.land_cells * whole.periods
        # Drivers are read once for all members; only predicting takes longer with their number.
        reading, predicting, writing = made.busy
        by_members = reading + writing + predicting * whole.members / members
        hours = pixels / made.cells * by_members / sum(made.busy) * made.seconds / 3600
        storage = pixels / made.all_cells * made.size
        lines.append(
            f"{flux}: the whole at this rate: {pixels / 1e9:.3g} billion pixels x "
            f"{whole.members} members, {hours:.3g} h on this machine, {made.memory:.2f} GB of memory, "
            f"{storage / 1e9:.3g} GB of storage"
        )
    return "\n".join(lines)
