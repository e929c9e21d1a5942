from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from unif2ace.attributes import TAXONOMY
from unif2ace.data.shards import (
    ShardReader,
    ShardWriter,
    build_index,
    collect_statistics,
    load_index,
    plot_statistics,
)
from unif2ace.data.shards.statistics import mean, quantile


def test_counts_are_those_of_the_samples(make_folder):
    folder = make_folder(10, 4)
    statistics = collect_statistics(folder)
    samples = list(ShardReader(folder))
    assert (statistics.samples, statistics.shards, statistics.identities) == (10, 3, 5)
    assert statistics.shard_bytes == sum(p.stat().st_size for p in folder.glob("*.tar"))
    assert statistics.image_bytes == sum(len(s.image) for s in samples)
    assert statistics.text_bytes == sum(len(s.metadata.encode()) for s in samples)
    assert statistics.image_sizes == {"24x24": 10}
    assert statistics.labels["black_hair"] == (10, 0, 0)
    assert statistics.labels["eyeglasses"] == (5, 5, 0)
    assert statistics.labels["smile"] == (0, 0, 10)
    assert statistics.values["hair_colour"] == {"black": 10}
    assert statistics.values["eyeglasses"] == {"true": 5, "false": 5}
    assert statistics.caption_words == {7: 10}
    assert statistics.further_words == {1: 10}
    assert statistics.questions == {"yes_no": 10, "what": 10}
    assert statistics.yes_no == {"eyeglasses": (5, 5)}
    assert statistics.stated == {2: 10}
    assert statistics.faults == {}


def test_each_label_counts_each_sample_once(make_folder):
    statistics = collect_statistics(make_folder(7, 4))
    assert statistics.labels.keys() == TAXONOMY.labels.keys()
    assert {sum(counts) for counts in statistics.labels.values()} == {7}


def test_the_index_and_the_statistics_count_the_same_labels(make_folder):
    folder = make_folder(9, 4)
    labels = {name: counts[:2] for name, counts in collect_statistics(folder).labels.items()}
    assert labels == load_index(folder).labels


def test_stated_labels_are_counted_alike(write_tar, jpeg, altered):
    attributes = [{"black_hair": False}, {"hair_colour": "black"}, {"hair_colour": "red"}, {"black_hair": True}]
    files = []
    for number, values in enumerate(attributes):
        files += [(f"a{number}.jpg", jpeg), (f"a{number}.json", altered(attributes=values))]
    folder = write_tar(files).parent
    build_index(folder)
    assert load_index(folder).labels["black_hair"] == (2, 2)
    assert collect_statistics(folder).labels["black_hair"] == (2, 2, 0)


def test_faulty_samples_are_counted_apart(write_tar, jpeg, text):
    folder = write_tar([("a.jpg", jpeg), ("a.json", text), ("b.jpg", jpeg), ("b.json", b"{"), ("c.jpg", b"")]).parent
    build_index(folder, strict=False)
    statistics = collect_statistics(folder)
    assert statistics.samples == 1
    assert statistics.faults == {"json": 1}


def test_both_forms_name_what_matters(make_folder):
    statistics = collect_statistics(make_folder(10, 4))
    tree = json.loads(statistics.to_json())
    assert tree["labels"]["eyeglasses"] == [5, 5, 0]
    text = statistics.to_text()
    for words in ("10 in 3 shards", "CC0-1.0 10", "24x24 10", "(50% yes)", "people       5", "eyeglasses"):
        assert words in text


@pytest.mark.parametrize("values", [[3], [1, 2, 3, 4], [5, 5, 5, 9], list(range(101))])
def test_mean_and_quantile_are_those_of_the_values(values):
    counts = {v: values.count(v) for v in values}
    assert mean(counts) == pytest.approx(np.mean(values))
    for share in (0.05, 0.5, 0.95, 1.0):
        assert quantile(counts, share) == np.quantile(values, share, method="inverted_cdf")
    assert mean({}) == quantile({}, 0.5) == 0


def test_the_plot_is_drawn_even_if_there_is_little_to_show(make_folder, tmp_path, make_sample):
    plot_statistics(collect_statistics(make_folder(10, 4)), tmp_path / "a.png")
    with ShardWriter(tmp_path / "bare") as writer:
        sample = make_sample(0)
        bare = dataclasses.replace(sample.metadata, caption=None, captions=(), qa=(), attributes={}, identity=None)
        writer.write(dataclasses.replace(sample, metadata=bare))
    plot_statistics(collect_statistics(tmp_path / "bare"), tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as image:
            assert min(image.size) > 1000
            assert np.asarray(image.convert("L")).std() > 10, "something is drawn"
