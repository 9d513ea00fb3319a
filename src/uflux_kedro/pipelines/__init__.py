"""The pipelines: thin nodes over the library, wired through the catalog."""

from importlib.util import find_spec

from uflux_kedro.installed import require_extra

if find_spec("kedro") is None:
    require_extra("kedro", "Pipelines of Kedro")
