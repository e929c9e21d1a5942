"""The actions of the demo page, independent of Gradio. They return texts, and image files marked as generated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from unif2ace.demo.limits import Limits
from unif2ace.demo.marked_files import MarkedFiles
from unif2ace.demo.steps import reported

if TYPE_CHECKING:
    from PIL import Image

    from unif2ace.inference.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class PageView:
    """Content of the page after an action, or during it.

    Attributes:
        pictures: Image files with the captions below them.
        text: A line of text below the images.
        done: Whether the images are the final results; False for intermediate steps.
    """

    pictures: tuple[tuple[Path, str], ...]
    text: str
    done: bool = True


class DemoActions:
    """The actions of the page. The model handles one request at a time; other requests wait.

    Args:
        pipe: The pipeline with the model.
        limits: Limits of one request; None for the defaults of `Limits`.
    """

    def __init__(self, pipe: FacePipeline, limits: Limits | None = None) -> None:
        self.pipe, self.limits = pipe, limits or Limits()
        self.files = MarkedFiles(pipe.model.fingerprint)
        self._turn = Lock()

    def generate(
        self, prompt: Any, faces: Any = 1, seed: Any = 0, steps: Any = 16, guidance: Any = 2.0, best_of: Any = 1
    ) -> Iterator[PageView]:
        """Generates faces from a description. Yields the faces after every sampling step, then the results.

        Args:
            prompt: The description.
            faces: Number of faces, from 1 to `Limits.faces`.
            seed: Seed of the first face; the seed of each further face is larger by 1.
            steps: Number of sampling steps, from 1 to `Limits.steps`.
            guidance: Weight of classifier-free guidance.
            best_of: Samples per face; the one with the highest caption likelihood is kept.

        Returns:
            Iterator over the content of the page. In intermediate steps, masked image tokens are gray.

        Raises:
            ConfigError: If an input is empty, too long or out of range.
        """
        prompt = self.limits.text(prompt, "prompt")
        steps = self.limits.number(steps, "steps", self.limits.steps)
        options = {
            "num_images": self.limits.number(faces, "faces", self.limits.faces),
            "seed": self.limits.number(seed, "seed", 2**31 - 1, 0),
            "num_inference_steps": steps,
            "guidance_scale": guidance,
            "best_of": self.limits.number(best_of, "best_of", self.limits.best_of),
        }
        return self._generated(prompt, steps, options)

    def _generated(self, prompt: str, steps: int, options: dict[str, Any]) -> Iterator[PageView]:
        def work(report: Callable[[PageView], None]) -> None:
            def step_end(_: Any, step: int, time: float, found: dict[str, Any]) -> None:
                images = found["images"][:: options["best_of"]]
                report(self._shown(images, [f"step {step + 1}"] * len(images), f"step {step + 1} of {steps}", False))

            watched: dict[str, Any] = {
                "callback_on_step_end": step_end,
                "callback_on_step_end_tensor_inputs": ["images"],
            }
            with self._turn:
                made = self.pipe(prompt, **options, **watched)
            entries = [{"prompt": prompt, "seed": str(seed), **made.settings} for seed in made.seeds]
            heads = [f"generated, seed {seed}" for seed in made.seeds]
            report(self._shown(made.images, heads, f"{len(heads)} generated", True, entries))

        return reported(work)

    def caption(self, file: Any, length: str = "long") -> str:
        """Describes an uploaded image.

        Args:
            file: Path of the image.
            length: ``long`` or ``short``.

        Raises:
            DataError: If the file is not an image, or too large.
        """
        picture = self.limits.picture(file)
        with self._turn:
            return str(self.pipe.caption(picture, length="short" if length == "short" else "long"))

    def ask(self, file: Any, question: Any) -> str:
        """Answers a question about an uploaded image.

        Raises:
            DataError: If the file is not an image, or too large.
            ConfigError: If the question is empty or too long.
        """
        picture, question = self.limits.picture(file), self.limits.text(question, "question")
        with self._turn:
            return str(self.pipe.ask(picture, question))

    def edit(
        self, file: Any, prompt: Any, mask: Any = None, seed: Any = 0, best_of: Any = 4, attempts: Any = 1
    ) -> PageView:
        """Edits an image by an instruction. Shows the preprocessed image, the edited region, and the result.

        Args:
            file: Path of the image.
            prompt: The instruction, such as "with glasses".
            mask: The region to edit, as a PIL image or an array with the size of the image; None lets the model find
                the region.
            seed: Seed of the sampling.
            best_of: Number of samples; the best one is kept.
            attempts: Maximum number of attempts from 1 to 4, each with a larger region than the one before.

        Raises:
            DataError: If the file is not an image, or too large.
            ConfigError: If the prompt is empty or too long, or a number is out of range.
        """
        picture, prompt = self.limits.picture(file), self.limits.text(prompt, "instruction")
        options: dict[str, Any] = {
            "seed": self.limits.number(seed, "seed", 2**31 - 1, 0),
            "best_of": self.limits.number(best_of, "best_of", self.limits.best_of),
            "attempts": self.limits.number(attempts, "attempts", 4),
        }
        with self._turn:
            edited = self.pipe.edit(picture, prompt, mask=mask, **options)
        entries = {"prompt": prompt, "seed": str(options["seed"]), **edited.settings}
        views = {"picture": edited.pictures[0], "region": edited.regions[0], "generated": edited.images[0]}
        pictures = [(self.files.save(view, entries, name.split(",")[0]), name) for name, view in views.items()]
        return PageView(tuple(pictures), edited.notes[0])

    def experts(self, file: Any, prompt: Any = "") -> Path:
        """Draws a figure of the experts that an image activates, and returns the path of the file.

        Args:
            file: Path of the image.
            prompt: The prompt of the image, for the experts during generation; may be empty.

        Raises:
            DataError: If the file is not an image, or too large.
            ConfigError: If the prompt is too long, or the network has no experts.
        """
        picture = self.limits.picture(file)
        prompt = self.limits.text(prompt, "prompt") if str(prompt or "").strip() else ""
        from unif2ace.data.images import stacked
        from unif2ace.demo.expert_activation import expert_figure

        with self._turn:
            figure = expert_figure(self.pipe.model, stacked(self.pipe.read(picture)), prompt)
        return self.files.save(figure, {"figure": "expert activation"}, "experts")

    def _shown(
        self,
        images: Sequence[Image.Image],
        heads: Sequence[str],
        text: str,
        done: bool,
        entries: Sequence[dict[str, str]] | None = None,
    ) -> PageView:
        every = entries or [{"step": "preview"}] * len(images)
        files = [self.files.save(image, entry) for image, entry in zip(images, every, strict=True)]
        return PageView(tuple(zip(files, heads, strict=True)), text, done)
