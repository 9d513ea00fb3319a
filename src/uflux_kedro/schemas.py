"""Base of the parameter models: what a user may set, checked before any node runs.

Each block of ``conf/*/parameters*.yml`` has its model in the ``parameters.py`` of the package that
it configures. An unknown key is refused, so that a typing error cannot pass as a default.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base of the parameter models: frozen, no unknown keys, described field by field.

    The docstring below a field is its description in the JSON schema and on the page of settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
