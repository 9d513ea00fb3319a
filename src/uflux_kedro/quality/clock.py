"""The clock of a sub-daily record, compared with the sun: local standard time or UTC."""

from __future__ import annotations

from typing import Literal

from uflux_kedro.biophysics.solar_clock import SolarClock, around
from uflux_kedro.quality.findings import Finding

Clock = Literal["local", "UTC"]
"""Declared time of a record: local standard time, as in FLUXNET, or UTC."""

_COMMON_OFFSET = 1.75
"""Most hours between the standard time of nearly every country and the time of its longitude."""
_LARGEST_OFFSET = 3.25
"""The same for wide countries with a single time, such as China."""
_TOLERANCE = 0.75
"""Most hours by which a clock in UTC may seem to be ahead."""


def check_clock(
    site: str, sun: SolarClock, longitude: float, clock: Clock = "local"
) -> list[Finding]:
    """Compare a record's clock with the sun.

    Args:
        site: Name of the site, for the finding.
        sun: Offset of the clock, estimated from radiation.
        longitude: Degrees east.
        clock: Declared time of the record.

    Returns:
        A finding if the times contradict the declared clock, and another if the clock jumps by
        an hour during the year, as with daylight saving time.
    """
    zone = longitude / 15
    ahead = float(around(sun.ahead + zone))
    off_local, off_UTC = abs(float(around(ahead - zone))), abs(ahead)
    if clock == "local":
        other, fits_other = "UTC", off_UTC < _TOLERANCE
        off, allowed = off_local, _COMMON_OFFSET if fits_other else _LARGEST_OFFSET
        expected = (
            f"times in local standard time, about UTC{zone:+.1f} h at {longitude:g} degrees east"
        )
    else:
        other, fits_other = "local standard time", off_local < _COMMON_OFFSET
        off, allowed = off_UTC, _TOLERANCE
        expected = "times in UTC"
    findings = []
    if off > allowed + 3 * sun.error:
        found = f"solar noon fits a clock of UTC{ahead:+.2f} ± {sun.error:.2f} h ({sun.days} days)"
        found += f": the times are in {other}" if fits_other else ""
        findings.append(Finding("phase", "SW_IN", (site,), expected=expected, found=found))
    if 0.7 < sun.jump < 1.4:
        findings.append(
            Finding(
                "phase",
                "SW_IN",
                (site,),
                expected="one clock all year",
                found=f"solar noon moves by {sun.jump:.1f} h during the year, as with daylight "
                "saving time",
                weight="note",
            )
        )
    return findings
