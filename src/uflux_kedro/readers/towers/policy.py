"""Read what the policy file of an archive states: its licence, and of which version it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of

_NAME = "DATA_POLICY_LICENSE_AND_INSTRUCTIONS"
_MOST_BYTES = 2**16
_LICENCE = re.compile(r"shared under the (\S+(?: \S+){0,3}?) licen[cs]e")
_VERSION = re.compile(r"document version (\d{8})")


class Policy(NamedTuple):
    """What a policy file states; unknown is empty.

    Attributes:
        licence: Licence of the data, such as ``CC-BY-4.0``.
        version: Version of the file, YYYYMMDD.
    """

    licence: str = ""
    version: str = ""


def policy_of(file: File) -> Policy:
    """Return what the policy file in the archive of a table states, or beside it if it was unpacked.

    A file that cannot be read states nothing: what it asks for does not keep its tower from being read.
    """
    try:
        beside = files_of(file.path) if file.member else _unpacked(file)
        for one in beside:
            if _NAME in one.name.upper():
                with one.open() as stream:
                    return _stated(stream.read(_MOST_BYTES).decode("utf-8-sig", errors="replace"))
    except (InputError, OSError):
        return Policy()
    return Policy()


def _unpacked(file: File) -> list[File]:
    return [File(path) for path in sorted(file.path.parent.glob(f"*{_NAME}*"))]


def _stated(text: str) -> Policy:
    text = " ".join(text.split())
    licence, version = _LICENCE.search(text), _VERSION.search(text)
    return Policy(licence[1] if licence else "", version[1] if version else "")
