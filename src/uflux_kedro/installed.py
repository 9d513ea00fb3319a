"""What is installed: versions of libraries, and packages of an extra that are missing."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from uflux_kedro.errors import MissingExtraError

_OTHER_BUILDS = {"xgboost": "xgboost-cpu"}


def version_of(library: str) -> str:
    """Return the version of a library, whichever of its builds is installed.

    Args:
        library: Name as on the package index, such as ``xgboost``, which its CPU build provides too.

    Raises:
        importlib.metadata.PackageNotFoundError: If no build of it is installed.
    """
    return build_of(library)[1]


@cache
def build_of(library: str) -> tuple[str, str]:
    """Return the name of the installed build of a library, and its version.

    Reading a library's metadata takes 10 ms, and a run asks for many.

    Raises:
        importlib.metadata.PackageNotFoundError: If no build of it is installed.
    """
    try:
        return library, metadata.version(library)
    except metadata.PackageNotFoundError:
        if library not in _OTHER_BUILDS:
            raise
        return _OTHER_BUILDS[library], metadata.version(_OTHER_BUILDS[library])


def missing_packages(extra: str) -> list[str]:
    """Return the packages of an extra of this package that are not installed."""
    from packaging.requirements import Requirement

    required = map(Requirement, metadata.requires("uflux_kedro") or ())
    # Evaluated without the extra, the packages of the library itself drop out.
    names = [
        r.name
        for r in required
        if r.marker and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
    ]
    return [name for name in names if not _is_installed(name)]


def require_extra(extra: str, purpose: str) -> None:
    """Raise an error that names the extra, if one of its packages is not installed.

    Args:
        extra: Name of the extra.
        purpose: What needs it: the subject of the error's sentence, in the plural.

    Raises:
        MissingExtraError: Naming the packages and the command that installs them.
    """
    if missing := missing_packages(extra):
        raise MissingExtraError(
            f"{purpose} need {', '.join(missing)}: pip install 'uflux_kedro[{extra}]'"
        )


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
