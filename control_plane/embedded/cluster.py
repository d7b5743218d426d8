"""A PostgreSQL data folder of our own, and how PostgreSQL's programs are run on it.

As root they run as another account, which may not be able to enter the folders above the data.
They are started *in* the data folder and know it as `/proc/self/cwd`, which the kernel resolves
without looking at those.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import IO

from control_plane.embedded.binaries import Account, account_for, find_programs
from control_plane.embedded.errors import MachineError
from control_plane.embedded.tether import tethered

OWNER = "autoloader"


class Cluster:
    """The files of a server: its data, its log, its lock, and the password of its owner."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data = folder / "cluster"
        self.lock = folder / "server.lock"
        self._partial = folder / "cluster.partial"
        self._log = folder / "postgres.log"
        self._password = folder / "password"
        self._account = account_for(self.data)
        self._programs = find_programs(self._account)

    async def make(self) -> str:
        """Makes the data on first use, whole or not at all; answers the owner's password.

        Raises MachineError when initdb fails.
        """
        password = _draw_once(self._password)
        if not self.data.exists():
            self._empty(self._partial)
            await self._initialise(password)
            self._partial.rename(self.data)
        return password

    async def run(
        self,
        program: str,
        *options: str,
        folder: Path,
        stdin: IO[str] | None = None,
        keep: tuple[int, ...] = (),
    ) -> asyncio.subprocess.Process:
        """Starts a program in a data folder, out of reach of the terminal's Ctrl-C; it inherits the files of `keep`."""
        data = "/proc/self/cwd" if sys.platform == "linux" else str(folder)
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._tethered(program, "-D", data, *options),
                cwd=folder,
                stdin=stdin or asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=keep,
                start_new_session=True,
            )

    def _tethered(self, program: str, *options: str) -> list[str]:
        command = (str(self._programs / program), *options)
        return tethered(command, uid=self._account.uid, gid=self._account.gid)

    def last_words(self) -> str:
        """What the program that ran last said last."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])

    def _empty(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        os.chown(folder, self._account.uid, self._account.gid)

    async def _initialise(self, password: str) -> None:
        with _pipe(password, self._account) as stdin:
            initdb = await self.run(
                "initdb",
                *("--username", OWNER, "--auth", "scram-sha-256", "--pwfile", "/dev/stdin"),
                *("--locale", "C", "--encoding", "UTF8"),
                folder=self._partial,
                stdin=stdin,
            )
        if await initdb.wait() != 0:
            raise MachineError(f"PostgreSQL's initdb failed: {self.last_words()}")


def _draw_once(path: Path) -> str:
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_urlsafe(24))
        partial.rename(path)
    return path.read_text()


def _pipe(text: str, account: Account) -> IO[str]:
    """A pipe that holds a text, and that the account may open by its name."""
    reader, writer = os.pipe()
    with open(writer, "w") as pipe:
        pipe.write(text)
    if not account.is_ours:
        os.fchown(reader, account.uid, account.gid)
    return open(reader)
