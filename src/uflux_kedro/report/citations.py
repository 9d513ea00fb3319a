"""Whom to cite and to thank for exactly the towers that a run used, as text to paste.

The policy file in each archive of FLUXNET rules. Where it is absent, or of another form, the wishes of the
networks are those of its version 20251226; for FLUXNET2015 those of its data policy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from uflux_kedro.errors import require_columns
from uflux_kedro.origins import BERINGER, ISAAC, PAPERS, UEYAMA, YU, Paper, paper_of
from uflux_kedro.readers.towers.policy import UNKNOWN
from uflux_kedro.readers.towers.products import BETWEEN, COLUMNS

_FLUXNET, _FLUXNET2015 = "FLUXNET", "FLUXNET2015"

_THANKS = {
    _FLUXNET: "FLUXNET data products were produced and harmonized by eddy covariance regional networks "
    "and data processing centers, including AmeriFlux, ChinaFlux, European Fluxes Database, ICOS, "
    "JapanFlux, KoFlux, OzFlux, SAEON, and TERN. These products also include a modified version of "
    "ERA5 hourly data provided by the Copernicus Climate Change Service.",
    _FLUXNET2015: "This work used eddy covariance data acquired and shared by the FLUXNET community, "
    "including these networks: AmeriFlux, AfriFlux, AsiaFlux, CarboAfrica, CarboEuropeIP, CarboItaly, "
    "CarboMont, ChinaFlux, Fluxnet-Canada, GreenGrass, ICOS, KoFlux, LBA, NECC, OzFlux-TERN, "
    "TCOS-Siberia, and USCCC. The ERA-Interim reanalysis data are provided by ECMWF and processed by "
    "LSCE. The FLUXNET eddy covariance data processing and harmonization was carried out by the "
    "European Fluxes Database Cluster, AmeriFlux Management Project, and Fluxdata project of FLUXNET, "
    "with the support of CDIAC and ICOS Ecosystem Thematic Center, and the OzFlux, ChinaFlux and "
    "AsiaFlux offices.",
}
"""Collection -> acknowledgement that its policy asks for, word by word."""
_AMERIFLUX = (
    "Funding for the AmeriFlux data service was provided by the U.S. Department of Energy Office of "
    "Science."
)
_THANKS_TO = {
    "AMF": _AMERIFLUX,
    "CNF": "ChinaFlux data are from the National ecosystem science data center https://www.nesdc.org.cn",
    "OZF": "OzFlux data are from the OzFlux Data Portal https://data.ozflux.org.au/home.jspx",
    "TERN": "TERN data are from the TERN Data Discovery Portal https://portal.tern.org.au/browse/theme",
}
"""Code of a source network -> sentence that it asks for."""
_PAPERS_OF = {"CNF": (YU,), "JPF": (UEYAMA,), "OZF": (BERINGER, ISAAC), "TERN": (BERINGER, ISAAC)}
"""Code of a source network -> papers that it asks to cite."""

_CITATION = re.compile(r"(?P<authors>[^()]+?),? \((?P<year>\d{4})\)[.,:]? (?P<title>.+)")
"""Citations of all hubs begin with authors and year."""
_TITLE_ENDS = re.compile(r", Ver\. |\. Version |, FLUXNET, https?:|, \(Dataset\)|\. https?:")
_SPECIAL = re.compile(r"([&%$#_{}])")
_NO_KEY = re.compile(r"[^A-Za-z0-9._:+-]")

_SIMULATED = "The towers are simulated: there is nobody to cite."
_LICENCE, _POLICY = "CC-BY-4.0", "20251226"
"""Licence of FLUXNET's products, and version of the policy file, that the texts above follow."""
_SOURCE, _DAY = "[SOURCE]", "[DAY MONTH YEAR]"


@dataclass(frozen=True)
class Attribution:
    """What the licences of the towers ask for.

    Attributes:
        products: Products used, one row a tower and product.
        papers: Papers to cite, each once.
        acknowledgements: Sentences for the acknowledgements.
        availability: Sentences for the section about the availability of data.
        remarks: What is missing, in words.
    """

    products: pd.DataFrame
    papers: tuple[Paper, ...]
    acknowledgements: tuple[str, ...]
    availability: tuple[str, ...]
    remarks: tuple[str, ...]


