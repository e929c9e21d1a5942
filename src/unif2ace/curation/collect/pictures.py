"""Finds all pictures below a folder and in its zip and tar archives, each with the JSON file beside it."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final

from unif2ace.data.shards import SampleFault
from unif2ace.data.shards.decode import decode_json
from unif2ace.data.shards.images import SUFFIXES
from unif2ace.data.shards.tar import scan_tar
from unif2ace.data.sources.paths import existing_folder, unique_keys
from unif2ace.errors import DataError

MAX_BYTES: Final = 1 << 28
"""Maximum size of a picture's file in bytes. The size stated in an archive is checked before unpacking."""
ZIPS, TARS = (".zip",), (".tar",)
PACKED: Final = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar", ".gz")
"""Archives without random access."""


@lru_cache(maxsize=8)
def _archive(path: str) -> zipfile.ZipFile:
    """An open zip file. The cache avoids reading its long directory more than once per process."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file on disk or in an archive.

    Attributes:
        path: Path of the file or of the archive.
        member: Name in a zip archive; empty for other files.
        offset: Byte offset in a tar archive; -1 for other files.
        length: Length of the file in bytes.
    """

    path: str
    member: str = ""
    offset: int = -1
    length: int = 0

    def read(self) -> bytes:
        """The bytes of the file.

        Raises:
            SampleFault: If the file cannot be read, is damaged or encrypted, or exceeds `MAX_BYTES`.
        """
        if self.length > MAX_BYTES:
            raise SampleFault("size", f"the file has {self.length:,} bytes, more than the limit of {MAX_BYTES:,}")
        try:
            if self.member:
                return _archive(self.path).read(self.member)
            with Path(self.path).open("rb") as file:
                return os.pread(file.fileno(), self.length, max(self.offset, 0))
        except OSError as error:
            raise SampleFault("read", f"the file cannot be read: {error.strerror or error}") from error
        except Exception as error:  # a damaged zip raises many kinds; an encrypted one a RuntimeError
            raise SampleFault("read", f"the file cannot be unpacked: {error}") from error


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture found in a folder or archive.

    Attributes:
        key: Unique key of the characters ``a-z0-9_-``.
        name: Path below the folder; the path includes archives, such as ``a/b.zip/c.jpg``.
        file: Location of the picture.
        facts: Location of the JSON file beside the picture; None if there is none.
        license: License from the table of licenses or the configuration; empty if unknown.
        source: Source from the table of licenses; empty if unknown.
        identity: Name of the person from the table of licenses; empty if unknown.
    """

    key: str
    name: str
    file: FileRef
    facts: FileRef | None = None
    license: str = ""
    source: str = ""
    identity: str = ""

    def read_facts(self) -> dict[str, Any]:
        """The JSON beside the picture; empty if there is none.

        Raises:
            SampleFault: If the JSON is damaged or not an object.
        """
        if self.facts is None:
            return {}
        tree = decode_json(self.facts.read())
        if not isinstance(tree, dict):
            raise SampleFault("json", "the JSON beside the picture is not an object")
        return tree


@dataclass(frozen=True, slots=True)
class FoundPictures:
    """Pictures below a folder.

    Attributes:
        pictures: The pictures, sorted by name.
        others: Number of skipped files, by suffix.
        faults: One message for each archive that cannot be read.
    """

    pictures: tuple[FoundPicture, ...]
    others: Mapping[str, int]
    faults: tuple[str, ...]

    def fingerprint(self) -> str:
        """Hash of the names and lengths of all pictures and their JSON files."""
        digest = sha256()
        for picture in self.pictures:
            facts = picture.facts.length if picture.facts else -1
            line = f"{picture.name}\0{picture.file.length}\0{facts}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_pictures(path: str | Path, name: str) -> FoundPictures:
    """Finds the pictures below a folder or in an archive. Hidden files and linked folders are skipped.

    Args:
        path: A folder, or a single zip or tar archive.
        name: Prefix of the keys.

    Raises:
        DataError: If no picture is found.
    """
    place = Path(path).expanduser()
    one = place.is_file() and place.suffix.lower() in (*ZIPS, *TARS)
    folder = place.parent if one else existing_folder(path, "path")
    found: dict[str, FileRef] = {}
    faults: list[str] = []
    others = Counter[str]()
    for file, stated in [(place.name, place)] if one else _walk(folder, others):
        suffix = Path(file).suffix.lower()
        if file.lower().endswith(PACKED):
            faults.append(f"{file}: this archive format has no random access; unpack it, or repack it as .zip or .tar")
        elif suffix in (*ZIPS, *TARS):
            try:
                members = _zip(stated) if suffix in ZIPS else _tar(stated)
                found.update({f"{file}/{member}": ref for member, ref in members})
            except (SampleFault, OSError, zipfile.BadZipFile, NotImplementedError) as error:
                faults.append(f"{file}: {error}")
        else:
            found[file] = FileRef(str(stated), length=stated.stat().st_size)
    pictures = sorted(name for name in found if name.lower().endswith(SUFFIXES))
    others.update(_suffix(name) for name in found if not name.lower().endswith((*SUFFIXES, ".json")))
    if not pictures:
        holds = "; ".join([f"{number} {what}" for what, number in others.most_common(8)] + faults[:3]) or "nothing"
        raise DataError(
            f"path={path}: no pictures ({', '.join(SUFFIXES)}) below this folder or in its archives; it holds {holds}"
        )
    keys = unique_keys([p.rpartition(".")[0] for p in pictures], pictures, f"{name}-")
    made = [
        FoundPicture(key, p, found[p], found.get(f"{p.rpartition('.')[0]}.json"))
        for key, p in zip(keys, pictures, strict=True)
    ]
    return FoundPictures(tuple(made), dict(others.most_common()), tuple(faults))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower() or "file without a suffix"


def _walk(folder: Path, others: Counter[str]) -> Iterator[tuple[str, Path]]:
    """Yields (relative path, path) of each file. Counts hidden files, linked folders and broken links in `others`."""
    for place, folders, files in os.walk(folder):
        for name in [f for f in folders if f.startswith(".") or Path(place, f).is_symlink()]:
            others["hidden folder" if name.startswith(".") else "linked folder"] += 1
            folders.remove(name)
        for name in files:
            if name.startswith("."):
                others["hidden file"] += 1
            elif not Path(place, name).is_file():
                others["broken link"] += 1
            else:
                yield Path(place, name).relative_to(folder).as_posix(), Path(place, name)


def _zip(path: Path) -> list[tuple[str, FileRef]]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and _is_visible(entry.filename)]
    return [(entry.filename, FileRef(str(path), entry.filename, length=entry.file_size)) for entry in entries]


def _tar(path: Path) -> list[tuple[str, FileRef]]:
    members = [member for member in scan_tar(path) if member.length >= 0 and _is_visible(member.name)]
    return [(member.name, FileRef(str(path), offset=member.offset, length=member.length)) for member in members]


def _is_visible(name: str) -> bool:
    """Whether a name in an archive has no hidden part and no ``__MACOSX`` part, which macOS adds."""
    parts: Sequence[str] = PurePosixPath(name).parts
    return not name.endswith("/") and not any(part.startswith((".", "__MACOSX")) for part in parts)
