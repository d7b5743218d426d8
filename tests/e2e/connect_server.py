"""A Spark Connect server from the jars that come with pyspark, with a lake's catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import grpc

from executor.jars import installed, read_lock
from executor.java import java_home
from tests.e2e.services import START_SECONDS, Service, free_ports

SERVER_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
# A JVM with a Spark takes ten seconds by itself, and minutes on a machine that is busy.
CONNECT_SECONDS = 4 * START_SECONDS
ICEBERG_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


class ConnectServer(Service):
    """Listens at `url` once it has started; it brings the locked jars along, as a cluster's operator would."""

    def __init__(self, folder: Path, *, spark_conf: Mapping[str, str], data_folder: Path) -> None:
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        self.url = f"sc://{self._address}"
        home = java_home(data_folder)
        jars = [str(jar) for jar in installed(data_folder, java_home=home, conf={}, lock=read_lock())]
        conf = {
            **spark_conf,
            "spark.master": "local[2]",
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(port),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraClassPath": ":".join(jars),
            "spark.jars": ",".join(jars),
            "spark.sql.extensions": ICEBERG_EXTENSIONS,
            "spark.ui.enabled": "false",
        }
        spark_home = Path(str(files("pyspark")))
        super().__init__(
            "Spark Connect server",
            command=[
                str(spark_home / "bin" / "spark-submit"),
                *("--class", SERVER_CLASS),
                *(word for key, value in conf.items() for word in ("--conf", f"{key}={value}")),
                "spark-internal",
            ],
            settings={"JAVA_HOME": str(home), "SPARK_HOME": str(spark_home)},
            log=folder / "connect.log",
        )

    async def start(self) -> None:
        await super().start()
        async with grpc.aio.insecure_channel(self._address) as channel, asyncio.timeout(CONNECT_SECONDS):
            await channel.channel_ready()