def attribution(
    products: pd.DataFrame, sites: pd.DataFrame, towers: Collection[str], *, simulated: bool = False
) -> Attribution:
    """Return what is asked for the use of towers.

    Args:
        products: Table of :func:`uflux_kedro.readers.towers.products.product_table`.
        sites: ``site_id`` and, where any is known, ``collection``, names separated by ", ".
        towers: Names of the towers that were used.
        simulated: Whether all of them are simulated.
    """
    require_columns(products, ("site_id", "product", "collection", "network"), "products of towers")
    used = products[products["site_id"].isin(list(towers))]
    used = used.reindex(columns=list(COLUMNS), fill_value="").fillna("")  # as of an earlier run
    used = used.drop_duplicates(["site_id", "product"]).reset_index(drop=True)
    of_site = sites.set_index("site_id").reindex(index=sorted(towers), columns=["collection"])
    of_site = of_site["collection"].dropna()
    names = sorted({name for of in of_site for name in of.split(", ")})
    unknown = sorted(set(towers) - set(of_site.index))
    availability = [_availability(name, used[used["collection"] == name]) for name in names]
    return Attribution(
        used,
        _papers(used, names),
        _thanks(used, names),
        (*availability, *_licences(used)),
        (_SIMULATED,) if simulated else tuple(_remarks(used, names, unknown)),
    )


