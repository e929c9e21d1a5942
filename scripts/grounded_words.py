"""What words are worth before anything is trained: their vectors alone answer questions with yes or no.

    python scripts/grounded_words.py FOLDER [CLASSIFIER]

FOLDER holds shards with captions and questions, CLASSIFIER is a trained attribute classifier (by default that of the
package). Vectors of words are made of 8,192 captions of the training split as `net.grounding` makes them; a question of
the validation split is answered with yes if the sum of its words' fits to the picture is above 0.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import ShardReader
from unif2ace.data.views.text_to_image import TextToImageView
from unif2ace.engine.weights import load_net
from unif2ace.modules.unified import GROUNDED
from unif2ace.nets.unified.grounding import Grounding, WordStatistics

DIRECTIONS, FACES, AT_LEAST, SHOWN = 96, 1024, 5, 6
WORDS = ("glasses", "beard", "red", "smiling", "hat", "bald", "mask", "laugh", "wrinkles")


def grounded(folder: Path, net: torch.nn.Module) -> tuple[Grounding, Tokenizer]:
    """Words as a new network has them, and the text tokenizer."""
    data = FaceDataModule({"shards": ShardDataset(folder)}, {"caption": TextToImageView()}, read="pictures")
    assert data.text_tokenizer is not None
    statistics = WordStatistics(data.text_tokenizer.vocab_size, net.num_features)  # type: ignore[arg-type]
    for batch in data.captions(GROUNDED):
        assert batch.image is not None
        assert batch.prompt is not None
        assert batch.prompt_length is not None
        statistics.add(batch.prompt, batch.prompt_length, net.features(batch.image))  # type: ignore[operator]
    made = Grounding(data.text_tokenizer.vocab_size, net.num_features, 8, DIRECTIONS)  # type: ignore[arg-type]
    made.start_(statistics.vectors(DIRECTIONS))
    return made, Tokenizer.from_file(str(data.text_tokenizer.path))


def neighbours(made: Grounding, text: Tokenizer, word: str) -> list[str]:
    """Words whose vectors point the same way."""
    place = text.encode(f" {word}").ids
    if len(place) != 1:
        return []
    near_V = torch.nn.functional.cosine_similarity(made.words[place], made.words)
    return [text.decode([n]).strip() for n in near_V.topk(SHOWN + 1).indices.tolist() if n != place[0]]


def fits(made: Grounding, text: Tokenizer, net: torch.nn.Module, folder: Path) -> dict[str, tuple[list[float], ...]]:
    """Of each question of yes or no, how far it fits faces where the answer is no, and where it is yes."""
    reader = ShardReader(folder / "val")
    found: dict[str, tuple[list[float], ...]] = defaultdict(lambda: ([], []))
    for number in range(min(FACES, len(reader))):
        sample = reader.decoded(number)
        image = torch.from_numpy(sample.image.copy()).permute(2, 0, 1)[None]
        features: Tensor = net.features(image)  # type: ignore[operator]
        seen_K = made.seen(features[:, None], torch.tensor([True]))[0]
        for one in sample.metadata.qa:
            if one.kind == "yes_no":
                fit = float((made.words[text.encode(one.question).ids] @ seen_K).sum())
                found[one.question][one.answer.startswith("Yes")].append(fit)
    return found


@torch.no_grad()
def main(folder: Path, classifier: str = "builtin") -> None:
    """Prints what the vectors tell."""
    net = load_net(classifier, "attributes").eval()
    made, text = grounded(folder, net)
    for word in WORDS:
        print(f"{word:10}", ", ".join(neighbours(made, text, word)))
    found = fits(made, text, net, folder)
    no, yes = (torch.tensor([fit for both in found.values() for fit in both[k]]) for k in (0, 1))
    right = ((yes > 0).float().mean() + (no <= 0).float().mean()) / 2
    often = [both for both in found.values() if min(map(len, both)) >= AT_LEAST]
    ranked = [(torch.tensor(y)[:, None] > torch.tensor(n)).float().mean() for n, y in often]
    area = torch.stack(ranked).mean() if ranked else torch.tensor(torch.nan)
    print(f"{len(yes) + len(no):,} questions answered by the sign: {right:.3f} right (balanced)")
    print(f"{len(often)} questions asked often: a face with yes fits better than one with no with {area:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
