"""A trained unified model with an interface on tensors, used by the pipeline and the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import load_net
from unif2ace.errors import ConfigError, check_list
from unif2ace.inference.arguments import (
    batches,
    check_choices,
    check_codes,
    check_count,
    check_dtype,
    check_kind,
    check_number,
    check_seeds,
    check_texts,
)
from unif2ace.inference.choice_answer import ChoiceAnswer
from unif2ace.inference.release import Release, moved

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.nets.transformer.token_sampling import TokenSampling
    from unif2ace.types import Condition, TokenSequence


class UnifiedModel:
    """Generates faces from text, captions images, and answers questions about images.

    Images are uint8 (B, 3, H, W), or tensors, arrays and PIL images that `unif2ace.data.images.as_images` converts to
    it: integers in 0..255 or floats in 0..1. Images must have the model's size. A text has at most `max_tokens` tokens.

    Args:
        release: The parts of the model.
        device: Torch device; None for a GPU if there is one.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).

    Attributes:
        image_size: Side of the model's images in pixels.
        fingerprint: Fingerprint of the transformer's weights.
        max_tokens: Maximum number of tokens of a caption, a question or an answer.
    """

    def __init__(self, release: Release, device: str | None = None, allow: Iterable[str] = ()) -> None:
        import torch

        from unif2ace.data.text_tokenizer import TextTokenizer
        from unif2ace.hardware import check_device
        from unif2ace.nets.transformer.face_decoder import FaceDecoder
        from unif2ace.sequence.sequence_layout import SequenceLayout

        self.release = release
        self.device = check_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        module = release.module
        self.image_size, self.fingerprint = int(module["image_size"]), release.unified.fingerprint
        net: Any = load_net(release.unified, "unified", allow).to(self.device)
        self.net = net
        if "tokenizer" not in release.components:
            raise ConfigError(f"{release.unified.path} does not record an image tokenizer; train the model again")
        tokenizer: Any = load_net(release.components["tokenizer"], "tokenizer", allow).to(self.device)
        self.tokenizer = tokenizer
        paths = {kind: str(weights.path) for kind, weights in release.components.items()}
        self.visual_encoders = {
            name: instantiate(moved(node, paths), allow=allow)().eval().to(self.device)
            for name, node in (module.get("visual_encoders") or {}).items()
        }
        self.text = TextTokenizer(release.text)
        self.layout = SequenceLayout(cast(Any, self.net).vocabulary, int(module["max_text"]))
        self.max_tokens = self.layout.max_prompt
        self._decoder = FaceDecoder(cast(Any, self.net), self.layout, cast(Any, self.tokenizer), self.visual_encoders)

    @property
    def num_codes(self) -> int:
        """K, the size of the codebook. Code K marks a token that is not sampled yet."""
        return int(self.net.vocabulary.codebook_size)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the transformer."""
        dtype: torch.dtype = next(self.net.parameters()).dtype
        return dtype

    def to(self, device: str | torch.device | None = None, dtype: str | torch.dtype | None = None) -> UnifiedModel:
        """Moves the networks.

        Args:
            device: Torch device; None keeps it.
            dtype: Precision of the transformer: ``float32``, ``bfloat16`` or ``float16``; None keeps it. The tokenizer
                and the visual encoders stay in float32.

        Returns:
            The model itself.

        Raises:
            ConfigError: If the device does not exist, or `dtype` is none of these three.
        """
        from unif2ace.hardware import check_device

        self.device = self.device if device is None else check_device(str(device))
        self.net.to(self.device, None if dtype is None else check_dtype(dtype))
        for net in (self.tokenizer, *self.visual_encoders.values()):
            net.to(self.device)
        return self

    def drop_encoders(self, names: Iterable[str]) -> None:
        """Removes visual encoders. The model then reads only the image tokens and the remaining encoders.

        Args:
            names: Names of the encoders to remove, keys of `visual_encoders`.

        Raises:
            ConfigError: If the model has no such encoder.
        """
        check_list(names, "drop_encoders")
        for name in names:
            if name not in self.visual_encoders:
                known = ", ".join(self.visual_encoders) or "none"
                raise ConfigError(f"drop_encoders={name}: the visual encoders of this model are {known}")
            del self.visual_encoders[name]

    def generate(
        self,
        prompts: Sequence[str] | str,
        seeds: Sequence[int] | None = None,
        *,
        sampler: Sampler | None = None,
        guidance: float = 2.0,
        start: Tensor | None = None,
        best_of: int = 1,
        batch_size: int = 32,
        progress: Callable[[int, int], None] | None = None,
    ) -> Tensor:
        """Generates faces from captions.

        Args:
            prompts: One caption per face.
            seeds: One seed per face; 0, 1, 2, ... by default. A face does not depend on the rest of the batch.
            sampler: Sampler of image codes; by default MaskGIT with 16 steps.
            guidance: Weight w of classifier-free guidance, (1 + w) conditional - w unconditional; 0 for none.
            start: Codes to keep, int64 (B, N); K, the codebook size, marks a code to sample. None samples all codes.
            best_of: Samples per face. The sample with the highest `likelihood` of the caption is kept. The first sample
                is the result of `best_of=1`.
            batch_size: Faces per batch; each of the `best_of` samples counts.
            progress: Called with the number of finished faces and the total.

        Returns:
            uint8 (B, 3, H, W) on the CPU.

        Raises:
            ConfigError: If there is no prompt, the numbers of prompts, seeds and rows of `start` differ, a prompt is
                too long, `start` has codes outside 0..K, or `best_of` > 1 and a prompt is empty.
        """
        import torch

        from unif2ace.diffusion.samplers.base import Sampler
        from unif2ace.diffusion.samplers.maskgit import MaskgitSampler

        prompts = self._checked([prompts] if isinstance(prompts, str) else prompts, "prompt")
        if not prompts:
            raise ConfigError("prompts=[]: give at least one prompt")
        seeds = check_seeds(range(len(prompts)) if seeds is None else seeds, len(prompts), "prompt")
        start = None if start is None else check_codes(start, (len(prompts), self.net.num_image_tokens), self.num_codes)
        guidance, best_of = check_number(guidance, "guidance"), check_count(best_of, "best_of")
        if sampler is not None:
            check_kind(sampler, Sampler, "sampler", "unif2ace.diffusion.samplers.maskgit.MaskgitSampler()")
        if best_of > 1 and not all(prompt.strip() for prompt in prompts):
            raise ConfigError(f"best_of={best_of} ranks faces by their prompts, but a prompt is empty: give best_of=1")
        sampler = sampler or MaskgitSampler()
        each = [prompt for prompt in prompts for _ in range(best_of)]
        own = [seed + (again << 32) for seed in seeds for again in range(best_of)]
        starts = None if start is None else start.repeat_interleave(best_of, 0).to(self.device)
        made = []
        for rows in batches(len(each), batch_size):
            given = None if starts is None else starts[rows]
            ids = self.ids(each[rows], by_words=False)
            made.append(self.decode(self._decoder.draw(*ids, own[rows], sampler, guidance, given)))
            if progress:
                progress(min(rows.stop, len(each)) // best_of, len(prompts))
        drawn = torch.cat(made)
        return self._likeliest(drawn, each, best_of, batch_size) if best_of > 1 else drawn

    def _likeliest(self, images_BCHW: Tensor, texts: Sequence[str], best_of: int, batch_size: int) -> Tensor:
        """The image with the highest caption likelihood among each `best_of` consecutive images."""
        log_p_BK = self.likelihood(images_BCHW, texts, batch_size=batch_size).view(-1, best_of)
        return images_BCHW[[row * best_of + best for row, best in enumerate(log_p_BK.argmax(1).tolist())]]

    def likelihood(self, images: Any, texts: Sequence[str] | str, *, batch_size: int = 32) -> Tensor:
        """Log-likelihood of captions given images. Use it to rank images for a caption, or captions for an image.

        Args:
            images: uint8 (B, 3, H, W), or any form that `as_images` converts.
            texts: One caption per image, or one for all images.
            batch_size: Images per batch.

        Returns:
            Log-likelihood in nats, float32 (B,) on the CPU. The caption is scored as the answer to the first training
            instruction for its length. Longer captions have lower values.

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If the images have another size, the numbers differ, or a text is empty or too long.
        """
        import torch

        from unif2ace.data.tasks.understanding import INSTRUCTIONS, length_of
        from unif2ace.nets.transformer.decoding_text import answer_log_likelihood

        images, texts = self._paired(images, texts, "text")
        found = []
        for rows in batches(len(texts), batch_size):
            asked = [INSTRUCTIONS[length_of(text)][0] for text in texts[rows]]
            prefix, conditions = self.asked(images[rows], asked)
            ids_BT, length_B = self.ids(texts[rows])
            with torch.inference_mode():
                answers = ids_BT[:, None], length_B[:, None]
                found.append(answer_log_likelihood(self.net, prefix, *answers, conditions)[:, 0].float().cpu())
        return torch.cat(found)

    def caption(
        self,
        images: Any,
        *,
        length: Literal["long", "short"] = "long",
        instruction: str | None = None,
        max_new: int = 200,
        choice: TokenSampling | None = None,
        seeds: Sequence[int] | None = None,
        batch_size: int = 32,
    ) -> list[str]:
        """Captions images.

        Args:
            images: uint8 (B, 3, H, W), or any form that `as_images` converts, with a centred face.
            length: ``short`` for about a dozen words, ``long`` for about a hundred.
            instruction: Prompt for the caption; None for the first training instruction for `length`.
            max_new: Maximum number of text tokens per caption.
            choice: How a token is chosen; by default the most likely token.
            seeds: One seed per image; needed if tokens are sampled.
            batch_size: Images per batch.

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If `length` is unknown, or `ask` refuses an argument.
        """
        from unif2ace.data.tasks.understanding import INSTRUCTIONS

        if length not in list(INSTRUCTIONS):
            raise ConfigError(f"length={length}: give {' or '.join(INSTRUCTIONS)}")
        question = INSTRUCTIONS[length][0] if instruction is None else instruction
        return self.ask(images, question, max_new=max_new, choice=choice, seeds=seeds, batch_size=batch_size)

    def ask(
        self,
        images: Any,
        questions: Sequence[str] | str,
        *,
        max_new: int = 64,
        choice: TokenSampling | None = None,
        seeds: Sequence[int] | None = None,
        batch_size: int = 32,
    ) -> list[str]:
        """Answers questions about images.

        Args:
            images: uint8 (B, 3, H, W), or any form that `as_images` converts.
            questions: One question per image, or one for all images.
            max_new: Maximum number of text tokens per answer.
            choice: How a token is chosen; by default the most likely token.
            seeds: One seed per image; needed if tokens are sampled.
            batch_size: Images per batch.

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If the images have another size, the numbers of images, questions and seeds differ, or a
                question is empty or too long.
        """
        from unif2ace.nets.transformer.token_sampling import TokenSampling

        images, questions = self._paired(images, questions, "question")
        seeds = None if seeds is None else check_seeds(seeds, len(images), "image")
        max_new = check_count(max_new, "max_new")
        if choice is not None:
            check_kind(choice, TokenSampling, "choice", "TokenSampling(temperature=1.0)")
        answers: list[str] = []
        for rows in batches(len(questions), batch_size):
            codes, given = self.encode(images[rows]), None if seeds is None else seeds[rows]
            asked = codes, images[rows].to(self.device), *self.ids(questions[rows])
            text = self._decoder.answer(*asked, max_new=max_new, choice=choice, seeds=given)
            ids = zip(text.ids.tolist(), text.length.tolist(), strict=True)
            answers += [self.text.decode(row[:length]).strip() for row, length in ids]
        return answers

    def choose(self, images: Any, questions: Sequence[str] | str, choices: Sequence[str]) -> list[ChoiceAnswer]:
        """Chooses the most likely of several candidate answers for each image.

        Args:
            images: uint8 (B, 3, H, W), or any form that `as_images` converts.
            questions: One question per image, or one for all images.
            choices: Candidate answers, all different. A candidate is scored as the beginning of an answer: ``Yes``
                covers all answers that begin with "Yes".

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If `ask` refuses an argument, or `choices` is not a list of at least two different answers.
        """
        import torch

        from unif2ace.nets.transformer.decoding_text import answer_log_likelihood, answer_probabilities

        images, questions = self._paired(images, questions, "question")
        choices = self._checked(choices, "choice")
        check_choices(choices)
        found: list[ChoiceAnswer] = []
        ids, length = self.ids([" ".join(choice.split()) for choice in choices])  # answers have no blanks around them
        for rows in batches(len(questions), 16):
            prefix, conditions = self.asked(images[rows], questions[rows])
            count = len(prefix.ids)
            with torch.inference_mode():
                given = ids.expand(count, *ids.shape), length.expand(count, -1)
                scores = answer_log_likelihood(self.net, prefix, *given, conditions, end=False)
            for row in answer_probabilities(scores).tolist():
                best = max(range(len(row)), key=row.__getitem__)
                found.append(ChoiceAnswer(choices[best], dict(zip(choices, row, strict=True))))
        return found

    def reconstruct(self, images: Any) -> Tensor:
        """The tokenizer's reconstruction of images, uint8 (B, 3, H, W) on the CPU. The images are those of `encode`."""
        return self.decode(self.encode(images))

    def encode(self, images: Any) -> Tensor:
        """Encodes images, uint8 (B, 3, H, W) or any form that `as_images` converts, to codes int64 (B, N).

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If the images have another size than the model's.
        """
        codes: Tensor = self.tokenizer.encode(self._images(images).to(self.device))
        return codes

    def _images(self, images: Any) -> Tensor:
        """Images of the model's size, uint8 (B, 3, H, W)."""
        from unif2ace.data.images import as_images

        return as_images(images, self.image_size)

    def decode(self, codes_BN: Tensor) -> Tensor:
        """Decodes codes int64 (B, N) to images, uint8 (B, 3, H, W) on the CPU."""
        picture: Tensor = self.tokenizer.decode(codes_BN)
        return picture.cpu()

    def asked(self, images: Any, questions: Sequence[str] | str) -> tuple[TokenSequence, dict[str, Condition]]:
        """The token sequences before the answers, and the visual features of the images by encoder.

        Args:
            images: uint8 (B, 3, H, W), or any form that `as_images` converts.
            questions: One question per image, or one for all images.

        Raises:
            DataError: If the images cannot be converted.
            ConfigError: If the images have another size, the numbers differ, or a question is empty or too long.
        """
        images, questions = self._paired(images, questions, "question")
        return self._decoder.prefix(self.encode(images), images.to(self.device), *self.ids(questions))

    def ids(self, texts: Sequence[str], by_words: bool = True) -> tuple[Tensor, Tensor]:
        """Text ids, int64 (B, T) padded at the end, and lengths, int64 (B,).

        With `by_words` no token spans several words. Prompts of image generation are encoded without it.

        Raises:
            ConfigError: If a text is too long.
        """
        import torch

        checked = self._checked(texts, "text")
        ids = self.text.encode_words(checked) if by_words else self.text.encode(checked)
        padded = torch.full((len(ids), max(1, *map(len, ids)) if ids else 1), self.text.pad_id)
        for row, found in enumerate(ids):
            padded[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
        return padded.to(self.device), torch.tensor([len(found) for found in ids]).to(self.device)

    def _paired(self, images: Any, texts: Sequence[str] | str, what: str) -> tuple[Tensor, list[str]]:
        """Images uint8 (B, 3, H, W), and one text for each."""
        images = self._images(images)
        texts = self._checked([texts] * len(images) if isinstance(texts, str) else texts, what)
        if len(texts) != len(images):
            raise ConfigError(f"{len(images)} images and {len(texts)} {what}s: give one {what} for each image")
        if empty := [number for number, text in enumerate(texts, start=1) if not text.strip()]:
            raise ConfigError(f"{what} {empty[0]} of {len(texts)} is empty: give a {what} for each image")
        return images, texts

    def _checked(self, texts: Sequence[str], what: str) -> list[str]:
        return check_texts(texts, what, self.text, self.max_tokens)