def _thanks(products: pd.DataFrame, collections: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences of the policies, and the usual ones for products without."""
    of_policy = [text.split(BETWEEN) for text in products["thanks"] if text]
    silent = products[products["thanks"] == ""]
    ruled = {*products["collection"]} - {*silent["collection"]}
    thanks = [general for general, *_ in of_policy]
    thanks += [_THANKS[name] for name in collections if name in _THANKS and name not in ruled]
    thanks += [sentence for _, *others in of_policy for sentence in others]
    thanks += [_THANKS_TO[c] for c in sorted({*silent["network"]}) if c in _THANKS_TO]
    if "AmeriFlux BASE" in collections:
        thanks.append(_AMERIFLUX)
    return tuple(dict.fromkeys(thanks))


def _papers(products: pd.DataFrame, collections: Sequence[str]) -> tuple[Paper, ...]:
    """Return the papers of collections, and those that policies or else networks ask for."""
    papers = [p for name in collections for p in PAPERS.get(name, ())]
    silent = products.loc[products["thanks"] == "", "network"]
    papers += [p for code in sorted({*silent}) for p in _PAPERS_OF.get(code, ())]
    papers += [p for doi in _dois(products) if (p := paper_of(doi))]
    return tuple(dict.fromkeys(papers))


def _dois(products: pd.DataFrame) -> list[str]:
    """Return the DOIs that policies ask to cite, each once."""
    return list(dict.fromkeys(doi for of in products["papers"] if of for doi in of.split(BETWEEN)))


def _licences(products: pd.DataFrame) -> Iterable[str]:
    """Yield the licences that policy files state."""
    stated = products[~products["licence"].isin(["", UNKNOWN])]
    for licence, rows in stated.groupby("licence"):
        number = "1 product is" if len(rows) == 1 else f"{len(rows)} products are"
        yield f"By the policy file of the archive, {number} shared under {licence}."


def _availability(collection: str, products: pd.DataFrame) -> str:
    """Return the sentence on one collection; what is not known is left to fill in, in brackets."""
    days = pd.to_datetime(products["downloaded"].replace("", None)).dropna()
    known = len(days) == len(products) > 0
    first, last = (_in_words(days.min()), _in_words(days.max())) if known else (_DAY, _DAY)
    when = f"on {first}" if first == last else f"between {first} and {last}"
    hubs = sorted({*products["hub"]} - {""}) if known else []
    source = f"{_listed(hubs)}, by a snapshot of the FLUXNET Shuttle," if hubs else _SOURCE
    what = "FLUXNET data products" if collection == _FLUXNET else f"{collection} data"
    return f"The {what} used in this work were downloaded from {source} {when}."


def _in_words(day: pd.Timestamp) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _remarks(
    products: pd.DataFrame, collections: Sequence[str], unknown: Sequence[str]
) -> Iterable[str]:
    bare = products[(products["citation"] == "") & (products["collection"] == _FLUXNET)]
    if len(bare):
        yield (
            f"Not known is whom to cite for {', '.join(bare['product'])}. Put the Shuttle's snapshot that "
            "offers exactly these products beside the archives, or look them up at the hubs."
        )
    others = products[~products["licence"].isin(["", _LICENCE])]
    if len(others):
        yield (
            f"Not under {_LICENCE} are, by their policy file: "
            + ", ".join(f"{row.product} ({row.licence})" for row in others.itertuples())
            + ". Read what it asks for before you use or publish anything."
        )
    newer = products[(products["policy"] > _POLICY) & (products["thanks"] == "")]
    if len(newer):
        yield (
            f"The policy file of {', '.join(newer['product'])} is of {newer['policy'].max()}, and these "
            f"texts follow that of {_POLICY}. What it asks for beyond them rules."
        )
    if unnamed := [doi for doi in _dois(products) if paper_of(doi) is None]:
        yield (
            "The policy files in the archives also ask to cite "
            f"{', '.join(f'https://doi.org/{doi}' for doi in unnamed)}."
        )
    if _FLUXNET2015 in collections:
        yield (
            "FLUXNET2015 asks to name each tower with the years used and its DOI, which is not in its "
            "archives: https://fluxnet.org/data/fluxnet2015-dataset/."
        )
    if unknown:
        yield (
            f"Not stated is where these towers come from: {', '.join(unknown)}. Their providers say whom "
            "to cite; towers.collection names the collection of a table of towers."
        )


def bibliography(found: Attribution) -> str:
    """Return the products with a citation and the papers, as BibTeX.

    The authors of a product are a text in double braces, so that no program changes their names.
    """
    lines = [f"% {remark}" for remark in found.remarks]
    entries = [_product_entry(row) for row in found.products.to_dict("records") if row["citation"]]
    entries += [_paper_entry(paper) for paper in found.papers]
    return "\n\n".join(["\n".join(lines), *entries] if lines else entries) + "\n"


def _product_entry(row: dict[str, str]) -> str:
    citation = row["citation"]
    match = _CITATION.match(citation)
    fields = {"title": row["product"], "note": citation}
    if match is not None:
        title = _TITLE_ENDS.split(match["title"], maxsplit=1)[0].rstrip(". ")
        fields = {"author": f"{{{_escaped(match['authors'])}}}", "year": match["year"]}
        fields |= {"title": f"{{{_escaped(title)}}}", "note": _escaped(_note(row))}
    else:
        fields = {name: _escaped(text) for name, text in fields.items()}
    if row["doi"]:
        fields["doi"] = row["doi"]
    elif row["link"]:
        fields["url"] = row["link"]
    if row["hub"]:
        fields["publisher"] = _escaped(row["hub"])
    return _entry("misc", row["product"], fields)


def _note(row: dict[str, str]) -> str:
    return ", ".join(
        filter(None, [f"Dataset {row['product']}", row["licence"].replace(UNKNOWN, "")])
    )


def _paper_entry(paper: Paper) -> str:
    authors = paper.authors.replace(" et al.", " and others")
    fields = {
        "author": authors,
        "year": str(paper.year),
        "title": f"{{{_escaped(paper.title)}}}",
        "journal": _escaped(paper.journal),
        "volume": paper.volume,
        "pages": paper.pages.replace("-", "--"),
        "doi": paper.doi,
    }
    return _entry("article", paper.key, fields)


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{_NO_KEY.sub('-', key)},\n{body}\n}}"


def _escaped(text: str) -> str:
    """Return a text for BibTeX: its special characters are escaped, a backslash is dropped."""
    return _SPECIAL.sub(r"\\\1", text.replace("\\", ""))


def attribution_text(found: Attribution) -> str:
    """Return acknowledgements, availability of data and references as plain text to paste."""
    cited = [row["citation"] for row in found.products.to_dict("records") if row["citation"]]
    references = [*cited, *(f"{paper.text} https://doi.org/{paper.doi}" for paper in found.papers)]
    parts = {
        "Remarks": found.remarks,
        "Acknowledgements": ["\n".join(found.acknowledgements)] if found.acknowledgements else [],
        "Data availability": found.availability,
        "References": references,
    }
    blocks = [f"{title}\n\n" + "\n\n".join(lines) for title, lines in parts.items() if lines]
    return "\n\n\n".join(blocks) + "\n"
