"""What a reader noticed in a file, for the check of towers that follows."""

from __future__ import annotations

from typing import TypedDict


class Remark(TypedDict):
    """A doubt about the values of a file, or a choice that was made while reading it."""

    check: str
    variable: str
    sites: list[str]
    expected: str
    found: str


def cut_off(variable: str, site: str, where: str) -> Remark:
    """Return the remark on a file that ends within its last row, so that a number may be cut off."""
    return Remark(
        check="bounds",
        variable=variable,
        sites=[site],
        expected="a complete file, of which each row ends with a line break",
        found=f"{where} ends without a line break: the last {variable} of {site} may be cut off",
    )
