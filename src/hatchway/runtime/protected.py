"""The places of this machine that no grant may reach: systems, secrets, and what others obey."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.runtime.settings import Directories

_SYSTEM = (
    # Accounts, keys and settings of the machine; /boot holds images with keys in them.
    *("/etc", "/boot", "/Library/Keychains"),
    # The kernel and devices.
    *("/proc", "/sys", "/dev"),
    # Sockets through which the machine is controlled, and secrets that live in memory.
    *("/run", "/var/run"),
)
_SECRETS = (
    # Keys, and the stores of passwords.
    *(".ssh", ".gnupg", ".pki", ".password-store", ".local/share/keyrings", "Library/Keychains"),
    *(".local/share/kwalletd", ".config/op", ".config/sops", ".config/age"),
    # Clouds and clusters.
    *(".aws", ".azure", ".kube", ".docker", ".oci", ".terraform.d", ".config/gcloud"),
    *(".config/doctl", ".config/rclone", ".config/containers", ".vault-token"),
    # Code hosts, package registries, databases.
    *(".netrc", ".git-credentials", ".config/git/credentials", ".config/gh", ".config/hub"),
    *(".config/glab-cli", ".npmrc", ".pypirc", ".gem/credentials", ".cargo/credentials.toml"),
    *(".m2/settings.xml", ".gradle/gradle.properties", ".pgpass", ".my.cnf"),
    # Browsers and mail: sessions that are logged in.
    *(".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium"),
    *(".config/BraveSoftware", ".config/microsoft-edge", "snap/firefox", "snap/chromium"),
    *("Library/Application Support/Google/Chrome", "Library/Application Support/Firefox"),
    *("Library/Cookies", "Library/Safari"),
    # Agents: what they are logged in with, and the tokens that their configurations hold.
    *(".claude.json", ".claude/.credentials.json", ".codex/auth.json"),
)
_CLIENTS = (
    # Whoever writes here decides which servers an agent starts.
    *(".claude.json", ".claude", ".codex", ".cursor", ".vscode", ".gemini", ".codeium"),
    *(".continue", ".config/Claude", ".config/Code/User", ".config/zed"),
    *("Library/Application Support/Claude", "Library/Application Support/Code/User"),
)
_STARTED = (
    # Whoever writes here decides what a login, a shell, an editor or git runs.
    *(".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc"),
    *(".gitconfig", ".vimrc", ".config/git", ".config/fish", ".config/nvim", ".config/systemd"),
    *(".config/autostart", ".local/share/systemd", ".local/bin", "bin", "Library/LaunchAgents"),
)
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/var/spool/cron")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """Places that no grant may reach.

    Attributes:
        read: Never granted at all: refused when the granted directory is one, contains one
            or lies inside one. They need not exist.
        write: The same, for writable directories only.
        home: Refused when the granted directory is it or contains it.
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    home: Path | None


def protected(
    own: Directories, home: Path | None, files: Iterable[Path], secrets: Iterable[Path] = ()
) -> Protected:
    """The places to keep away from, for the project whose policy is in force.

    Args:
        own: Hatchway's own directories, all four refused for reading too.
        home: The user's, below which secrets, client configurations and what is started at
            login are known by name.
        files: Policy, lockfile, sidecars and artifacts of the project: not to be written.
        secrets: Files that hold secrets of tools: not to be read by any.
    """
    bases = (own.config, own.data, own.state, own.cache)
    return Protected(
        read=_each((*bases, *map(Path, _SYSTEM), *_named(own, home, _SECRETS), *secrets)),
        write=_each(
            (*files, *_named(own, home, (*_CLIENTS, *_STARTED)), *map(Path, _PROGRAMS)),
        ),
        home=home,
    )


def _named(own: Directories, home: Path | None, names: Iterable[str]) -> Iterator[Path]:
    """Where `names` are below home, and where the variables of XDG put them instead."""
    for name in names:
        if home is not None:
            yield home / name
        for prefix, moved in ((".config/", own.config), (".local/share/", own.data)):
            if name.startswith(prefix):
                yield moved.parent / name.removeprefix(prefix)


def _each(places: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(place.absolute() for place in places))
