"""Shards: WebDataset tars of images with metadata, an index for random access, and validation."""

from unif2ace.data.shards.decode import decode
from unif2ace.data.shards.encode import encode_jpeg
from unif2ace.data.shards.faults import Cause, SampleFault
from unif2ace.data.shards.images import decode_image, to_rgb
from unif2ace.data.shards.index import Index, has_index, load_index
from unif2ace.data.shards.indexing import build_index
from unif2ace.data.shards.plot import plot_statistics
from unif2ace.data.shards.progress import Progress, tracked
from unif2ace.data.shards.reader import DecodedSample, ShardReader
from unif2ace.data.shards.sample import Metadata, Sample
from unif2ace.data.shards.schema import Rules, check_metadata, parse_metadata
from unif2ace.data.shards.statistics import Statistics, collect_statistics
from unif2ace.data.shards.tolerant import DropLog, TolerantReader
from unif2ace.data.shards.validate import Fault, Report, validate
from unif2ace.data.shards.writer import ShardWriter

__all__ = [
    "Cause",
    "DecodedSample",
    "DropLog",
    "Fault",
    "Index",
    "Metadata",
    "Progress",
    "Report",
    "Rules",
    "Sample",
    "SampleFault",
    "ShardReader",
    "ShardWriter",
    "Statistics",
    "TolerantReader",
    "build_index",
    "check_metadata",
    "collect_statistics",
    "decode",
    "decode_image",
    "encode_jpeg",
    "has_index",
    "load_index",
    "parse_metadata",
    "plot_statistics",
    "to_rgb",
    "tracked",
    "validate",
]
