"""Show-o's own runs with small random weights: greedy text, and whole trajectories of pictures."""

from __future__ import annotations

import pytest
import torch
from showo_fixture import golden, tiny_showo

from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.nets.transformer.decoding_image import ImageDenoiser
from unif2ace.nets.transformer.decoding_text import generate_text
from unif2ace.sequence.sequence_layout import SequenceLayout


@pytest.fixture(scope="module")
def net():
    return tiny_showo()


def _prefix(net, ids):
    """Show-o's row, laid out by us; its question starts with bos and no second one follows."""
    n = net.num_image_tokens
    codes = ids[:, 2 : 2 + n] - net.vocabulary.image_offset
    question = ids[:, 4 + n :]
    layout = SequenceLayout(net.vocabulary, 32, separator=False)
    made = layout.understanding(codes, question, torch.tensor([question.shape[1]]))
    assert torch.equal(made.ids, ids)
    return made


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("run", [0, 1])
def test_greedy_text(net, run, cache, monkeypatch: pytest.MonkeyPatch):
    tensors, about = golden("mmu_generate")
    prefix, expected = _prefix(net, tensors[f"run{run}.input_ids"]), tensors[f"run{run}.greedy_tokens"]
    seen, logits = [], net.logits
    monkeypatch.setattr(net, "logits", lambda h, part: (seen.append(logits(h, part)), seen[-1])[1])
    text = generate_text(net, prefix, max_new=len(expected), stop=-1, part="full", cache=cache)
    assert text.ids[0].tolist() == expected.tolist()
    assert torch.allclose(torch.cat(seen), tensors[f"run{run}.last_logits"], atol=1e-4)
    stop = about["runs"][run]["eot_token_of_stopped"]
    stopped = generate_text(net, prefix, max_new=len(expected), stop=stop, part="full", cache=cache)
    with_stop = tensors[f"run{run}.stopped_tokens"].tolist()
    assert stopped.ids[0].tolist() == with_stop
    assert stopped.length.item() == len(with_stop) - 1


class Recorded:
    """The random draws of a run, step by step."""

    def __init__(self, tensors, run: int) -> None:
        self.tensors, self.run, self.step = tensors, run, -1

    def categorical(self, weight, masked_BN):
        self.step += 1
        return self.tensors[f"run{self.run}.step{self.step}.sampled"][masked_BN]

    def uniform(self, number: int):
        return self.tensors[f"run{self.run}.step{self.step}.u"].double()


@pytest.mark.parametrize("way", [{"only_masked": True}, {}, {"cache": False}, {"official": True}])
@pytest.mark.parametrize("run", [0, 1, 2])
def test_pictures_step_by_step(net, run, way):
    tensors, about = golden("t2i_generate")
    how = about["runs"][run]
    texts, n = how["text_ids"], net.num_image_tokens
    prompt = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.int64)
    for row, ids in enumerate(texts):
        prompt[row, : len(ids)] = torch.tensor(ids)
    length = torch.tensor([len(ids) for ids in texts])
    layout = SequenceLayout(net.vocabulary, about["vocab"]["max_seq_length"], fixed=True)
    denoise = ImageDenoiser(net, layout, prompt, length, guidance=how["guidance_scale"], **way)
    start = tensors[f"run{run}.input_ids"][:, -1 - n : -1] - net.vocabulary.image_offset
    mask, step = net.vocabulary.codebook_size, 0

    def checked(x_BN, t_B):
        nonlocal step
        key = f"run{run}.step{step}."
        given = tensors[key + "model_input"][: len(texts), -1 - n : -1] - net.vocabulary.image_offset
        assert torch.equal(x_BN, given)
        logits = denoise(x_BN, t_B)
        masked = x_BN == mask
        assert torch.allclose(logits.softmax(-1)[masked], tensors[key + "probs"][masked], atol=1e-4)
        step += 1
        return logits

    steps, temperature = how["timesteps"], how["temperature"]
    sampler = MaskgitSampler(
        CosineMaskgitSchedule(), steps, temperature, temperature_schedule="showo", mask_count_base="all"
    )
    codes = sampler.sample(checked, start, Recorded(tensors, run))
    assert step == steps
    assert torch.equal(codes, tensors[f"run{run}.output"])
