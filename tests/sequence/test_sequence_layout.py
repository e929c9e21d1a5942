"""Sequences of tokens: against the official prompts, and what stays the same however they are padded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mixed_sequences import stack
from safetensors.torch import load_file

from unif2ace.errors import ConfigError
from unif2ace.sequence.conversation import join_turns
from unif2ace.sequence.positions import answer, image, image_span, masked_image
from unif2ace.sequence.sequence_layout import IGNORE, SequenceLayout, align_right, cut
from unif2ace.sequence.vocabulary import Vocabulary
from unif2ace.types import Role, Task

FOLDER = Path(__file__).parents[2] / "../shared/fixtures/showo"
VOCABULARY = Vocabulary(text_size=120, codebook_size=64, bos_id=110, eos_id=110)


def _golden():
    path = FOLDER / "prompts.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden prompts of Show-o at {path}")
    return load_file(path), json.loads(path.with_suffix(".json").read_text())


def _padded(texts, bos):
    """Texts without their leading bos, which the layout sets itself."""
    texts = [text[1:] if text[:1] == [bos] else text for text in texts]
    longest = max(map(len, texts))
    ids = torch.tensor([text + [99] * (longest - len(text)) for text in texts])
    return ids, torch.tensor([len(text) for text in texts])


def _official(**options):
    tensors, notes = _golden()
    layout = SequenceLayout(
        VOCABULARY, notes["vocab"]["max_seq_length"], fixed=True, separator=False, prompt_targets=True, **options
    )
    return layout, tensors, _padded(notes["text_ids"], 110)


def test_official_ids_and_labels_of_text_to_image():
    layout, tensors, (prompt, length) = _official()
    code = tensors["t2i.image_in"] - VOCABULARY.image_offset
    label = tensors["t2i.labels_in"]
    x0 = torch.where(label >= 0, label - VOCABULARY.image_offset, code)
    made = layout.text_to_image(prompt, length, code, x0)
    assert torch.equal(made.ids, tensors["t2i.ids"])
    official = tensors["t2i.labels"]
    span = image_span(made)
    assert (made.target[~span] == IGNORE).all()  # the official loss does not read the text's labels either
    wanted = official >= 0
    inside = wanted & span
    assert torch.equal(made.target[inside], official[inside])
    ends = (made.role == Role.SOI) | (made.role == Role.EOI)
    assert torch.equal(made.target[ends], official[ends])
    assert torch.equal(made.ids[ends], official[ends])


def test_official_ids_without_captions():
    layout, tensors, (prompt, length) = _official()
    masked = torch.full((len(prompt), 16), 64)
    made = layout.text_to_image(prompt, length, masked, masked * 0)
    assert torch.equal(made.ids, tensors["t2i_gen.ids"])
    without = layout.text_to_image(prompt, length * 0, masked, masked * 0)
    assert torch.equal(without.ids, tensors["t2i_gen.uncond_ids"])
    dropped = tensors["t2i_drop.probs"] < 0.5
    code = tensors["t2i.image_in"] - VOCABULARY.image_offset
    some = layout.text_to_image(prompt, length.where(~dropped, 0), code, code.clamp(max=63))
    assert torch.equal(some.ids, tensors["t2i_drop.ids"])


def test_official_ids_and_labels_of_understanding():
    layout, tensors, (prompt, length) = _official()
    code = tensors["image_tokens"]
    code = code - VOCABULARY.image_offset if int(code.min()) >= VOCABULARY.image_offset else code
    made = layout.understanding(code, prompt, length, prompt[:, :0], length * 0)
    assert torch.equal(made.ids, tensors["mmu.ids"])
    official = torch.full_like(made.target, IGNORE)
    official[:, :-1] = tensors["mmu.labels"][:, 1:]  # ours are those of the next token already
    assert torch.equal(made.target, official)


def _samples(layout, seed=0, count=4):
    g = torch.Generator().manual_seed(seed)

    def draw(high, *shape):
        return torch.randint(0, high, shape, generator=g)

    x0 = draw(64, count, 16)
    xt = torch.where(torch.rand(count, 16, generator=g) < 0.5, 64, x0)
    above = layout.text_to_image(draw(100, count, 9), draw(10, count), xt, x0)
    below = layout.understanding(x0, draw(100, count, 9), draw(10, count), draw(100, count, 6), 1 + draw(6, count))
    return above, below, xt, x0


def _names_of(row, vocabulary=VOCABULARY):
    names = {vocabulary.special(s): s for s in ("pad", "soi", "eoi", "t2i", "mmu")} | {110: "end"}
    return [names.get(int(i), int(i)) for i in row]


def test_sequences_hold_what_the_docstring_draws():
    layout = SequenceLayout(VOCABULARY, 20)
    prompt, two = torch.tensor([[1, 2, 3]]), torch.tensor([2])
    made = layout.text_to_image(prompt, two, torch.tensor([[5, 64]]), torch.tensor([[5, 6]]))
    assert _names_of(made.ids[0]) == ["t2i", "end", 1, 2, "end", "soi", 135, 194, "eoi"]
    assert _names_of(made.target[0])[5:] == ["soi", 135, 136, "eoi"]
    assert made.visible.tolist() == [0.5]
    assert made.image_token_positions.tolist() == [[6, 7]]
    made = layout.understanding(torch.tensor([[5, 6]]), prompt, two, torch.tensor([[7, 8, 9]]), two)
    assert _names_of(made.ids[0]) == ["mmu", "soi", 135, 136, "eoi", "end", 1, 2, "end", 7, 8, "end"]
    assert _names_of(made.target[0]) == [-100] * 8 + [7, 8, "end", -100]
    assert answer(made)[0].nonzero()[:, 0].tolist() == [8, 9, 10]
    open_end = layout.understanding(torch.tensor([[5, 6]]), prompt, two)
    assert _names_of(open_end.ids[0]) == ["mmu", "soi", 135, 136, "eoi", "end", 1, 2, "end"]


def test_stacking_keeps_each_samples_tokens():
    layout = SequenceLayout(VOCABULARY, 20)
    above, below, xt, x0 = _samples(layout)
    both = stack(above, below, VOCABULARY)
    assert both.task.tolist() == [Task.TEXT_TO_IMAGE] * 4 + [Task.UNDERSTANDING] * 4
    for made, parts in ((both.ids, (above.ids, below.ids)), (both.target, (above.target, below.target))):
        real = [
            row[mask]
            for part, s in zip(parts, (above, below), strict=True)
            for row, mask in zip(part, s.real, strict=True)
        ]
        assert all(torch.equal(row[mask], wanted) for row, mask, wanted in zip(made, both.real, real, strict=True))
    codes = both.ids.gather(1, both.image_token_positions) - VOCABULARY.image_offset
    assert torch.equal(codes, torch.cat([xt, x0]))
    assert torch.equal(masked_image(both).sum(1), torch.cat([(xt == 64).sum(1), torch.zeros(4, dtype=torch.long)]))
    assert image(both).sum() == 4 * 16
    assert image_span(both).sum() == 4 * 18


def test_padding_on_the_left_moves_no_token():
    layout = SequenceLayout(VOCABULARY, 20)
    _, below, _, x0 = _samples(layout)
    moved = align_right(below, VOCABULARY)
    assert moved.real[:, -1].all()
    assert all(torch.equal(a[m], b[n]) for a, m, b, n in zip(moved.ids, moved.real, below.ids, below.real, strict=True))
    assert torch.equal(moved.ids.gather(1, moved.image_token_positions) - VOCABULARY.image_offset, x0)


def test_a_cut_says_where_its_image_is():
    layout = SequenceLayout(VOCABULARY, 20)
    above, _, xt, _ = _samples(layout)
    start = int(above.image_start[0]) - 1
    text, span = cut(above, 0, start), cut(above, start)
    assert text.image_start is None
    assert text.num_image_tokens == 0
    assert torch.equal(span.ids.gather(1, span.image_token_positions) - VOCABULARY.image_offset, xt)
    assert text.attention.shape[2:] == (start, start)
    assert span.attention.shape[2:] == (above.ids.shape[1] - start, above.ids.shape[1])


def test_long_texts_are_cut_and_end():
    layout = SequenceLayout(VOCABULARY, 8)
    prompt, length = torch.arange(20)[None], torch.tensor([20])
    code = torch.zeros(1, 4, dtype=torch.long)
    made = layout.text_to_image(prompt, length, code, code)
    assert _names_of(made.ids[0])[:9] == ["t2i", "end", 0, 1, 2, 3, 4, 5, "end"]
    made = layout.understanding(code, prompt, torch.tensor([3]), prompt + 50, length)
    assert _names_of(made.ids[0])[7:] == ["end", 0, 1, 2, "end", 50, 51, "end"]
    made = layout.understanding(code, prompt, length)
    assert _names_of(made.ids[0])[7:] == ["end", 0, 1, 2, 3, 4, 5, "end"], "the answer still begins after a separator"
    with pytest.raises(ConfigError, match="max_text"):
        SequenceLayout(VOCABULARY, 3)


def _conversations(layout, codes, *samples):
    """The sequences of some conversations, each a list of turns, put together as a batch does."""
    joined = [join_turns(turns, layout.vocabulary.eos_id, layout.max_text) for turns in samples]
    longest = max(len(c.ids) for c in joined)
    ids, segment, loss = (
        torch.tensor([[*values, *[0] * (longest - len(values))] for values in of]) for of in zip(*joined, strict=True)
    )
    return layout.conversation(codes, ids, torch.tensor([len(c.ids) for c in joined]), loss.bool(), segment)


def test_further_questions_are_read_and_not_predicted():
    vocabulary = Vocabulary(30, 8, 1, 1)
    codes = torch.tensor([[0, 1, 2, 3]])
    ids = torch.tensor([[1, 5, 6, 1, 7, 1, 8, 9, 1, 10, 11, 1]])
    loss = torch.tensor([[0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1]]).bool()
    segment = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]])
    made = SequenceLayout(vocabulary, 32).conversation(codes, ids, torch.tensor([12]), loss, segment)
    assert made.ids[0, 7:].tolist() == ids[0].tolist()
    predicted = {i + 1: t for i, t in enumerate(made.target[0, 7:].tolist()) if t >= 0}
    assert predicted == {4: 7, 5: 1, 9: 10, 10: 11, 11: 1}  # position in the text -> id


def test_questions_of_one_conversation_do_not_see_each_other():
    """Each looks and stands as if it had been asked alone, also beside samples that generate and are longer."""
    vocabulary = Vocabulary(30, 8, 1, 1)
    layout = SequenceLayout(vocabulary, 32)
    codes, two = torch.tensor([[0, 1, 2, 3]]), torch.tensor([2])
    turns = [([5, 6], [7, 2]), ([8, 9], [10, 11, 3]), ([12, 13], [14])]
    whole = _conversations(layout, codes, turns)
    other = layout.text_to_image(torch.arange(2, 28)[None], torch.tensor([26]), codes, codes)
    below = stack(other, whole, vocabulary)
    start = 7
    for question, answered in turns:
        alone = layout.understanding(
            codes, torch.tensor([question]), two, torch.tensor([answered]), torch.tensor([len(answered)])
        )
        length = alone.ids.shape[1] - 7 - 1  # its last eos begins the next question
        own = [*range(7), *range(start, start + length)]
        for made, sample in ((whole, 0), (below, 1)):
            mask = made.attention[sample, 0]
            assert torch.equal(made.ids[sample, own], alone.ids[0, :-1])
            assert torch.equal(made.position[sample, own], alone.position[0, :-1])
            assert torch.equal(made.target[sample, own][6:], alone.target[0, 6:-1])
            assert torch.equal(mask[own][:, own], alone.attention[0, 0, :-1, :-1])
            others = [c for c in range(made.ids.shape[1]) if c not in own]
            assert not mask[own][:, others].any()
        start += length


def test_the_last_answer_is_whole_in_conversations_shorter_than_others():
    """One answer, padded beside a longer sample: its end sees all of the answer, as without further questions."""
    layout = SequenceLayout(Vocabulary(30, 8, 1, 1), 32)
    codes = torch.tensor([[0, 1, 2, 3]] * 2)
    long, short = [([5, 6], [7, 2]), ([12, 13], [14, 3])], [([8, 9], [10, 11, 4])]
    made = _conversations(layout, codes, long, short)
    two, three = torch.tensor([2]), torch.tensor([3])
    alone = layout.understanding(codes[1:], torch.tensor([[8, 9]]), two, torch.tensor([[10, 11, 4]]), three)
    own = alone.ids.shape[1]
    assert own < made.ids.shape[1]
    for name in ("ids", "position", "target"):
        assert torch.equal(getattr(made, name)[1, :own], getattr(alone, name)[0]), name
    assert torch.equal(made.attention[1, 0, :own, :own], alone.attention[0, 0])
