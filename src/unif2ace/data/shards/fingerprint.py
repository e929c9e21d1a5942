"""Fingerprint of the content of a shard folder, independent of its path."""

from __future__ import annotations

import hashlib
import json

from unif2ace.data.shards.index import Index


def index_fingerprint(index: Index) -> str:
    """Hash of an index's content: its samples' places, and size and hash of each shard.

    Args:
        index: Index of the folder.

    Returns:
        64 hexadecimal characters; the same for a copy of the folder under any name.
    """
    header = index.header()
    content = {name: header[name] for name in ("places_sha256", "extensions", "shards")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
