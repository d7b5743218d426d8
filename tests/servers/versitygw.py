"""versitygw as an S3 server: a real process with real signatures, users and bucket policies."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.server import S3Keys, client_of

START_SECONDS = 20
STOP_SECONDS = 10


def find_versitygw() -> str | None:
    """Finds the program: AUTOLOADER_TEST_VERSITYGW, the PATH, or where Go installs."""
    if chosen := os.environ.get("AUTOLOADER_TEST_VERSITYGW"):
        return chosen
    go_folder = os.environ.get("GOBIN", str(Path.home() / "go" / "bin"))
    return shutil.which("versitygw") or shutil.which("versitygw", path=go_folder)


@dataclass(frozen=True, slots=True)
class Versitygw:
    """An S3Server that tidies keys: `a//b` becomes `a/b` without a word."""

    program: str
    endpoint: str
    admin_endpoint: str
    admin: S3Keys
    keeps_odd_keys: bool = False
    _grants: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def user(self, bucket: str, *actions: str) -> S3Keys:
        """Makes a user with these rights on a bucket alone, through the bucket's policy."""
        keys = S3Keys(f"user-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex)
        self._administer(
            "create-user",
            *("--access", keys.access_key_id, "--secret", keys.secret_access_key, "--role", "user"),
        )
        granted = self._grants.setdefault(bucket, {})
        granted[keys.access_key_id] = list(actions)
        with closing(client_of(self)) as client:
            client.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, granted))
        return keys

    def _administer(self, *arguments: str) -> None:
        environment = os.environ | {
            "ADMIN_ACCESS_KEY_ID": self.admin.access_key_id,
            "ADMIN_SECRET_ACCESS_KEY": self.admin.secret_access_key,
            "ADMIN_ENDPOINT_URL": self.admin_endpoint,
        }
        command = [self.program, "admin", *arguments]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=30)


@contextmanager
def running_versitygw() -> Iterator[Versitygw | None]:
    """Runs a server over an empty folder; gives None where the program is not installed."""
    program = find_versitygw()
    if program is None:
        yield None
        return
    admin = S3Keys("root-user", uuid.uuid4().hex)
    address, admin_address = (f"127.0.0.1:{port}" for port in _free_ports(2))
    with tempfile.TemporaryDirectory(prefix="versitygw-") as folder:
        process = _start(program, Path(folder), admin, [address, admin_address])
        try:
            _wait_for(process, [address, admin_address])
            yield Versitygw(program, f"http://{address}", f"http://{admin_address}", admin)
        finally:
            _stop(process)


def _start(program: str, folder: Path, admin: S3Keys, addresses: list[str]) -> subprocess.Popen[bytes]:
    for name in ("iam", "data", "versions"):
        (folder / name).mkdir()
    address, admin_address = addresses
    return subprocess.Popen(
        [
            *(program, "--quiet", "--port", address, "--admin-port", admin_address),
            *("--iam-dir", str(folder / "iam"), "posix"),
            *("--versioning-dir", str(folder / "versions"), str(folder / "data")),
        ],
        env=os.environ
        | {
            "ROOT_ACCESS_KEY_ID": admin.access_key_id,
            "ROOT_SECRET_ACCESS_KEY": admin.secret_access_key,
        },
        stdout=subprocess.DEVNULL,
    )


def _wait_for(process: subprocess.Popen[bytes], addresses: list[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    for address in addresses:
        host, _, port = address.partition(":")
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"versitygw does not answer at {address}") from error
                time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def _policy(bucket: str, granted: dict[str, list[str]]) -> str:
    statements = []
    for access_key_id, actions in granted.items():
        for action in actions:
            is_bucket_wide = action == "s3:ListBucket"
            resource = f"arn:aws:s3:::{bucket}" + ("" if is_bucket_wide else "/*")
            statements.append(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": [access_key_id]},
                    "Action": [action],
                    "Resource": [resource],
                }
            )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
