"""Where an SQLite store keeps files.

MLflow stores absolute addresses, so a project that was moved or copied has those of the old folder.
"""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

FOLDER = "mlartifacts"
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def own_folder(store: Path) -> Path:
    """Where the runs of a store keep their files: beside it."""
    return store.resolve().parent / FOLDER


def foreign_folder(address: str | None, store: Path) -> Path | None:
    """The `mlartifacts` of another project that an address is in; None for any other address."""
    parts = urlsplit(address or "")
    path = Path(url2pathname(parts.path))
    if parts.scheme != "file" or FOLDER not in path.parts:
        return None
    folder, own = Path(*path.parts[: path.parts.index(FOLDER) + 1]), own_folder(store)
    same = folder == own or (folder.exists() and own.exists() and folder.samefile(own))
    return None if same else folder


def foreign_folders(store: Path) -> Counter[Path]:
    """Folders of other projects in the addresses of a store, with the number of addresses."""
    with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as base:
        rows = [row for table, column in ADDRESSES for row in _rows(base, table, column)]
    return Counter(f for _, address in rows if (f := foreign_folder(address, store)) is not None)


def use_own_folder(store: Path, experiment_id: str) -> None:
    """Make new runs of an experiment keep their files beside the store."""
    with closing(sqlite3.connect(store)) as base, base:
        base.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (own_folder(store).as_uri(), experiment_id),
        )


@dataclass
class Repair:
    """What `repair` did: the backup, the number of changes, and addresses that it left."""

    backup: Path
    changed: int = 0
    left: list[str] = field(default_factory=list)


def repair(store: Path) -> Repair:
    """Change addresses in other project folders to this one, after a backup beside the store.

    An address whose files exist at the old place and not at the new one is left.
    """
    done = Repair(store.with_name(f"{store.name}.{time.strftime('%Y%m%d-%H%M%S')}.backup"))
    with closing(sqlite3.connect(store)) as base:
        with closing(sqlite3.connect(done.backup)) as copy:
            base.backup(copy)
        with base:
            for table, column in ADDRESSES:
                for row, address in _rows(base, table, column):
                    folder = foreign_folder(address, store)
                    if folder is None:
                        continue
                    old = Path(url2pathname(urlsplit(address).path))
                    new = own_folder(store) / old.relative_to(folder)
                    if table != "experiments" and old.exists() and not new.exists():
                        done.left.append(address)
                        continue
                    change = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608 - our names
                    base.execute(change, (new.as_uri(), row))
                    done.changed += 1
    return done


def _rows(base: sqlite3.Connection, table: str, column: str) -> list[tuple[int, str]]:
    known = {name for _, name, *_ in base.execute(f"PRAGMA table_info({table})")}
    if column not in known:
        return []
    return base.execute(f"SELECT rowid, {column} FROM {table}").fetchall()  # noqa: S608 - our names
