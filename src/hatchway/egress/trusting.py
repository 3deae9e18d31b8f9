"""Whom TLS believes: the system's certificate authorities, or a file of the operator's.

Nothing of the environment has a say. `ssl.create_default_context` would read `SSL_CERT_FILE`,
`SSL_CERT_DIR` and `SSLKEYLOGFILE`, so it is not used.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TypeAlias

from hatchway.egress.refusals import failed

_Stamp: TypeAlias = tuple[str | None, int, int]

_USUAL_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep them, when they are not where OpenSSL was built to look."""


class Authorities:
    """Contexts for TLS, made once for each file of authorities."""

    def __init__(self) -> None:
        self._contexts: dict[_Stamp, ssl.SSLContext] = {}

    async def context(self, file: str | None) -> ssl.SSLContext:
        """A context that believes the authorities in `file`, or the system's.

        Raises:
            Refused: The file cannot be read.
        """
        try:
            stamp = _stamp_of(file)
            if stamp not in self._contexts:
                # Reading all authorities takes many milliseconds, and everybody would wait.
                made = await asyncio.to_thread(_context, file)
                self._contexts = {
                    known: context for known, context in self._contexts.items() if known[0] != file
                }
                self._contexts[stamp] = made
            return self._contexts[stamp]
        except (OSError, ssl.SSLError):
            raise failed("TLS-certificate-error", "egress.authorities") from None


def objection_to_authorities(file: str) -> str | None:
    """Why nobody could be believed for the sake of `file`, in words that follow; or None."""
    try:
        _context(file)
    except ssl.SSLError:
        return "holds no certificate"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _stamp_of(file: str | None) -> _Stamp:
    if file is None:
        return (None, 0, 0)
    found = Path(file).stat()
    return (file, found.st_mtime_ns, found.st_size)


def _context(file: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it verifies chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if file is not None:
        context.load_verify_locations(cafile=file)
        return context
    built_in = ssl.get_default_verify_paths()
    files = (built_in.openssl_cafile, *_USUAL_FILES)
    bundle = next((each for each in files if Path(each).is_file()), None)
    directory = built_in.openssl_capath if Path(built_in.openssl_capath).is_dir() else None
    if bundle is not None or directory is not None:
        context.load_verify_locations(cafile=bundle, capath=directory)
    return context
