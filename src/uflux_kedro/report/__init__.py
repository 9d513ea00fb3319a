"""The report of a run: one HTML page that opens offline."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "captions": ["FIGURES"],
        "context": ["ReportContext"],
        "render": ["render_report"],
        "sections": ["Section", "map_sections"],
    },
)
