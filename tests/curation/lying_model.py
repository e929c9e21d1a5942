"""Synthetic faces as shards, and a "model" on loopback that describes them with lies at a known rate."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat_server import Answer, images, user_text

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.shards import Metadata, Sample, ShardReader, ShardWriter
from unif2ace.data.shards.encode import encode_jpeg
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.language import ask_questions, write_caption
from unif2ace.language.rewriting import consistent

RATE = 0.1


def write_faces(folder: Path, count: int, per_shard: int = 20, labelled: bool = True) -> dict[str, AttributeRecord]:
    """Writes synthetic faces of 64 pixels without captions; returns their records."""
    source = SyntheticSource(count, 64, seed=5)
    records = {}
    with ShardWriter(folder, per_shard) as writer:
        for index, item in enumerate(source.items(range(count))):
            records[source.key(index)] = item.record
            metadata = Metadata("synthetic", "CC0-1.0", attributes=item.record if labelled else {})
            writer.write(Sample(source.key(index), encode_jpeg(item.image, 95), "jpg", metadata))
    return records


def lie(record: AttributeRecord, seed: str, rate: float = RATE) -> AttributeRecord:
    """The record with each known value changed with a probability."""
    rng = random.Random(seed)
    told: dict[str, Any] = {}
    for name, value in record.to_json().items():
        if value is None or name not in TAXONOMY.fields:
            continue
        others = [other for other in TAXONOMY.fields[name].values if other != value]
        told[name] = rng.choice(others) if rng.random() < rate else value
    return AttributeRecord(consistent(told))


def lying_model(
    folder: Path, records: dict[str, AttributeRecord], special: Callable[[str, int], Answer | None] = lambda *_: None
) -> Callable[[int, dict[str, Any]], Answer]:
    """Answers of the server: captions for pictures, questions for texts.

    Args:
        folder: The faces.
        records: What is true of them.
        special: Called with the key (of a picture) or the text, and the number of the request; may answer otherwise.
    """
    keys = {sample.image: sample.key for sample in ShardReader(folder)}

    def answer(number: int, body: dict[str, Any]) -> Answer:
        pictures = images(body)
        key = keys[base64.b64decode(pictures[0].partition(",")[2])] if pictures else user_text(body)
        if found := special(key, number):
            return found
        if pictures:
            return Answer(json.dumps({"caption": write_caption(lie(records[key], key), len(key))}))
        record = records[next(iter(records))]  # of another face: some answers are wrong
        rows = [question._asdict() for question in ask_questions(record, len(key), 8)]
        return Answer(json.dumps({"questions": rows}))

    return answer


def asked_key(folder: Path) -> Callable[[dict[str, Any]], str]:
    """Gives the key of the picture in a request."""
    keys = {sample.image: sample.key for sample in ShardReader(folder)}
    return lambda body: keys[base64.b64decode(images(body)[0].partition(",")[2])]
