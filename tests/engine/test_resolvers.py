"""What configuration files may call."""

from __future__ import annotations

import math

import pytest
import torch

from unif2ace import hardware
from unif2ace.attributes import TAXONOMY
from unif2ace.engine import compose
from unif2ace.engine.resolvers import (
    FSQ_LEVELS,
    attribute_families,
    attribute_groups,
    attribute_labels,
    fast_precision,
    fsq_levels,
    num_bits,
)
from unif2ace.errors import ConfigError


def test_levels_are_near_their_codebook():
    for size in FSQ_LEVELS:
        assert 0.9 < math.prod(fsq_levels(size)) / size < 1.1
    with pytest.raises(ConfigError, match="codebook_size=1000"):
        fsq_levels(1000)


def test_bits_are_those_of_a_power_of_two():
    assert num_bits(8192) == 13
    with pytest.raises(ConfigError, match="such as 4096"):
        num_bits(5000)


@pytest.mark.parametrize("quantizer", ["vq", "lfq", "fsq"])
def test_a_quantizer_is_swapped_with_one_override(quantizer: str):
    config = compose("train", ["experiment=tokenizer/quickstart", f"quantizer={quantizer}"])
    assert config.net.quantizer._target_.startswith(f"unif2ace.nets.quantizers.{quantizer}.")


def test_attributes_come_in_the_taxonomys_order():
    assert len(attribute_families()) == len(attribute_groups()) == len(TAXONOMY.labels)
    place = list(TAXONOMY.labels).index("smile")
    assert attribute_families()[place] == "action"
    assert attribute_groups()[place] == TAXONOMY.fields[TAXONOMY.labels["smile"].field].group


def test_details_follow_the_labels():
    names = attribute_labels("all")
    assert names == [*TAXONOMY.labels, *TAXONOMY.details]
    assert attribute_families("all")[len(TAXONOMY.labels) :] == ["detail"] * len(TAXONOMY.details)
    assert attribute_groups("all")[names.index("head_turn_left")] == "pose"
    with pytest.raises(ConfigError, match="'every'"):
        attribute_labels("every")


@pytest.mark.parametrize(
    ("avx512", "amx", "precision"), [(0, 0, "32-true"), (1, 0, "bf16-mixed"), (0, 1, "bf16-mixed")]
)
def test_precision_goes_by_what_the_processor_computes_fast(monkeypatch, avx512: int, amx: int, precision: str):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx512))
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx))
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert fast_precision("cpu") == fast_precision("auto") == precision
    assert fast_precision("gpu") == "32-true"
    config = compose("train", ["experiment=unified/synthetic", "trainer.accelerator=cpu"])
    assert config.trainer.precision == precision
    assert not hardware.fast_bfloat16("mps")


def test_precision_goes_by_what_the_gpu_computes_fast(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for fast, precision in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True, f=fast: f)
        assert fast_precision("auto") == fast_precision("gpu") == precision
