"""Everything that is looked for, one file for each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.rules import (
    bin_001_malformed,
    bin_002_disagreement,
    bin_003_foreign_host,
    bin_004_features,
    bin_005_size,
    bin_006_start,
    bin_007_unknown_import,
    bin_008_bundled,
    cap_001_undeclared,
    cap_002_network,
    cap_003_over_declared,
    cap_004_toxic_trio,
    cap_005_read_only,
    cap_006_ordinary,
    cap_007_dead_grant,
    pol_001_memory_ceiling,
    pol_002_no_declared_maximum,
    pol_003_cpu_limits,
    pol_004_other_limits,
    pol_005_network_allow_list,
    pol_006_broad_directories,
    pol_007_needless_writes,
    pol_008_wildcard_environment,
    pol_009_secrets_in_the_environment,
    pol_010_reused_instances,
    pol_011_events,
    prv_003_unpinned,
    prv_005_origin,
    sec_001_secrets,
    sec_002_places,
    sec_003_build_host,
    txt_001_hidden_characters,
    txt_002_wording,
    txt_003_shadowing,
    txt_004_schema_poisoning,
    txt_005_annotations,
)

if TYPE_CHECKING:
    from hatchway.audit.finding import Rule

RULES_VERSION = "1"
"""Changes whenever a rule is added, removed, or finds something else than before."""

RULES: tuple[Rule, ...] = (
    bin_001_malformed.RULE,
    bin_002_disagreement.RULE,
    bin_003_foreign_host.RULE,
    bin_004_features.RULE,
    bin_005_size.RULE,
    bin_006_start.RULE,
    bin_007_unknown_import.RULE,
    bin_008_bundled.RULE,
    cap_001_undeclared.RULE,
    cap_002_network.RULE,
    cap_003_over_declared.RULE,
    cap_004_toxic_trio.RULE,
    cap_005_read_only.RULE,
    cap_006_ordinary.RULE,
    cap_007_dead_grant.RULE,
    pol_001_memory_ceiling.RULE,
    pol_002_no_declared_maximum.RULE,
    pol_003_cpu_limits.RULE,
    pol_004_other_limits.RULE,
    pol_005_network_allow_list.RULE,
    pol_006_broad_directories.RULE,
    pol_007_needless_writes.RULE,
    pol_008_wildcard_environment.RULE,
    pol_009_secrets_in_the_environment.RULE,
    pol_010_reused_instances.RULE,
    pol_011_events.RULE,
    sec_001_secrets.RULE,
    sec_002_places.RULE,
    sec_003_build_host.RULE,
    txt_001_hidden_characters.RULE,
    txt_002_wording.RULE,
    txt_003_shadowing.RULE,
    txt_004_schema_poisoning.RULE,
    txt_005_annotations.RULE,
    prv_003_unpinned.RULE,
    prv_005_origin.RULE,
)
"""In the order of the documentation."""
