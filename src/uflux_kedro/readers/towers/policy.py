"""Read what the policy file of an archive states: licence, version, whom to thank, which papers to cite.

Source of the form: DATA_POLICY_LICENSE_AND_INSTRUCTIONS.txt as ONEFlux writes it into each archive. One line
asks everybody for an acknowledgement, others ask by source network: ``When AmeriFlux (AMF) data are used,
add the text: "..."``, with the DOIs of papers.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, files_of
from uflux_kedro.readers.towers.snapshot import find_doi

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""Licence of a policy file that states none of a known name."""
_MARK = "DATA_POLICY"
"""In the names of policy files."""
_MOST_BYTES = 200_000
"""Of a policy; those of 2025 take 6,000."""

_LICENCE = re.compile(
    r"\bCC0\b|\bCC[ -]?BY(?P<terms>(?:[ -](?:NC|SA|ND))*)[ -]?(?P<version>\d\.\d)?"
    r"|\bTier[ -](?P<tier>One|Two|1|2)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"shared\s+under\s+the\s+(\S+(?:\s+\S+){0,3}?)\s+licen[cs]e")
"""The licence where the file says it; elsewhere a known name counts."""
_VERSION = re.compile(r"document version (\d{8})")
_TIERS = {"one": "1", "two": "2"}
_THANKS = re.compile(
    r"acknowledge?(?:ments?)?\b[^:\n]*:\s*(?P<text>\S.+\.)[\"\u201d]?\s*$", re.IGNORECASE
)
"""Up to a full stop: a line without has been wrapped, and is no whole sentence."""
_OF_NETWORK = re.compile(r"\bWhen\b[^(\n]*\((?P<code>\w+)\) data are used\b(?P<wish>.*)")
_TEXT = re.compile(r"add the text:\s*[\"\u201c](?P<text>[^\"\u201d]+)[\"\u201d]")


class Policy(NamedTuple):
    """What a policy file states, and asks of those who use data of one network; empty without a file.

    Attributes:
        licence: Name of the licence, such as ``CC-BY-4.0`` or ``Tier 2``; :data:`UNKNOWN` if it states none.
        version: Version of the file, YYYYMMDD; empty if it states none.
        thanks: Sentences for the acknowledgements, that of all networks first; none if the file has
            another form, which then says nothing about papers either.
        papers: DOIs of papers to cite for the network.
    """

    licence: str = ""
    version: str = ""
    thanks: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()


def parse_policy(text: str, network: str) -> Policy:
    """Return what a policy asks for.

    Args:
        text: Content of the file.
        network: Code of the source network, such as ``AMF``.
    """
    named, version = _NAMED.search(text), _VERSION.search(text)
    words = " ".join(named[1].split()) if named else ""
    found = _LICENCE.search(words or text)
    licence = (words or UNKNOWN) if found is None else _name(found)
    stated = Policy(licence, version[1] if version else "")
    general, of_network, papers = "", [], []
    for line in text.splitlines():
        wish = _OF_NETWORK.search(line)
        if wish is None:
            asked = _THANKS.search(line)
            general = general or (asked["text"].strip(' "\u201c\u201d') if asked else "")
        elif wish["code"] == network:
            of_network += [" ".join(m["text"].split()) for m in _TEXT.finditer(wish["wish"])]
            papers += [doi for word in wish["wish"].split() if (doi := find_doi(word))]
    if not general:
        return stated
    thanks = (" ".join(general.split()), *of_network)
    return stated._replace(thanks=thanks, papers=tuple(dict.fromkeys(papers)))


def _name(found: re.Match[str]) -> str:
    if tier := found["tier"]:
        return f"Tier {_TIERS.get(tier.lower(), tier)}"
    if found[0].upper() == "CC0":
        return "CC0"
    terms = re.split(r"[ -]", found["terms"])[1:]
    return "-".join(["CC", "BY", *(t.upper() for t in terms), *filter(None, [found["version"]])])


def policy_of(file: File, network: str = "") -> Policy:
    """Return what the policy file in the archive of a table states, or beside it if it was unpacked.

    A file that cannot be read states nothing: what it asks for does not keep its tower from being read.
    """
    try:
        beside = files_of(file.path) if file.member else _loose(file.path.parent)
        for one in beside:
            if _is_policy(one.name):
                with one.open() as stream:
                    text = stream.read(_MOST_BYTES).decode("utf-8-sig", errors="replace")
                return parse_policy(text, network)
    except (InputError, OSError) as error:
        logger.warning("The policy beside %s is not read: %s", file.where, error)
    return Policy()


def _loose(folder: Path) -> list[File]:
    return [File(path) for path in sorted(folder.glob(f"*{_MARK}*")) if path.is_file()]


def _is_policy(name: str) -> bool:
    return _MARK in name and name.lower().endswith(".txt")
