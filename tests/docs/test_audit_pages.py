"""The pages about the audit's rules say what the rules say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_pages_about_rules_and_capabilities_are_what_the_rules_make() -> None:
    compared = subprocess.run(
        [sys.executable, "-P", str(REPOSITORY / "scripts" / "build-audit-pages"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (compared.returncode, compared.stdout, compared.stderr) == (0, "", "")
