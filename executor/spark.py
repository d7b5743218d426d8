"""The Spark sessions: how they start, what they refuse, and who may use which."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from executor.errors import StartRefused
from executor.jars import installed, read_lock
from executor.java import java_home

_ICEBERG_CATALOG = "org.apache.iceberg.spark."
_ICEBERG_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
# Settings that would divert our writes, or turn a loss of rows into success.
_REFUSED = ("spark.wap.id", "spark.wap.branch")
_LOSSLESS = {
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.session.timeZone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkSettings:
    """`master` is Spark's, or `sc://host:port` for Spark Connect; `conf` goes to Spark as it is."""

    master: str = "local[*]"
    conf: Mapping[str, str] = field(default_factory=dict)
    data_folder: Path
    default_catalog: str

    @property
    def is_connect(self) -> bool:
        return self.master.startswith("sc://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The warm sessions of this process.

    `publisher` cannot delete files, so that a replayed publication cannot take away what it
    published. Loaders are lent to one lease at a time, since each lease has its own settings.
    """

    loader: SparkSession
    publisher: SparkSession
    default_catalog: str
    has_local_warehouse: bool
    new_loader: Callable[[], SparkSession]
    idle_loaders: list[SparkSession]
    opened: ExitStack
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def lend_loader(self) -> Iterator[SparkSession]:
        with self.lock:
            spark = self.idle_loaders.pop() if self.idle_loaders else None
        spark = spark or self.new_loader()
        try:
            yield spark
        finally:
            with self.lock:
                self.idle_loaders.append(spark)

    def make_durable(self) -> None:
        """Forces what was written to this machine's disks, if a table may be there."""
        if self.has_local_warehouse:
            os.sync()


def start(settings: SparkSettings) -> Sessions:
    """Starts, or connects to, Spark. Raises StartRefused on settings that could lose rows."""
    _refuse_danger(settings.conf)
    # It shouts at each table that is not there yet.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    opened = ExitStack()
    try:
        return _opened(settings, opened)
    except BaseException:
        opened.close()
        raise


def stop(sessions: Sessions) -> None:
    """Ends them all: one that is left counts as the active one of its thread, though its server may be gone."""
    sessions.opened.close()


def _opened(settings: SparkSettings, opened: ExitStack) -> Sessions:
    root = _connect(settings, opened) if settings.is_connect else _launch(settings, opened)
    conf = _catalog_conf(root)
    _refuse_danger(conf)
    catalogs = _iceberg_catalogs(conf)
    if settings.default_catalog not in catalogs:
        raise StartRefused(
            f"`spark.sql.catalog.{settings.default_catalog}` is not an Iceberg catalog in Spark's "
            f"configuration; it has: {', '.join(sorted(catalogs)) or 'none'}."
        )

    def new_session(**more: str) -> SparkSession:
        spark = _connect(settings, opened) if settings.is_connect else root.newSession()
        for key, value in {**_forced(catalogs), **more}.items():
            spark.conf.set(key, value)
        _refuse_danger({key: spark.conf.get(key, None) or "" for key in _REFUSED})
        return spark

    no_deletes = {f"spark.sql.catalog.{catalog}.s3.delete-enabled": "false" for catalog in catalogs}
    loader = new_session()
    return Sessions(
        loader=loader,
        publisher=new_session(**no_deletes),
        default_catalog=settings.default_catalog,
        has_local_warehouse=any(_is_local(conf, catalog) for catalog in catalogs),
        new_loader=new_session,
        idle_loaders=[loader],
        opened=opened,
    )


def _launch(settings: SparkSettings, opened: ExitStack) -> SparkSession:
    """A Spark driver in this process's own JVM, with the locked jars."""
    home = java_home(settings.data_folder)
    jars = installed(settings.data_folder, java_home=home, conf=settings.conf, lock=read_lock())
    os.environ["JAVA_HOME"] = str(home)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not os.environ.get("LC_ALL") and "UTF-8" not in os.environ.get("LANG", ""):
        os.environ["LC_ALL"] = "C.UTF-8"  # else Java cannot name a file beyond ASCII
    builder = SparkSession.builder.appName("autoloader").master(settings.master)
    for key, value in _launch_conf(settings, jars).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    opened.callback(session.stop)
    return session


def _launch_conf(settings: SparkSettings, jars: tuple[Path, ...]) -> dict[str, str]:
    user = dict(settings.conf)
    conf = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
    if settings.master.startswith("local"):
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    conf |= user | _forced(_iceberg_catalogs(user))
    # Out of memory, a driver would live on with threads that died, and Spark tell of no file but of an error in itself.
    # The user's options come later, and win.
    conf["spark.driver.defaultJavaOptions"] = _joined(
        " ", "-XX:+ExitOnOutOfMemoryError", user.get("spark.driver.defaultJavaOptions")
    )
    ours = [str(jar) for jar in jars]
    conf["spark.jars"] = _joined(",", user.get("spark.jars"), *ours)
    conf["spark.driver.extraClassPath"] = _joined(":", user.get("spark.driver.extraClassPath"), *ours)
    conf["spark.sql.extensions"] = _joined(",", user.get("spark.sql.extensions"), _ICEBERG_EXTENSIONS)
    return conf


def _joined(separator: str, *parts: str | None) -> str:
    return separator.join(dict.fromkeys(part for part in parts if part))


def _connect(settings: SparkSettings, opened: ExitStack) -> SparkSession:
    builder = SparkSession.builder.remote(settings.master)
    for key, value in settings.conf.items():
        builder = builder.config(key, value)
    session: SparkSession = builder.create()
    opened.callback(_disconnect, session)
    return session


def _disconnect(session: Any) -> None:
    """Tells the server once: it may be gone, and ends sessions that nobody uses by itself."""
    session.client.set_retry_policies([])
    session.stop()


def _forced(catalogs: frozenset[str]) -> dict[str, str]:
    # A cached table would show an old head of main, and the floor check would pass on it.
    fresh = {f"spark.sql.catalog.{catalog}.cache-enabled": "false" for catalog in catalogs}
    return _LOSSLESS | fresh


def _iceberg_catalogs(conf: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        key.removeprefix("spark.sql.catalog.")
        for key, value in conf.items()
        if _names_catalog(key) and value.startswith(_ICEBERG_CATALOG)
    )


def _catalog_conf(spark: SparkSession) -> dict[str, str]:
    """What is set in the session for catalogs, and what we refuse. SET itself hides some values."""
    keys = [row["key"] for row in spark.sql("SET").collect()]
    wanted = [key for key in keys if key.startswith("spark.sql.catalog.") or key in _REFUSED]
    return {key: spark.conf.get(key) or "" for key in wanted}


def _names_catalog(key: str) -> bool:
    return key.startswith("spark.sql.catalog.") and key.count(".") == 3


def _refuse_danger(conf: Mapping[str, str]) -> None:
    for key in _REFUSED:
        if conf.get(key):
            raise StartRefused(f"`{key}` is set: it would divert our writes. Unset it.")
    for catalog in _iceberg_catalogs(conf):
        _refuse_catalog_that_deletes(conf, f"spark.sql.catalog.{catalog}.")


def _refuse_catalog_that_deletes(conf: Mapping[str, str], prefix: str) -> None:
    """A JDBC catalog over a network may lie about a lost commit; only S3FileIO cannot then delete."""
    is_jdbc = conf.get(prefix + "type") == "jdbc" or conf.get(prefix + "catalog-impl", "").endswith(".JdbcCatalog")
    is_file = conf.get(prefix + "uri", "").startswith("jdbc:sqlite:")
    if is_jdbc and not is_file and not conf.get(prefix + "io-impl", "").endswith(".S3FileIO"):
        raise StartRefused(
            f"`{prefix}uri` is a JDBC catalog over a network without S3FileIO. After a lost answer it "
            f"could delete what it just committed. Set `{prefix}io-impl` to "
            "org.apache.iceberg.aws.s3.S3FileIO, or use another catalog."
        )


def _is_local(conf: Mapping[str, str], catalog: str) -> bool:
    return conf.get(f"spark.sql.catalog.{catalog}.warehouse", "").startswith(("file:", "/"))
