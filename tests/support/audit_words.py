"""Names for the numbers that rules refer to, for their pages."""

from __future__ import annotations

RUBRIC = {
    1: ("Capability beyond purpose", "Does it ask the host for what its purpose does not need?"),
    2: ("Memory ceiling", "Is there a limit on memory, and is it a sensible one?"),
    3: ("CPU limits", "Does every call end, by fuel and by a deadline?"),
    4: ("Network without purpose", "Can it reach networks that it has no business with?"),
    5: (
        "Files beyond the tool's own directory",
        "Is every directory it is granted its own, and no wider than it needs?",
    ),
    6: ("Environment allow-list", "Is every variable named, and none of them a secret?"),
}
"""The six checks: a name, and the question that each answers."""

WEAKNESSES = {
    20: "Improper Input Validation",
    22: "Path Traversal",
    74: "Injection",
    116: "Improper Encoding or Escaping of Output",
    150: "Improper Neutralization of Escape, Meta, or Control Sequences",
    200: "Exposure of Sensitive Information to an Unauthorized Actor",
    214: "Invocation of Process Using Visible Sensitive Information",
    250: "Execution with Unnecessary Privileges",
    272: "Least Privilege Violation",
    295: "Improper Certificate Validation",
    321: "Use of Hard-coded Cryptographic Key",
    345: "Insufficient Verification of Data Authenticity",
    347: "Improper Verification of Cryptographic Signature",
    400: "Uncontrolled Resource Consumption",
    436: "Interpretation Conflict",
    451: "User Interface Misrepresentation of Critical Information",
    488: "Exposure of Data Element to Wrong Session",
    494: "Download of Code Without Integrity Check",
    497: "Exposure of Sensitive System Information to an Unauthorized Control Sphere",
    526: "Cleartext Storage of Sensitive Information in an Environment Variable",
    532: "Insertion of Sensitive Information into Log File",
    552: "Files or Directories Accessible to External Parties",
    615: "Inclusion of Sensitive Information in Source Code Comments",
    653: "Improper Isolation or Compartmentalization",
    668: "Exposure of Resource to Wrong Sphere",
    694: "Use of Multiple Resources with Duplicate Identifier",
    732: "Incorrect Permission Assignment for Critical Resource",
    770: "Allocation of Resources Without Limits or Throttling",
    778: "Insufficient Logging",
    789: "Memory Allocation with Excessive Size Value",
    798: "Use of Hard-coded Credentials",
    829: "Inclusion of Functionality from Untrusted Control Sphere",
    835: "Loop with Unreachable Exit Condition",
    913: "Improper Control of Dynamically-Managed Code Resources",
    918: "Server-Side Request Forgery",
    923: "Improper Restriction of Communication Channel to Intended Endpoints",
    1007: "Insufficient Visual Distinction of Homoglyphs Presented to User",
    1104: "Use of Unmaintained Third Party Components",
    1286: "Improper Validation of Syntactic Correctness of Input",
    1287: "Improper Validation of Specified Type of Input",
    1327: "Binding to an Unrestricted IP Address",
    1427: "Improper Neutralization of Input Used for LLM Prompting",
}
"""Of the Common Weakness Enumeration, those that rules name."""

RISKS = {
    "MCP01": "Token Mismanagement and Secret Exposure",
    "MCP02": "Privilege Escalation via Scope Creep",
    "MCP03": "Tool Poisoning",
    "MCP04": "Supply Chain and Dependency Tampering",
    "MCP05": "Command Injection and Execution",
    "MCP06": "Prompt Injection via Contextual Payloads",
    "MCP07": "Insufficient Authentication and Authorization",
    "MCP08": "Lack of Audit and Telemetry",
    "MCP09": "Shadow MCP Servers",
    "MCP10": "Context Injection and Over-Sharing",
}
"""The OWASP MCP Top 10."""
