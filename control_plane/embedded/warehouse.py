"""The Iceberg catalog and warehouse of one machine: a SQLite file and a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

CATALOG = "local"
# The one set of options under which races and kills left this catalog exact.
SQLITE_OPTIONS = "journal_mode=WAL&busy_timeout=30000&transaction_mode=IMMEDIATE"


class Warehouse:
    """The tables of a machine, for Spark that writes them and for PyIceberg that reads them."""

    def __init__(self, folder: Path) -> None:
        self._catalog_file = folder / "catalog.db"
        self._tables = folder / "warehouse"

    def spark_conf(self) -> dict[str, str]:
        """What makes the catalog known to Spark."""
        prefix = f"spark.sql.catalog.{CATALOG}"
        return {
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            f"{prefix}.type": "jdbc",
            f"{prefix}.uri": f"jdbc:sqlite:{self._catalog_file}?{SQLITE_OPTIONS}",
            f"{prefix}.jdbc.schema-version": "V1",
            f"{prefix}.warehouse": f"file://{self._tables}",
            f"{prefix}.cache-enabled": "false",
        }

    def executor_settings(self, control_plane: str) -> dict[str, str]:
        """What tells a child of ours, an executor or one of its commands, where the tables and the ledger are."""
        return {
            "control_plane": control_plane,
            "default_catalog": CATALOG,
            "spark_conf": json.dumps(self.spark_conf()),
            "exit_with_parent": "true",
        }

    def open(self) -> SqlCatalog:
        """The catalog, for PyIceberg in this process, which only the extra `embedded` brings."""
        from pyiceberg.catalog.sql import SqlCatalog

        return SqlCatalog(CATALOG, **self._pyiceberg_properties())

    def reading_lines(self, table: str) -> str:
        """Three lines of Python that read a table."""
        options = ", ".join(f"{key}={value!r}" for key, value in self._pyiceberg_properties().items())
        return "\n".join(
            [
                "from pyiceberg.catalog.sql import SqlCatalog",
                f"catalog = SqlCatalog({CATALOG!r}, {options})",
                f"print(catalog.load_table({table!r}).scan().to_arrow())",
            ]
        )

    def _pyiceberg_properties(self) -> dict[str, str]:
        return {
            "uri": f"sqlite:///{self._catalog_file}",
            "warehouse": f"file://{self._tables}",
        }
