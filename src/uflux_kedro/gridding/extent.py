"""What a product took, and what the whole of which it is a part would take at that rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uflux_kedro.gridding.plan import Made


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
