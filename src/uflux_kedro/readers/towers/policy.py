"""Read the policy file of an archive: its licence, whom to thank and which papers to cite.

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
_TIERS = {"one": "1", "two": "2"}
_THANKS = re.compile(
    r"acknowledge?(?:ments?)?\b[^:\n]*:\s*(?P<text>\S.+\.)[\"\u201d]?\s*$", re.IGNORECASE
)
"""Up to a full stop: a line without has been wrapped, and is no whole sentence."""
_OF_NETWORK = re.compile(r"\bWhen\b[^(\n]*\((?P<code>\w+)\) data are used\b(?P<wish>.*)")
_TEXT = re.compile(r"add the text:\s*[\"\u201c](?P<text>[^\"\u201d]+)[\"\u201d]")


class Policy(NamedTuple):
    """What a policy file asks of those who use data of one network.

    Attributes:
        licence: Name of the licence, such as ``CC-BY-4.0`` or ``Tier 2``; :data:`UNKNOWN` if it states none.
        thanks: Sentences for the acknowledgements, that of all networks first; none if the file has
            another form, which then says nothing about papers either.
        papers: DOIs of papers to cite for the network.
    """

    licence: str
    thanks: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()


def parse_policy(text: str, network: str) -> Policy:
    """Return what a policy asks for.

    Args:
        text: Content of the file.
        network: Code of the source network, such as ``AMF``.
    """
    found = _LICENCE.search(text)
    licence = UNKNOWN if found is None else _name(found)
    general, of_network, papers = "", [], []
    for line in text.splitlines():
        wish = _OF_NETWORK.search(line)
        if wish is None:
            thanks = _THANKS.search(line)
            general = general or (thanks["text"].strip(' "\u201c\u201d') if thanks else "")
        elif wish["code"] == network:
            of_network += [" ".join(m["text"].split()) for m in _TEXT.finditer(wish["wish"])]
            papers += [doi for word in wish["wish"].split() if (doi := find_doi(word))]
    if not general:
        return Policy(licence)
    return Policy(licence, (" ".join(general.split()), *of_network), tuple(dict.fromkeys(papers)))


def _name(found: re.Match[str]) -> str:
    if tier := found["tier"]:
        return f"Tier {_TIERS.get(tier.lower(), tier)}"
    if found[0].upper() == "CC0":
        return "CC0"
    terms = re.split(r"[ -]", found["terms"])[1:]
    return "-".join(["CC", "BY", *(t.upper() for t in terms), *filter(None, [found["version"]])])


def policy_text(file: File) -> str | None:
    """Return the policy in the archive of a table, or in its folder if it is unpacked.

    None if there is none that can be read.
    """
    try:
        beside = files_of(file.path) if file.member else _loose(file.path.parent)
        policies = [one for one in beside if _is_policy(one.name)]
        if not policies:
            return None
        with policies[0].open() as stream:
            return stream.read(_MOST_BYTES).decode("utf-8-sig", errors="replace")
    except InputError as error:
        logger.warning("The policy beside %s is not read: %s", file.where, error)
        return None


def _loose(folder: Path) -> list[File]:
    return [File(path) for path in sorted(folder.glob(f"*{_MARK}*")) if path.is_file()]


def _is_policy(name: str) -> bool:
    return _MARK in name and name.lower().endswith(".txt")
