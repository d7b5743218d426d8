"""What leases left beside a table, by lease, and the objects there that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from executor.beside import FOLDER, Objects
from executor.manifests import (
    Manifest,
    Marker,
    Name,
    Unreadable,
    decode_manifest,
    decode_marker,
    is_bywork,
    name_of,
)

_READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Left:
    """What one lease left: a manifest for each attempt, and a mark when it was published."""

    manifests: tuple[Manifest, ...] = ()
    marker: Marker | None = None

    def manifest_of(self, snapshot_ids: Iterable[int | None], *, table_id: str) -> Manifest | None:
        """The manifest of the attempt that staged one of these snapshots of the table."""
        wanted = set(snapshot_ids)
        for manifest in self.manifests:
            if manifest.staged.table_uuid == table_id and manifest.staged.staged_snapshot_id in wanted:
                return manifest
        return None


@dataclass(slots=True)
class Remains:
    """Reads only what is asked for: a folder may have hundreds of thousands of manifests, of which few matter.

    `troubles` names the objects that are no manifests, or not whole, as they are found.
    """

    objects: Objects
    troubles: list[str] = field(default_factory=list)
    _names: dict[str, list[tuple[str, Name]]] = field(default_factory=dict)

    def list_names(self) -> None:
        for text in sorted(self.objects.names()):
            if (name := name_of(text)) is not None:
                self._names.setdefault(name.lease_id, []).append((text, name))
            elif not is_bywork(text):
                self.troubles.append(f"{FOLDER}/{text}: is none of Autoloader's; move it away")

    def ingestion_of(self, lease_id: str) -> str | None:
        """The ingestion in whose folder the lease left something."""
        names = self._names.get(lease_id)
        return names[0][1].ingestion if names else None

    def leases_of(self, ingestion: str) -> set[str]:
        return {lease for lease, names in self._names.items() if names[0][1].ingestion == ingestion}

    def read(self, leases: Iterable[str]) -> dict[str, Left]:
        wanted = [lease for lease in leases if lease in self._names]
        with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
            return dict(zip(wanted, threads.map(self._left, wanted), strict=True))

    def _left(self, lease_id: str) -> Left:
        manifests: list[Manifest] = []
        marker: Marker | None = None
        for text, name in self._names[lease_id]:
            try:
                content = self.objects.read(text)
                if name.attempt is None:
                    marker = decode_marker(content)
                else:
                    manifests.append(decode_manifest(content, name))
            except Unreadable as error:
                self.troubles.append(f"{FOLDER}/{text}: {error}; it was passed over")
        return Left(tuple(manifests), marker)
