"""Edits faces by text instructions.

The model describes the face, finds the tokens whose predictions change with the new description, and samples only these
tokens again.

Shapes: B images, N = h w image tokens, K codes, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.errors import ConfigError
from unif2ace.inference.arguments import batches, check_count, check_number, check_seeds, check_texts
from unif2ace.inference.edit_check import Check, checks, shows
from unif2ace.language.captions import Style
from unif2ace.language.facts import Value
from unif2ace.language.instructions import Change, Instruction, describe_change, known_record, read_instruction
from unif2ace.synthetic.plausibility import make_consistent

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.inference.edit_regions.base import EditQuery, EditRegion
    from unif2ace.inference.unified_model import UnifiedModel


@dataclass(frozen=True, slots=True)
class EditResult:
    """Edited faces.

    Attributes:
        images: The edited faces, uint8 (B, 3, H, W).
        region: Tokens that were sampled again, bool (B, N). All other tokens are unchanged.
        codes: Tokens of the edited faces, int64 (B, N).
        changes: Descriptions of each face before and after the edit.
        instructions: The parsed instruction for each face.
        attempts: Number of attempts for each face.
        kept: Number of the attempt that was kept for each face, from 1. An attempt that the model confirms is
            preferred, then the attempt with the largest gain ``log p(new description) - log p(old description)``.
        confirmed: Whether the model confirms the edit in each face. None if `attempts` is 1, or if the grammar has no
            question about the edit.
    """

    images: Tensor
    region: Tensor
    codes: Tensor
    changes: tuple[Change, ...]
    instructions: tuple[Instruction, ...]
    attempts: tuple[int, ...]
    kept: tuple[int, ...]
    confirmed: tuple[bool | None, ...]


@dataclass(slots=True)
class _Attempt:
    """One attempt at editing a face: region and codes, both (N,), likelihood gain, and whether the model confirms it.

    The gain is ``log p(new description) - log p(old description)`` in nats.
    """

    number: int
    region: Tensor
    codes: Tensor
    gain: float
    confirmed: bool | None = None

    def rank(self) -> tuple[bool, float]:
        """Sort key: confirmed attempts first, then the largest gain."""
        return self.confirmed is True, self.gain


def _result(
    decode: Callable[[Tensor], Tensor],
    kept: Sequence[_Attempt],
    changes: Sequence[Change],
    asked: Sequence[Instruction],
    tried: Sequence[int],
) -> EditResult:
    import torch

    codes = torch.stack([attempt.codes for attempt in kept])
    return EditResult(
        decode(codes),
        torch.stack([attempt.region for attempt in kept]),
        codes,
        tuple(changes),
        tuple(asked),
        tuple(tried),
        tuple(attempt.number + 1 for attempt in kept),
        tuple(attempt.confirmed for attempt in kept),
    )


def consequences(record: AttributeRecord, values: Mapping[str, Value], seed: int = 0) -> dict[str, Value]:
    """The requested values and the values that follow from them.

    Known values that contradict a request are changed: a requested smile removes a frown. Details that require a
    requested attribute, such as the shape of glasses, are chosen by the seed unless they are requested.

    Args:
        record: Known attributes of the face.
        values: Requested values, by field or by denied label.
        seed: Seed for the choice of details.
    """
    asked = {name: value for name, value in values.items() if name in record}
    for detail in TAXONOMY.fields.values():
        if detail.requires and asked.get(detail.requires) is True and detail.name not in asked:
            asked[detail.name] = detail.choices[seed % len(detail.choices)]
    known: dict[str, Any] = {**dict(record), **asked}
    make_consistent(known, frozenset(asked))
    follow = {n: v for n, v in known.items() if v is not None and record[n] is not None and v != record[n]}
    return {**follow, **asked, **values}


class FaceEditor:
    """Edits faces of the model's size.

    Args:
        model: The model.
        region: Finds the tokens to change; `PredictionDifference` by default.
        sampler: Sampler of codes; by default MaskGIT with 8 steps.
        guidance: Guidance weight w: the logits are ``(1 + w) after - w before``, with the descriptions after and before
            the edit as prompts; 0 for no guidance.
        best_of: Samples per face. The sample with the largest gain ``log p(new description) - log p(old description)``
            is kept.
        attempts: Maximum number of attempts. If the model does not confirm an edit, the next attempt uses a larger
            region, up to the region's limit; a mask or a box stays the same. If no attempt is confirmed, the attempt
            with the largest gain is kept.
        batch_size: Samples per batch; each of the `best_of` samples counts.

    Raises:
        ConfigError: If a number is out of range.
    """

    def __init__(
        self,
        model: UnifiedModel,
        region: EditRegion | None = None,
        *,
        sampler: Sampler | None = None,
        guidance: float = 4.0,
        best_of: int = 4,
        attempts: int = 1,
        batch_size: int = 32,
    ) -> None:
        from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
        from unif2ace.inference.edit_regions.prediction_difference import PredictionDifference

        self.model, self.region = model, region or PredictionDifference()
        self.sampler = sampler or MaskgitSampler(steps=8)
        self.guidance, self.best_of = check_number(guidance, "guidance"), check_count(best_of, "best_of")
        self.attempts, self.batch_size = check_count(attempts, "attempts"), check_count(batch_size, "batch_size")
        tokenizer: Any = model.tokenizer
        side = model.image_size // tokenizer.factor
        self.grid = (side, side)

    def edit(
        self,
        images: Any,
        prompts: Sequence[str] | str,
        seeds: Sequence[int] | None = None,
        records: Sequence[AttributeRecord] | None = None,
        repeat: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> EditResult:
        """Edits images of the model's size.

        Args:
            images: uint8 (B, 3, H, W), or any form that `unif2ace.data.images.as_images` converts to it.
            prompts: Instructions such as "with glasses" or "remove the beard": one for all images, or one per image.
            seeds: One seed per result; 0, 1, 2, ... by default.
            records: Known attributes of each face; by default those that the model's caption of the face states.
            repeat: Number of results per image. The results of one image are consecutive.
            progress: Called with the number of finished results and the total. Every attempt counts from 0 again.

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If a prompt is empty or too long, or the numbers of images, prompts, seeds and records differ.
        """
        from unif2ace.data.images import as_images

        images = as_images(images, self.model.image_size)
        instructions = self._instructions([prompts] * len(images) if isinstance(prompts, str) else prompts, len(images))
        count = len(images) * check_count(repeat, "repeat")
        seeds = check_seeds(range(count) if seeds is None else seeds, count, "image")
        if records is None:
            records = [known_record(text) for text in self.model.caption(images, batch_size=self.batch_size)]
        elif len(records) != len(images):
            raise ConfigError(f"{len(images)} images and {len(records)} records: give one record for each image")
        each = [pair for pair in zip(records, instructions, strict=True) for _ in range(repeat)]
        changes = [self.describe(*pair, seed) for pair, seed in zip(each, seeds, strict=True)]
        asked = [instruction for _, instruction in each]
        return self._attempt(images.repeat_interleave(repeat, 0), changes, seeds, asked, progress)

    def _instructions(self, prompts: Sequence[str], count: int) -> list[Instruction]:
        prompts = check_texts(prompts, "prompt", self.model.text, self.model.max_tokens)
        if len(prompts) != count:
            raise ConfigError(f"{count} images and {len(prompts)} prompts: give one prompt for each image")
        if not all(map(str.strip, prompts)):
            raise ConfigError('prompt is empty: write what to change, such as "with glasses"')
        return [read_instruction(prompt) for prompt in prompts]

    def describe(self, record: AttributeRecord, instruction: Instruction, seed: int = 0) -> Change:
        """Descriptions of a face before and after an edit, as detailed as the model's maximum text length permits.

        Raises:
            ConfigError: If even the shortest descriptions are too long.
        """
        values = consequences(record, instruction.values, seed)
        ways: tuple[tuple[AttributeRecord, Style], ...] = (
            (record, "dense"), (record, "short"), (AttributeRecord(), "short"),
        )  # fmt: skip
        for known, style in ways:
            change = describe_change(known, values, instruction.rest, seed, style)
            ids = self.model.text.encode([change.before, change.after])
            if max(map(len, ids)) <= self.model.max_tokens:
                return change
        check_texts([change.after], "description", self.model.text, self.model.max_tokens)
        return change

    def _attempt(
        self,
        images: Tensor,
        changes: Sequence[Change],
        seeds: Sequence[int],
        asked: Sequence[Instruction],
        progress: Callable[[int, int], None] | None,
    ) -> EditResult:
        """Edits all images, then repeats the unconfirmed edits with a larger region."""
        codes = self.model.encode(images)
        wanted = [checks(one.values) if self.attempts > 1 else [] for one in asked]
        best: dict[int, _Attempt] = {}
        todo, tried = list(range(len(codes))), [0] * len(codes)
        for number in range(self.attempts):
            made: dict[int, _Attempt] = {}
            for rows in batches(len(todo), max(1, self.batch_size // self.best_of)):
                some = todo[rows]
                picked = [changes[n] for n in some], [seeds[n] + (number << 40) for n in some]
                region = self.region.find(self.query(codes[some], *picked, some), number)
                found = self._best(codes[some], region, *picked)
                made.update((n, _Attempt(number, *row)) for n, *row in zip(some, region, *found, strict=True))
                if progress:
                    progress(min(rows.stop, len(todo)), len(todo))
            self._confirm(made, wanted)
            for place, attempt in made.items():
                best[place] = max(best.get(place, attempt), attempt, key=_Attempt.rank)
                tried[place] += 1
            todo = [place for place in todo if best[place].confirmed is False]
            if not todo:
                break
        kept = [best[place] for place in range(len(codes))]
        return _result(self.model.decode, kept, changes, asked, tried)

    def _confirm(self, made: Mapping[int, _Attempt], wanted: Sequence[Sequence[Check]]) -> None:
        """Sets `_Attempt.confirmed` of each edit for which there are questions."""
        import torch

        if some := {place: attempt for place, attempt in made.items() if wanted[place]}:
            images = self.model.decode(torch.stack([attempt.codes for attempt in some.values()]))
            seen = shows(self.model, images, [wanted[place] for place in some])
            for attempt, right in zip(some.values(), seen, strict=True):
                attempt.confirmed = right

    def _best(
        self, codes: Tensor, region: Tensor, changes: Sequence[Change], seeds: Sequence[int]
    ) -> tuple[Tensor, list[float]]:
        """Samples each image `best_of` times; returns the samples with the largest gains, int64 (B, N), and the gains.

        The gain is ``log p(new description) - log p(old description)``. It is not computed, and 0 is returned, if
        `best_of` and `attempts` are both 1.
        """
        each = [change for change in changes for _ in range(self.best_of)]
        own = [seed + (again << 32) for seed in seeds for again in range(self.best_of)]
        many, regions = (x.repeat_interleave(self.best_of, 0) for x in (codes, region))
        made = self.sample(many, regions, each, own)
        if self.best_of == self.attempts == 1:
            return made, [0.0] * len(made)
        images = self.model.decode(made)
        after, before = (
            self.model.likelihood(images, texts, batch_size=self.batch_size)
            for texts in ([c.after for c in each], [c.before for c in each])
        )
        gain_B, best_B = (after - before).view(-1, self.best_of).max(1)
        chosen = made.view(len(changes), self.best_of, -1)[range(len(changes)), best_B.to(made.device)]
        return chosen, gain_B.tolist()

    def query(
        self, codes: Tensor, changes: Sequence[Change], seeds: Sequence[int], places: Sequence[int] | None = None
    ) -> EditQuery:
        """Prepares the model's predictions under the descriptions before and after an edit.

        Args:
            codes: Image codes, int64 (B, N).
            changes: Descriptions of each image before and after the edit.
            seeds: One seed per image.
            places: Index of each image among all results; 0, 1, 2, ... by default.
        """
        from unif2ace.inference.edit_regions.base import EditQuery
        from unif2ace.nets.transformer.decoding_image import ImageDenoiser

        net: Any = self.model.net
        before, after = (
            ImageDenoiser(net, self.model.layout, *self.model.ids(texts, by_words=False), only_masked=True)
            for texts in ([c.before for c in changes], [c.after for c in changes])
        )
        found = range(len(codes)) if places is None else places
        return EditQuery(codes, self.model.num_codes, self.grid, before, after, seeds, found, self.model.image_size)

    def sample(self, codes: Tensor, region: Tensor, changes: Sequence[Change], seeds: Sequence[int]) -> Tensor:
        """Samples the codes in a region again, and keeps all other codes.

        The guided logits are ``(1 + w) c - w u``. The logits c have the description after the edit as prompt, u the
        description before the edit.

        Args:
            codes: Image codes, int64 (B, N).
            region: Tokens to sample again, bool (B, N).
            changes: Descriptions of each image before and after the edit.
            seeds: One seed per image.

        Returns:
            int64 (B, N).
        """
        from unif2ace.diffusion.guidance import guided
        from unif2ace.diffusion.samplers.base import PerSampleRNG

        query = self.query(codes, changes, seeds)
        denoise = guided(query.after, query.before, self.guidance)
        start = codes.masked_fill(region, self.model.num_codes)
        return self.sampler.sample(denoise, start, PerSampleRNG(seeds, codes.device))


def pixels_of(region: Tensor, grid: tuple[int, int], size: int) -> Tensor:
    """Converts a mask of tokens to a mask of pixels, bool (B, S, S).

    Args:
        region: Mask of tokens, bool (B, N).
        grid: (h, w), rows and columns of tokens.
        size: S, side of the images in pixels; a multiple of h and w.
    """
    rows, columns = (size // number for number in grid)
    return region.view(-1, *grid).repeat_interleave(rows, 1).repeat_interleave(columns, 2)


def paste_region(original: Tensor, edited: Tensor, region: Tensor, grid: tuple[int, int], feather: int = 2) -> Tensor:
    """Pastes the edited region into the original image with a soft edge, uint8 (B, 3, S, S).

    Args:
        original: Original images, uint8 (B, 3, S, S).
        edited: Edited images, uint8 (B, 3, S, S).
        region: Edited tokens, bool (B, N).
        grid: (h, w), rows and columns of tokens.
        feather: Half the width of the soft edge in pixels. The edge lies outside the region; 0 for a hard edge.
    """
    from torch.nn.functional import avg_pool2d, max_pool2d

    mask = pixels_of(region, grid, original.shape[-1])[:, None].float().cpu()
    if feather:
        window = 2 * feather + 1
        mask = avg_pool2d(max_pool2d(mask, window, 1, feather), window, 1, feather, count_include_pad=False)
    return original.float().lerp(edited.float(), mask).round().byte()
