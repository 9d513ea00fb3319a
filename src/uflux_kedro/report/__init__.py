"""The report of a run: one HTML page with its figures and tables inside, which opens offline.

Example::

    from pathlib import Path
    from uflux_kedro.report import ReportContext, render_report

    context = ReportContext(
        title="My towers",
        members=members,
        scheme="loso",
        training_table=table,
        leaderboard=leaderboard,
    )
    Path("report.html").write_text(render_report(context), encoding="utf-8")
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "benchmark": ["benchmark_section"],
        "citations": ["Attribution", "attribution", "attribution_text", "bibliography"],
        "captions": ["FIGURES", "UNCERTAINTY_FIGURES", "Caption"],
        "context": ["ReportContext"],
        "data_sheets": ["data_sheet"],
        "explanation": ["explanation_section"],
        "glossary": ["glossary_section"],
        "gap_filling": ["FilledTowers", "render_gap_filling"],
        "literature": ["beside_literature", "literature_section", "published_values"],
        "others": ["explorer_section", "fine_section", "no_peers_section"],
        "parameters": [
            "FineProductParameters",
            "MapParameters",
            "PeerParameters",
            "PeerVariable",
            "ReportingParameters",
        ],
        "model_cards": ["card_row", "join_cards"],
        "render": ["render_report"],
        "sections": ["Section", "map_sections"],
        "towers_listed": ["site_list"],
        "tables": ["html_table"],
        "uncertainty": ["uncertainty_section"],
    },
)
