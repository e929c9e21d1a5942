"""What the demo's page does, as functions without a page: texts and files in, marked files and texts out."""

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
    """What the page shows.

    Attributes:
        pictures: Files and their captions.
        text: A line about them.
        done: Whether these are the results; False for a step before.
    """

    pictures: tuple[tuple[Path, str], ...]
    text: str
    done: bool = True


class DemoActions:
    """The actions of the page. One request uses the model at a time; the others wait.

    Args:
        pipe: The model.
        limits: What a request may ask for.
    """

    def __init__(self, pipe: FacePipeline, limits: Limits | None = None) -> None:
        self.pipe, self.limits = pipe, limits or Limits()
        self.files = MarkedFiles(pipe.model.fingerprint)
        self._turn = Lock()

    def generate(
        self, prompt: Any, faces: Any = 1, seed: Any = 0, steps: Any = 16, guidance: Any = 2.0, best_of: Any = 1
    ) -> Iterator[PageView]:
        """Faces from a description: first every step of sampling, then the results.

        Args:
            prompt: The description.
            faces: Number of faces.
            seed: Seed of the first face; each further face adds 1.
            steps: Sampling steps.
            guidance: Weight of classifier-free guidance.
            best_of: Samples per face.

        Returns:
            The faces after each step, tokens that are not sampled yet in gray; the results at last.

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
        """The model's description of an uploaded picture.

        Raises:
            DataError: If it is not a picture, or too large.
        """
        picture = self.limits.picture(file)
        with self._turn:
            return str(self.pipe.caption(picture, length="short" if length == "short" else "long"))

    def ask(self, file: Any, question: Any) -> str:
        """The model's answer to a question about an uploaded picture.

        Raises:
            DataError: If it is not a picture, or too large.
            ConfigError: If the question is empty or too long.
        """
        picture, question = self.limits.picture(file), self.limits.text(question, "question")
        with self._turn:
            return str(self.pipe.ask(picture, question))

    def edit(
        self, file: Any, prompt: Any, mask: Any = None, seed: Any = 0, best_of: Any = 4, attempts: Any = 1
    ) -> PageView:
        """A picture edited by words: the picture as the model sees it, the changed region, and the result.

        Args:
            file: The uploaded picture.
            prompt: What to change.
            mask: The brushed part as a PIL image or an array of the picture's size; None lets the model find the part.
            seed: Seed.
            best_of: Samples, of which the best is kept.
            attempts: Maximum number of attempts, each with a larger region.

        Raises:
            DataError: If the file is not a picture, or too large.
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
        views = {"picture": edited.pictures[0], "region": edited.regions[0], "edited, generated": edited.images[0]}
        pictures = [(self.files.save(view, entries, name.split(",")[0]), name) for name, view in views.items()]
        return PageView(tuple(pictures), edited.notes[0])

    def experts(self, file: Any, prompt: Any = "") -> Path:
        """A figure of the experts that a picture activates.

        Args:
            file: The picture.
            prompt: The prompt that it is generated from; may be empty.

        Raises:
            DataError: If the file is not a picture, or too large.
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
