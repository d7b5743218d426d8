"""Tables with a catalog in PostgreSQL and files in a bucket: for Spark, and for an independent reader."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
from pyiceberg.table import StaticTable, Table

from tests.e2e.lake import CATALOG, TableContent, content_of
from tests.e2e.places import Bucket
from tests.servers.server import REGION

LOCATION = """
    SELECT metadata_location
    FROM iceberg_tables
    WHERE table_namespace = $1 AND table_name = $2
"""

MOVE = """
    UPDATE iceberg_tables
    SET metadata_location = $4,
        previous_metadata_location = $3
    WHERE table_namespace = $1 AND table_name = $2 AND metadata_location = $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLake:
    """`address` is where Spark finds the database, if not at the host and port of its url.

    Every statement is sent in words, so that a wire between can tell what it carries.
    """

    database_url: str
    warehouse: Bucket
    address: str = ""

    def spark_conf(self) -> dict[str, str]:
        url, keys = urlsplit(self.database_url), self.warehouse.server.admin
        prefix, address = f"spark.sql.catalog.{CATALOG}", self.address or f"{url.hostname}:{url.port}"
        return {
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            f"{prefix}.type": "jdbc",
            f"{prefix}.uri": f"jdbc:postgresql://{address}{url.path}?prepareThreshold=0",
            f"{prefix}.jdbc.user": url.username or "",
            f"{prefix}.jdbc.password": url.password or "",
            f"{prefix}.jdbc.schema-version": "V1",
            f"{prefix}.warehouse": f"s3://{self.warehouse.name}/warehouse",
            f"{prefix}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            f"{prefix}.client.region": REGION,
            f"{prefix}.s3.endpoint": self.warehouse.server.endpoint,
            f"{prefix}.s3.path-style-access": "true",
            f"{prefix}.s3.access-key-id": keys.access_key_id,
            f"{prefix}.s3.secret-access-key": keys.secret_access_key,
        }

    async def read(self, table: str) -> TableContent:
        """What a reader sees in the table now."""
        loaded = await self.load(table)
        assert loaded, f"there is no table {table}"
        return content_of(loaded)

    async def load(self, table: str) -> Table | None:
        """The table as it is now; None when it does not exist."""
        location = await self.location(table)
        return StaticTable.from_metadata(location, self.reader_properties()) if location else None

    async def location(self, table: str) -> str | None:
        """Where the table's metadata is now."""
        connection = await asyncpg.connect(self.database_url)
        try:
            location: str | None = await connection.fetchval(LOCATION, *table.split("."))
        finally:
            await connection.close()
        return location

    async def move(self, table: str, *, since: str, to: str) -> bool:
        """Commits what a table became since it was at a location; whether nobody else did before."""
        connection = await asyncpg.connect(self.database_url)
        try:
            done = await connection.execute(MOVE, *table.split("."), since, to)
        finally:
            await connection.close()
        return bool(done == "UPDATE 1")

    def reader_properties(self) -> dict[str, str]:
        keys = self.warehouse.server.admin
        return {
            "s3.endpoint": self.warehouse.server.endpoint,
            "s3.region": REGION,
            "s3.access-key-id": keys.access_key_id,
            "s3.secret-access-key": keys.secret_access_key,
        }
