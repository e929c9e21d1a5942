"""The order of ids."""

from __future__ import annotations

import pytest

from unif2ace.errors import ConfigError
from unif2ace.sequence.vocabulary import SPECIAL, Vocabulary


def test_parts_follow_each_other_and_fill_the_vocabulary():
    v = Vocabulary(text_size=50, codebook_size=32, bos_id=3, eos_id=4)
    special = [v.special(name) for name in SPECIAL]
    codes = range(*v.bounds("codebook"))
    ids = [*range(*v.bounds("text")), *special, *codes, v.mask_id]
    assert ids == list(range(v.size)) == list(range(*v.bounds("full")))
    assert len(codes) == 32


@pytest.mark.parametrize("wrong", [{"bos_id": 50}, {"eos_id": -1}, {"text_size": 0}, {"codebook_size": 1}])
def test_sizes_that_cannot_be(wrong):
    with pytest.raises(ConfigError):
        Vocabulary(**({"text_size": 50, "codebook_size": 32, "bos_id": 3, "eos_id": 4} | wrong))
