"""For people who make tools: from files on a desk to an artifact that others can admit.

from hatchway.sdk import tool
"""

from __future__ import annotations

from hatchway.sdk.authoring.declaring import ToolError, tool
from hatchway.sdk.authoring.fetching import fetch

__all__ = ["ToolError", "fetch", "tool"]
