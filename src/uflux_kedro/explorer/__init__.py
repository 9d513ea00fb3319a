"""A map of the products to explore in a browser: one folder of static files, which needs no network.

Example::

    from uflux_kedro.explorer import Explorer, serve, write_explorer

    write_explorer(Explorer(products={"GPP": product}), "map")
    serve("map")

The folder holds a page, and for each flux a Zarr v3 store with overviews for small scales. The page's
script is made from ``web/`` by ``make web``.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contents": ["Explorer"],
        "folder": ["write_explorer"],
        "pyramid": ["write_pyramid"],
        "server": ["serve"],
    },
)
