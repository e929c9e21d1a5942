"""Lays out token sequences as Show-o does (arXiv 2408.12528; its `training/prompting_utils.py`).

    T2I   pad ... [t2i] [bos] caption [eos] [soi] image [eoi]           image tokens are predicted in place
    MMU   [mmu] [soi] image [eoi] [bos] question [bos] answer [eos] pad ...  answer and eos: next-token prediction

T2I sequences are padded on the left and MMU sequences on the right, so that all images of a task start at the same
position. Further questions of an MMU sequence follow the first answer. Every question reuses the position indices of
the first question. Questions and answers do not attend to other questions, as if each were asked separately.

Shapes: B sequences, T text ids, N image tokens, L positions, W positions of the text part.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.sequence.attention import omni_attention
from unif2ace.sequence.vocabulary import Vocabulary
from unif2ace.types import Role, SequenceParts, Task, TokenSequence

IGNORE = -100


class SequenceLayout:
    """Builds a `TokenSequence` with ids (B, L) from texts (B, T) and image codes (B, N).

    Args:
        vocabulary: The vocabulary.
        max_text: Maximum length of the text part, M, at least 4. A T2I sequence has up to M + 1 positions before soi,
            an MMU sequence up to M positions after eoi. Longer texts are truncated, as in Show-o. A truncated caption
            or answer still ends with eos, and a truncated question without an answer with bos. To avoid truncation,
            compare lengths with `max_prompt` first.
        fixed: Whether every text part is padded to `max_text`, as in Show-o. If False, text parts are padded to the
            longest in the batch, which does not change the logits of real tokens.
        separator: Whether bos separates question and answer. Show-o uses the words "ASSISTANT:" instead.
        prompt_targets: Whether the question of an MMU sequence is a training target too, as in Show-o's captioning
            stages.

    Raises:
        ConfigError: If `max_text` is less than 4.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        max_text: int = 256,
        fixed: bool = False,
        separator: bool = True,
        prompt_targets: bool = False,
    ) -> None:
        if max_text < 4:
            raise ConfigError(f"max_text={max_text}: must be at least 4 tokens")
        self.vocabulary, self.max_text, self.fixed = vocabulary, max_text, fixed
        self.separator, self.prompt_targets = separator, prompt_targets

    @property
    def max_prompt(self) -> int:
        """Maximum number of tokens of a caption, or of a question without its answer."""
        return self.max_text - 2

    def text_to_image(self, prompt_BT: Tensor, length_B: Tensor, codes_BN: Tensor, x0_BN: Tensor) -> TokenSequence:
        """Builds T2I sequences.

        Args:
            prompt_BT: int64 (B, T), captions.
            length_B: int64 (B,), number of ids of each caption; 0 for the unconditional prompt.
            codes_BN: int64 (B, N), image codes in [0, K], where K is the mask.
            x0_BN: int64 (B, N), clean codes in [0, K).
        """
        text, image = self._caption(prompt_BT, length_B), self._image(codes_BN, x0_BN)
        ids, target, role = (torch.cat(both, 1) for both in zip(text, image, strict=True))
        visible = (codes_BN != self.vocabulary.codebook_size).float().mean(1)
        start = text[0].shape[1] + 1
        return self._sequence(ids, role, Task.TEXT_TO_IMAGE, start, codes_BN.shape[1], target, visible)

    def text_to_images(self, prompt_BT: Tensor, length_B: Tensor, codes_GN: Tensor, x0_GN: Tensor) -> SequenceParts:
        """Builds T2I sequences with G / B images per caption, as two parts: the captions, and the images.

        Each image attends to its caption and to itself only, as in a separate sequence.

        Args:
            prompt_BT: int64 (B, T), captions.
            length_B: int64 (B,), number of ids of each caption; 0 for the unconditional prompt.
            codes_GN: int64 (G, N), image codes in [0, K], where K is the mask. Images of one caption are consecutive.
            x0_GN: int64 (G, N), clean codes in [0, K).
        """
        ids, target, role = self._caption(prompt_BT, length_B)
        task, width = Task.TEXT_TO_IMAGE, ids.shape[1]
        text = replace(self._sequence(ids, role, task, 0, 0, target, None), image_start=None)
        ids, target, role = self._image(codes_GN, x0_GN)
        visible = (codes_GN != self.vocabulary.codebook_size).float().mean(1)
        image = self._sequence(ids, role, task, 1, codes_GN.shape[1], target, visible)
        caption_GW = text.real.repeat_interleave(len(codes_GN) // len(prompt_BT), 0)
        sees_G1W = torch.cat([caption_GW, torch.ones_like(role, dtype=torch.bool)], 1)[:, None]
        allowed = sees_G1W[:, None].expand(-1, 1, role.shape[1], -1)
        image = replace(image, position=image.position + width, attention=allowed)
        return SequenceParts((text, image), (None, 0))

    def _caption(self, prompt_BT: Tensor, length_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, targets and roles of the text part of T2I sequences, (B, W) each."""
        v, device = self.vocabulary, prompt_BT.device
        kept_B = length_B.clamp(max=self.max_prompt)
        width = self.max_text + 1 if self.fixed else int(kept_B.max()) + 3
        # position relative to the first real token: task, bos, text, eos
        place = torch.arange(width, device=device) - (width - 3 - kept_B)[:, None]
        text = _gather(prompt_BT, place - 2)
        text = torch.where(place == 0, v.special("t2i"), torch.where(place == 1, v.bos_id, text))
        text = torch.where(place == (kept_B + 2)[:, None], v.eos_id, text)
        text = torch.where(place < 0, v.special("pad"), text)
        role = torch.where(place < 0, Role.PAD, torch.where(place == 0, Role.TASK, Role.PROMPT))
        return text, torch.full_like(text, IGNORE), role.to(torch.int8)

    def _image(self, codes_BN: Tensor, x0_BN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, targets and roles of the image part (soi, image, eoi) of T2I sequences, (B, N + 2) each."""
        v = self.vocabulary
        soi, eoi = (_constant(v.special(s), codes_BN) for s in ("soi", "eoi"))
        ids = torch.cat([soi, codes_BN + v.image_offset, eoi], 1)
        target = torch.cat([soi, x0_BN + v.image_offset, eoi], 1)
        return ids, target, _image_roles(codes_BN).to(torch.int8)

    def understanding(
        self,
        codes_BN: Tensor,
        prompt_BT: Tensor,
        prompt_B: Tensor,
        answer_BT: Tensor | None = None,
        answer_B: Tensor | None = None,
    ) -> TokenSequence:
        """Builds MMU sequences with one question each.

        Args:
            codes_BN: int64 (B, N), image codes in [0, K).
            prompt_BT: int64 (B, T), questions, padded at the end.
            prompt_B: int64 (B,), number of ids of each question.
            answer_BT: int64 (B, T), answers, padded at the end. None to end the sequence before the answer, for
                decoding.
            answer_B: int64 (B,), number of ids of each answer; None without answers.
        """
        v, open_end = self.vocabulary, answer_BT is None
        if answer_BT is None or answer_B is None:
            answer_BT, answer_B = prompt_BT[:, :0], torch.zeros_like(prompt_B)
            prompt_B = prompt_B.clamp(max=self.max_text - 1 - self.separator)
        first_B1 = (1 + prompt_B + self.separator)[:, None]  # position of the first answer token
        end_B = first_B1[:, 0] + answer_B  # of eos
        length_B = end_B if open_end else end_B + 1
        position = torch.arange(int(length_B.max()), device=codes_BN.device)[None]
        text = torch.where(position <= prompt_B[:, None], _gather(prompt_BT, position - 1), v.bos_id)
        text = torch.where(position == 0, v.bos_id, text)
        text = torch.where(position >= first_B1, _gather(answer_BT, position - first_B1), text)
        if not open_end:
            text = torch.where(position == end_B[:, None], v.eos_id, text)
        loss = (position >= (0 if self.prompt_targets else first_B1)).expand_as(text)
        return self.conversation(codes_BN, text, length_B, loss, open_end=open_end)

    def conversation(
        self,
        codes_BN: Tensor,
        text_BT: Tensor,
        length_B: Tensor,
        loss_BT: Tensor,
        segment_BT: Tensor | None = None,
        open_end: bool = False,
    ) -> TokenSequence:
        """Builds MMU sequences from texts that already include bos and eos.

        Args:
            codes_BN: int64 (B, N), image codes in [0, K).
            text_BT: int64 (B, T), text after the image, including bos and eos, see `unif2ace.sequence.conversation`.
            length_B: int64 (B,), number of ids of each text.
            loss_BT: bool (B, T), True for ids to predict.
            segment_BT: int64 (B, T), index of the question that each id belongs to; None for one question.
            open_end: Whether the text ends before an answer, for decoding. If False, a truncated text ends with eos.
        """
        v, limit = self.vocabulary, self.max_text
        width = limit if self.fixed and not open_end else min(limit, int(length_B.max()))
        length_B1 = length_B.clamp(max=limit)[:, None]
        cut_B1 = (length_B > limit)[:, None] & (not open_end)
        position = torch.arange(width, device=codes_BN.device)[None]
        last, past = position == length_B1 - 1, position >= length_B1
        text = _gather(text_BT, position)
        text = torch.where(last & cut_B1, v.eos_id, text)
        text = torch.where(past, v.special("pad"), text)
        loss = (_gather(loss_BT, position) | last & cut_B1) & ~past
        role = torch.where(loss, Role.ANSWER, torch.where(past, Role.PAD, Role.PROMPT))
        head = [_constant(v.special(s), codes_BN) for s in ("mmu", "soi")]
        eoi = _constant(v.special("eoi"), codes_BN)
        ids = torch.cat([*head, codes_BN + v.image_offset, eoi, text], 1)
        target = torch.full_like(ids, IGNORE)
        target[:, -width - 1 : -1] = torch.where(loss, text, IGNORE)
        roles = torch.cat([_constant(Role.TASK, codes_BN), _image_roles(codes_BN), role], 1).to(torch.int8)
        visible = torch.ones(len(ids), device=ids.device)
        made = self._sequence(ids, roles, Task.UNDERSTANDING, 2, codes_BN.shape[1], target, visible)
        return made if segment_BT is None else _asked_apart(made, _gather(segment_BT, position))

    def _sequence(
        self, ids: Tensor, role: Tensor, task: Task, image_start: int, num: int, target: Tensor, visible: Tensor | None
    ) -> TokenSequence:
        rows, length = ids.shape
        tasks = torch.full((rows,), task, dtype=torch.int8, device=ids.device)
        position = torch.arange(length, device=ids.device).expand(rows, length)
        start = torch.full((rows,), image_start, device=ids.device)
        return TokenSequence(ids, role, tasks, position, omni_attention(role, tasks), start, num, target, visible)


def align_right(sequence: TokenSequence, vocabulary: Vocabulary) -> TokenSequence:
    """Moves the padding of sequences (B, L) to the left, so that all end at the last position and can be continued."""
    length = sequence.ids.shape[1]
    empty_B = (~sequence.real).sum(1)
    place = torch.arange(length, device=sequence.ids.device) - empty_B[:, None]
    before = place < 0
    ids = torch.where(before, vocabulary.special("pad"), _gather(sequence.ids, place))
    role = torch.where(before, Role.PAD, _gather(sequence.role, place)).to(torch.int8)
    start = None if sequence.image_start is None else sequence.image_start + empty_B
    attention = omni_attention(role, sequence.task)
    return replace(sequence, ids=ids, role=role, attention=attention, image_start=start, target=None)


def cut(sequence: TokenSequence, start: int, stop: int | None = None) -> TokenSequence:
    """Selects positions `start` to `stop` of sequences (B, L), as input for decoding with a cache of earlier positions.

    Args:
        sequence: The complete sequences.
        start: First position (inclusive), the same for all sequences. The range must contain an image completely, or no
            part of it.
        stop: Last position (exclusive); None for the end.
    """
    stop = sequence.ids.shape[1] if stop is None else stop
    attention = None if sequence.attention is None else sequence.attention[:, :, start:stop, :stop]
    image_start, number = sequence.image_start, sequence.num_image_tokens
    if image_start is not None and not bool(((image_start >= start) & (image_start + number <= stop)).all()):
        image_start, number = None, 0
    return replace(
        sequence,
        ids=sequence.ids[:, start:stop],
        role=sequence.role[:, start:stop],
        position=sequence.position[:, start:stop],
        attention=attention,
        image_start=None if image_start is None else image_start - start,
        num_image_tokens=number,
        target=None if sequence.target is None else sequence.target[:, start:stop],
    )


def _asked_apart(sequence: TokenSequence, segment_BW: Tensor) -> TokenSequence:
    """Separates the questions of MMU sequences: they do not attend to each other, and all start at the same position.

    Args:
        sequence: The sequences (B, L); the last W positions are text.
        segment_BW: int64 (B, W), index of the question that each position belongs to, ascending.
    """
    assert sequence.attention is not None
    width = segment_BW.shape[1]
    begins_BW = segment_BW != torch.nn.functional.pad(segment_BW[:, :-1], (1, 0), value=0)
    start_BW = torch.where(begins_BW, torch.arange(width, device=segment_BW.device), 0).cummax(1).values
    attention, position = sequence.attention.clone(), sequence.position.clone()
    attention[:, 0, -width:, -width:] &= segment_BW[:, :, None] == segment_BW[:, None]
    position[:, -width:] -= start_BW
    return replace(sequence, attention=attention, position=position)


def _gather(values_BT: Tensor, place: Tensor) -> Tensor:
    """Gathers values (B, W) at indices `place` (B, W) of each row of (B, T). Indices are clamped to [0, T - 1]."""
    if values_BT.shape[1] == 0:
        return torch.zeros_like(place, dtype=values_BT.dtype)
    place = place.clamp(0, values_BT.shape[1] - 1)
    return values_BT.gather(1, place.expand(len(values_BT), -1))


def _constant(value: int, like_BN: Tensor) -> Tensor:
    return torch.full_like(like_BN[:, :1], value)


def _image_roles(codes_BN: Tensor) -> Tensor:
    soi, image, eoi = (
        _constant(Role.SOI, codes_BN),
        torch.full_like(codes_BN, Role.IMAGE),
        _constant(Role.EOI, codes_BN),
    )
    return torch.cat([soi, image, eoi], 1)
