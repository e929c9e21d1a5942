"""Exports parquet files that the Hugging Face hub can display."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from unif2ace.attributes import TAXONOMY
from unif2ace.data.export_formats.base import ExportFormat, all_captions, told
from unif2ace.data.shards import Sample
from unif2ace.data.sources.parquet_table import parquet_module
from unif2ace.errors import ConfigError

ROWS_OF_GROUP: Final = 100


class ParquetFormat(ExportFormat):
    """``data/SPLIT-00000.parquet``, ``data/SPLIT-00001.parquet``, ...; the pictures are stored in the files.

    Args:
        rows_per_file: Maximum number of rows per file.

    Raises:
        ConfigError: If `rows_per_file` is below 1.
    """

    name = "parquet"

    def __init__(self, rows_per_file: int = 5000) -> None:
        if rows_per_file < 1:
            raise ConfigError(f"export_format.rows_per_file={rows_per_file}: it must be 1 or more")
        self._rows = rows_per_file

    @property
    def data_files(self) -> str:
        """See the base class."""
        return "data/{split}-*.parquet"

    def check(self) -> None:
        """See the base class."""
        parquet_module()

    def write(self, samples: Iterator[Sample], out: Path, split: str) -> None:
        """See the base class."""
        import pyarrow as pa

        (out / "data").mkdir(parents=True, exist_ok=True)
        schema, number, written = _schema(), 0, self._rows
        rows: list[dict[str, Any]] = []
        writer: Any = None
        for sample in samples:
            if written == self._rows:
                if writer:
                    writer.close()
                path = out / "data" / f"{split}-{number:05d}.parquet"
                writer, number, written = parquet_module().ParquetWriter(path, schema), number + 1, 0
            rows.append(_row(sample))
            written += 1
            if len(rows) == ROWS_OF_GROUP or written == self._rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows = []
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        if writer:
            writer.close()

    def read_back(self, out: Path, split: str) -> str:
        """See the base class."""
        return f"unif2ace-data import parquet source.path={out / 'data'} source.files='{split}-*.parquet'"


def _row(sample: Sample) -> dict[str, Any]:
    origin = told(sample)
    return {
        "image": {"bytes": sample.image, "path": f"{sample.key}.{sample.extension}"},
        "captions": all_captions(sample),
        "questions": [question._asdict() for question in sample.metadata.qa],
        "attributes": sample.metadata.record.to_json(),
        **origin,
        "provenance": json.dumps(origin["provenance"], ensure_ascii=False),
    }


def _schema() -> Any:
    """Columns and types; the schema's metadata marks the picture column for the hub."""
    import pyarrow as pa

    text = pa.string()
    fields = {name: text if field.choices else pa.bool_() for name, field in TAXONOMY.fields.items()}
    labels = {name: pa.bool_() for name in TAXONOMY.labels if name not in fields}
    question = pa.struct({"question": text, "answer": text, "kind": text, "attribute": text})
    schema = pa.schema(
        {
            "image": pa.struct({"bytes": pa.binary(), "path": text}),
            "captions": pa.list_(text),
            "questions": pa.list_(question),
            "attributes": pa.struct({**fields, **labels}),
            "identity": text,
            "license": text,
            "provenance": text,
        }
    )
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": _features(schema)}})})


def _features(schema: Any) -> dict[str, Any]:
    """The columns as feature types of the package `datasets`."""
    return {field.name: {"_type": "Image"} if field.name == "image" else _feature(field.type) for field in schema}


def _feature(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    if pa.types.is_struct(kind):
        return {part.name: _feature(part.type) for part in kind}
    return {"_type": "Value", "dtype": str(kind)}
