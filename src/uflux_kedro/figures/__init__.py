"""Figures, one file a family; plain data in, a matplotlib ``Figure`` out.

matplotlib and cartopy are imported with the first figure that is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "maps": ["mean_maps_figure", "spread_maps_figure"],
        "member": ["member_figure"],
        "members": ["leaderboard_figure"],
        "peers": ["peer_density_figure", "peer_maps_figure"],
        "profiles": ["profiles_figure", "tower_means"],
        "scatter": ["scatter_figure"],
        "seasons": ["seasons_figure"],
        "site_skill": ["site_skill_figure"],
        "style": ["png_bytes"],
    },
)
