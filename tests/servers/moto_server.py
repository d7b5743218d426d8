"""moto as an S3 server in this process, with authentication on: needs Python alone, and is slow."""

from __future__ import annotations

import json
import logging
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.servers.server import REGION, S3Keys


@dataclass(frozen=True, slots=True)
class MotoServer:
    """An S3Server that keeps odd keys (but no newline in one)."""

    endpoint: str
    admin: S3Keys
    keeps_odd_keys: bool = True

    def user(self, bucket: str, *actions: str) -> S3Keys:
        """Makes a user with these rights on a bucket alone."""
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        return _make_user(self.endpoint, self.admin, actions=list(actions), resources=resources)


@contextmanager
def running_moto() -> Iterator[MotoServer]:
    """Runs a server on a free port. Its buckets belong to the process, and outlive it there."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        _post(f"{endpoint}/moto-api/reset-auth", "inf")
        admin = _make_user(endpoint, S3Keys("any", "any"), actions=["*"], resources=["*"])
        _post(f"{endpoint}/moto-api/reset-auth", "0")
        yield MotoServer(endpoint, admin)
    finally:
        server.stop()


def _make_user(endpoint: str, creator: S3Keys, *, actions: list[str], resources: list[str]) -> S3Keys:
    name = f"user-{uuid.uuid4().hex}"
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with closing(_iam(endpoint, creator)) as iam:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
    return S3Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _iam(endpoint: str, keys: S3Keys) -> Any:
    return boto3.session.Session().client(
        "iam",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
    )


def _post(url: str, body: str) -> None:
    request = urllib.request.Request(url, data=body.encode(), headers={"Content-Type": "text/plain"}, method="POST")
    with urllib.request.urlopen(request) as response:
        response.read()
