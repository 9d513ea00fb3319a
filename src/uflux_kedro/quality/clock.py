"""Local time taken for UTC, and the reverse: a sub-daily record's clock held against the sun."""

from __future__ import annotations

from typing import Literal

from uflux_kedro.biophysics.solar_clock import SolarClock, around
from uflux_kedro.quality.findings import Finding

Clock = Literal["local", "UTC"]
"""What the record's times are said to be: local standard time, as FLUXNET has it, or UTC."""

_POLITICS = 1.75
"""Hours by which the standard time of nearly every country differs from that of its longitude."""
_WIDEST = 3.25
"""The same of the countries that keep one time from east to west, such as China."""
_TOLERANCE = 0.75
"""Hours by which a clock that is said to be UTC may seem to run ahead."""


def check_clock(
    site: str, sun: SolarClock, longitude: float, clock: Clock = "local"
) -> list[Finding]:
    """Hold a record's clock against the sun.

    Args:
        site: For the finding.
        sun: The clock as the sun has it.
        longitude: Degrees east.
        clock: What the times are said to be.

    Returns:
        A finding if the times cannot be what they are said to be; one more if the clock
        jumps by an hour through the year, as daylight saving does.
    """
    zone = longitude / 15
    ahead = float(around(sun.ahead + zone))
    off_local, off_UTC = abs(float(around(ahead - zone))), abs(ahead)
    if clock == "local":
        other, fits_other = "UTC", off_UTC < _TOLERANCE
        off, allowed = off_local, _POLITICS if fits_other else _WIDEST
        expected = (
            f"times in local standard time, about UTC{zone:+.1f} h at {longitude:g} degrees east"
        )
    else:
        other, fits_other = "local standard time", off_local < _POLITICS
        off, allowed = off_UTC, _TOLERANCE
        expected = "times in UTC"
    findings = []
    if off > allowed + 3 * sun.error:
        found = f"noon as on a clock of UTC{ahead:+.2f} ± {sun.error:.2f} h ({sun.days} days)"
        found += f": these are times in {other}" if fits_other else ""
        findings.append(Finding("phase", "SW_IN", (site,), expected=expected, found=found))
    if 0.7 < sun.jump < 1.4:
        findings.append(
            Finding(
                "phase",
                "SW_IN",
                (site,),
                expected="one clock all year",
                found=f"noon moves by {sun.jump:.1f} h through the year, as with daylight saving time",
                weight="note",
            )
        )
    return findings
