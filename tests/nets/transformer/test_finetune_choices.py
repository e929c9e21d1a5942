"""What `finetune=frozen_lm` freezes, for every block and mixture of experts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from unified_nets import BLOCKS, MOES, small

from unif2ace.engine.resuming import changes
from unif2ace.errors import ConfigError
from unif2ace.optimizers.named_groups import NamedGroups

FILE = Path(__file__).parents[3] / "configs" / "finetune" / "frozen_lm.yaml"
NEW = re.compile(
    r"blocks\.\d+\.(token_moe\.routed|sequence_moe|sequence_norm)\..*|(conditioning|grounding|code_embedding)\..*"
    r"|image_pos_embed\.weight"
)


@pytest.mark.parametrize("moe", MOES)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("tie", [False, True])
def test_the_language_model_is_frozen_and_what_is_new_is_trained(block: str, moe: str, tie: bool):
    net = small(block, moe, tie_embeddings=tie)
    groups = NamedGroups(yaml.safe_load(FILE.read_text())["optimizer"]["groups"])
    groups.freeze_({"net": net})
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in net.named_parameters() if NEW.fullmatch(name)}
    if trained:
        assert sum(len(group["params"]) for group in groups.of({"net": net})) == len(trained)
    else:  # a dense Show-o without code features has nothing else
        with pytest.raises(ConfigError, match="all parameters are frozen"):
            groups.of({"net": net})


def test_runs_of_before_can_be_resumed_unless_they_change():
    top_k = {"_target_": "unif2ace.nets.moe.routers.top_k.TopKRouter", "_partial_": True}
    before = {"moe": {"top_k": 2}, "optimizer": {"lr": 1}, "module": {"seed": 0}}
    now = {"moe": {"top_k": 2, "router": top_k}, "optimizer": {"lr": 1, "groups": None}, "router": top_k}
    now |= {"module": {"seed": 0, "parameter_groups": {}, "finetune": {}}, "finetune": {}}
    assert not changes(before, now)
    assert set(changes(before, {**now, "finetune": {"rank": 8}})) == {"finetune.rank"}
    other = {**top_k, "_target_": "unif2ace.nets.moe.routers.sigmoid.SigmoidRouter"}
    assert set(changes(before, {**now, "router": other})) == {"router._target_"}
