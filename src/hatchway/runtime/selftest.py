"""A guest that tries to leave its memory, to show that it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.call import Principal
from hatchway.core.manifest import ToolManifest
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.tool import Tool
from hatchway.policy.decide import decide
from hatchway.policy.document import LOCAL_TENANT, Policy, ToolPolicy
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from hatchway.core.sandbox import Sandbox

READS_OUTSIDE = bytes.fromhex(
    "0061736d01000000010401600000030201000503010001070a01065f73746172"
    "7400000a0e010c00417f2802fcffffff0f1a0b"
)
"""A `_start` of `(drop (i32.load offset=0xfffffffc (i32.const -1)))`: the furthest address
that an instruction can name."""


def walls_hold(sandbox: Sandbox) -> bool:
    """Whether a guest that reads far outside its memory is stopped for it, here and now."""
    digest = digest_of(READS_OUTSIDE)
    sandbox.prepare(READS_OUTSIDE, digest)
    tool = Tool(
        name="selftest",
        owner="selftest",
        digest=digest,
        manifest=ToolManifest(name=None),
        input_schema={},
        output_schema=None,
    )
    policy = Policy(tools={"selftest": ToolPolicy(name="selftest", source="selftest")})
    doctor = Principal(tenant=LOCAL_TENANT, subject="doctor", door="library")
    execution = sandbox.run(
        digest, CommandInvocation(arguments=(b"selftest",)), decide(tool, policy, doctor)
    )
    return execution.stop is not None and execution.stop.details.get("trap") == "out_of_bounds"
