"""Figures, one module per family: plain data in, a matplotlib ``Figure`` out.

Every function checks its input and refuses an unknown flux or a missing column. Figures follow
one style sheet and leave pyplot's state alone. matplotlib and cartopy are imported at first use.

Example:
    >>> import pandas as pd
    >>> from uflux_kedro.figures import png_bytes, scatter_figure
    >>> time = pd.date_range("2020-01-01", periods=4, freq="MS")
    >>> held_out = pd.DataFrame({"site_id": "DE-Tha", "time": time})
    >>> held_out = held_out.assign(truth=[1.0, 2.0, 4.0, 7.0], prediction=[1.5, 2.0, 3.5, 6.0])
    >>> png_bytes(scatter_figure({"GPP": held_out}))[1:4]
    b'PNG'
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "completeness": ["completeness_maps_figure", "completeness_series_figure"],
        "closed_loop": ["closed_loop_figure"],
        "calibration": ["calibration_figure"],
        "latitude_seasons": ["latitude_seasons_figure"],
        "literature": ["literature_figure"],
        "learning_curve": ["learning_curve_figure"],
        "explanation": ["effects_figure", "importance_figure", "shap_figure"],
        "gap_filling": [
            "cumulative_figure",
            "fingerprint_figure",
            "gap_length_figure",
            "residuals_figure",
        ],
        "interannual": ["interannual_figure"],
        "maps": ["mean_maps_figure", "spread_maps_figure"],
        "member": ["member_figure"],
        "members": ["leaderboard_figure"],
        "next_tower": ["next_tower_figure"],
        "peers": ["peer_density_figure", "peer_maps_figure", "peer_seasons_figure"],
        "picture": ["Picture", "read_picture", "write_picture"],
        "profiles": ["profiles_figure", "tower_means"],
        "ratios": ["ratios_figure"],
        "ranking": ["ranking_figure"],
        "resolutions": ["resolutions_figure"],
        "response": ["response_figure"],
        "scatter": ["scatter_figure"],
        "seasons": ["seasonal_cycles", "seasons_figure"],
        "series": ["series_figure"],
        "site_skill": ["site_nse", "site_skill_figure"],
        "skill_groups": ["skill_groups_figure"],
        "style": ["png_bytes", "styled"],
        "taylor": ["taylor_figure"],
        "tower_map": ["tower_map_figure"],
    },
)
