"""Fingerprint of a shard folder's content, independent of the folder's path."""

from __future__ import annotations

import hashlib
import json

from unif2ace.data.shards.index import Index


def index_fingerprint(index: Index) -> str:
    """Hash of an index's content: the sample locations, and the size and hash of each shard.

    Args:
        index: Index of the shard folder.

    Returns:
        64 hexadecimal digits; a copy of the folder has the same hash.
    """
    header = index.header()
    content = {name: header[name] for name in ("places_sha256", "extensions", "shards")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
