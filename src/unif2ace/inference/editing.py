"""Edits faces by words: the model describes the face, finds what changes with the new description, and samples that.

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
        images: uint8 (B, 3, H, W).
        region: bool (B, N), tokens that were sampled again; all others are those of the given images.
        codes: int64 (B, N), tokens of the edited faces.
        changes: Descriptions of each face before and after the edit.
        instructions: The instruction for each face as it was understood.
        attempts: Number of attempts for each face.
        kept: The attempt that each face is from, 1 for the first: the one in which the model sees the edit; if there
            is none, the one under which the new description gains most over the old one.
        confirmed: Whether the model itself sees the edit in each face; None where it was not asked, or the grammar has
            no question for it.
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
    """An edit of one face: its region and codes, both (N,), the gain of the new description, and the model's answer."""

    number: int
    region: Tensor
    codes: Tensor
    gain: float
    confirmed: bool | None = None

    def rank(self) -> tuple[bool, float]:
        """What the model sees comes before what fits the description best."""
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
    """The requested values with those that follow from them.

    Known values that contradict a request change with it, such as a frown under a smile. Details that descriptions name
    together with a requested attribute, such as the shape of glasses, are chosen at random unless they are requested.

    Args:
        record: What is known of the face.
        values: Requested values, by field or by denied label.
        seed: Chooses the details.
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
        region: Finds the tokens to change; by default where the model's predictions differ (`PredictionDifference`).
        sampler: Sampler of codes; by default MaskGIT with 8 steps.
        guidance: Weight w of the guidance from the description before the edit to that after it; 0 for none.
        best_of: Samples per face; the one under which the new description gains most over the old one is kept.
        attempts: Maximum number of attempts. After an attempt that the model itself does not recognise as done, the
            region grows, up to the region's own limit; a given region does not. If no attempt is recognised, the one
            is kept under which the new description gains most over the old one.
        batch_size: Samples per batch.

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
            images: uint8 (B, 3, H, W), or what `unif2ace.data.images.as_images` converts.
            prompts: What to change, such as "with glasses" or "remove the beard": one for all, or one per image.
            seeds: One seed per result; 0, 1, 2, ... by default.
            records: What is known of each face; by default what the model's own caption states.
            repeat: Results per image; those of one image are consecutive.
            progress: Called with the number of finished results and the total; each attempt starts again.

        Raises:
            DataError: If the images are none that can be converted.
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
            raise ConfigError('a prompt is empty: say what to change, such as "with glasses"')
        return [read_instruction(prompt) for prompt in prompts]

    def describe(self, record: AttributeRecord, instruction: Instruction, seed: int = 0) -> Change:
        """The longest descriptions of a face before and after an edit that the model can read.

        Raises:
            ConfigError: If they are too long in every style.
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
        """Edits all images, then again, with a larger region, those in which the model does not see the edit."""
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
        """Notes whether the model sees each edit that it can be asked about."""
        import torch

        if some := {place: attempt for place, attempt in made.items() if wanted[place]}:
            images = self.model.decode(torch.stack([attempt.codes for attempt in some.values()]))
            seen = shows(self.model, images, [wanted[place] for place in some])
            for attempt, right in zip(some.values(), seen, strict=True):
                attempt.confirmed = right

    def _best(
        self, codes: Tensor, region: Tensor, changes: Sequence[Change], seeds: Sequence[int]
    ) -> tuple[Tensor, list[float]]:
        """Of several samples of each image, int64 (B, N), the one whose caption likelihood gains most by the change.

        The gains stand beside; they are 0 where there is nothing to compare.
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
        """The model's predictions of images under the descriptions before and after an edit.

        Args:
            codes: int64 (B, N), the images.
            changes: The descriptions of each.
            seeds: One seed per image.
            places: Index of each among all results; 0, 1, 2, ... by default.
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
        """Codes int64 (B, N), sampled again in a region bool (B, N); all others are kept.

        The logits are (1 + w) c - w u, with c under the description after the edit, u under that before it.
        """
        from unif2ace.diffusion.guidance import guided
        from unif2ace.diffusion.samplers.base import PerSampleRNG

        query = self.query(codes, changes, seeds)
        denoise = guided(query.after, query.before, self.guidance)
        start = codes.masked_fill(region, self.model.num_codes)
        return self.sampler.sample(denoise, start, PerSampleRNG(seeds, codes.device))


def pixels_of(region: Tensor, grid: tuple[int, int], size: int) -> Tensor:
    """The pixels of tokens, bool (B, S, S).

    Args:
        region: bool (B, N).
        grid: (h, w), rows and columns of tokens.
        size: S, a multiple of h and w.
    """
    rows, columns = (size // number for number in grid)
    return region.view(-1, *grid).repeat_interleave(rows, 1).repeat_interleave(columns, 2)


def paste_region(original: Tensor, edited: Tensor, region: Tensor, grid: tuple[int, int], feather: int = 2) -> Tensor:
    """The edited image in the region and the original outside, with a soft edge, uint8 (B, 3, S, S).

    Args:
        original: uint8 (B, 3, S, S).
        edited: uint8 (B, 3, S, S).
        region: bool (B, N), edited tokens.
        grid: (h, w), rows and columns of tokens.
        feather: The edge ends this many pixels outside the region, times two; 0 for a hard edge.
    """
    from torch.nn.functional import avg_pool2d, max_pool2d

    mask = pixels_of(region, grid, original.shape[-1])[:, None].float().cpu()
    if feather:
        window = 2 * feather + 1
        mask = avg_pool2d(max_pool2d(mask, window, 1, feather), window, 1, feather, count_include_pad=False)
    return original.float().lerp(edited.float(), mask).round().byte()
