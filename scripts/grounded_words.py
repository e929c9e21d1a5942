"""Measures how well grounded word vectors alone, without a trained unified model, answer questions about faces.

    python scripts/grounded_words.py FOLDER [CLASSIFIER]

FOLDER holds shards with captions and questions. CLASSIFIER is a trained attribute classifier, by default the one of the
package. As in `net.grounded_words`, word vectors are fitted to the captions and questions of 8,192 training faces. The
fit of a word to an image is the inner product of the word vector and the image features. A yes/no question of the
validation split is answered with yes if the sum of the fits of its words is above 0. A "which" or "what" question is
answered with the value whose answers, collected over all faces, fit best.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import ShardReader
from unif2ace.data.tasks.text_to_image import TextToImageTask
from unif2ace.engine.weights import load_net
from unif2ace.language.question import Question
from unif2ace.language.replies import read_answer
from unif2ace.modules.word_initialization import MAX_FACES
from unif2ace.nets.transformer.word_fitting import CaptionedFaces, fit_word_vectors
from unif2ace.nets.transformer.word_vectors import WordVectors
from unif2ace.types import Batch

DIRECTIONS, FACES, AT_LEAST, SHOWN = 96, 1024, 5, 6
WORDS = ("glasses", "beard", "red", "smiling", "hat", "bald", "mask", "laugh", "wrinkles")


def grounded(folder: Path, net: torch.nn.Module) -> tuple[WordVectors, Tokenizer]:
    """Word vectors as in a newly initialised network, and the text tokenizer."""
    data = FaceDataModule({"shards": ShardDataset(folder)}, {"caption": TextToImageTask()}, inputs="pixels")
    assert data.text_tokenizer is not None
    vectors = fit_word_vectors(
        (captioned(net, batch) for batch in data.captions(MAX_FACES)),
        data.contrasts(MAX_FACES),
        text_size=data.text_tokenizer.vocab_size,
        features=net.num_features,  # type: ignore[arg-type]
        directions=DIRECTIONS,
    )
    return vectors, Tokenizer.from_file(str(data.text_tokenizer.path))


def captioned(net: torch.nn.Module, batch: Batch) -> CaptionedFaces:
    """Features of images, with their captions."""
    assert batch.image is not None
    assert batch.text is not None
    assert batch.text_length is not None
    return CaptionedFaces(batch.text, batch.text_length, net.features(batch.image), batch.valid)  # type: ignore[operator]


def neighbours(vectors: WordVectors, text: Tokenizer, word: str) -> list[str]:
    """The words whose vectors have the largest cosine similarity to the vector of `word`."""
    ids = text.encode(f" {word}").ids
    if len(ids) != 1:
        return []
    near_V = torch.nn.functional.cosine_similarity(vectors.words[ids], vectors.words)
    return [text.decode([n]).strip() for n in near_V.topk(SHOWN + 1).indices.tolist() if n != ids[0]]


@dataclass(frozen=True)
class Face:
    """Whitened features of one face, float (K + 1,) with a 1 at the end, and the questions about it."""

    seen: Tensor
    questions: tuple[Question, ...]


def faces(vectors: WordVectors, net: torch.nn.Module, folder: Path) -> list[Face]:
    """The first faces of the validation split."""
    reader, found = ShardReader(folder / "val"), list[Face]()
    for number in range(min(FACES, len(reader))):
        sample = reader.decoded(number)
        image = torch.from_numpy(sample.image.copy()).permute(2, 0, 1)[None]
        features: Tensor = net.features(image)  # type: ignore[operator]
        seen_K = vectors.whitened(features)[0]
        found.append(Face(torch.cat([seen_K, torch.ones(1)]), tuple(sample.metadata.qa)))
    return found


def yes_or_no(asked: list[Face], words: Callable[[str], Tensor]) -> dict[str, tuple[list[float], ...]]:
    """For each attribute, the fits of its yes/no questions to faces with the answer no, and to faces with yes."""
    found: dict[str, tuple[list[float], ...]] = defaultdict(lambda: ([], []))
    for face in asked:
        for one in face.questions:
            if one.kind == "yes_no":
                found[str(one.attribute)][one.answer.startswith("Yes")].append(float(words(one.question) @ face.seen))
    return found


def choices(asked: list[Face], words: Callable[[str], Tensor]) -> dict[str, list[bool]]:
    """For each field, whether each of its "which" and "what" questions is answered correctly."""
    known: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    todo: list[tuple[Tensor, str, str]] = []
    for face in asked:
        for one in face.questions:
            value = read_answer(one, one.answer).value
            if one.kind in ("which", "what") and value is not None:
                known[str(one.attribute)][value].add(one.answer)
                todo.append((face.seen, str(one.attribute), value))
    vectors = {
        field: {v: torch.stack([words(answer) for answer in sorted(answers)]).mean(0) for v, answers in of.items()}
        for field, of in known.items()
    }
    found: dict[str, list[bool]] = defaultdict(list)
    for seen_K, field, value in todo:
        fit = {v: float(vector_K @ seen_K) for v, vector_K in vectors[field].items()}
        found[field].append(max(fit, key=fit.__getitem__) == value)
    return found


@torch.no_grad()
def main(folder: Path, classifier: str = "builtin") -> None:
    """Prints neighbours of some words, and the accuracy of the answers."""
    net = load_net(classifier, "attributes").eval()
    vectors, text = grounded(folder, net)
    table_VK = torch.cat([vectors.words, vectors.bias[:, None]], 1)
    for word in WORDS:
        print(f"{word:10}", ", ".join(neighbours(vectors, text, word)))

    def words(said: str) -> Tensor:
        return table_VK[text.encode(said).ids].sum(0)

    asked = faces(vectors, net, folder)
    found = yes_or_no(asked, words)
    no, yes = (torch.tensor([fit for both in found.values() for fit in both[k]]) for k in (0, 1))
    right = ((yes > 0).float().mean() + (no <= 0).float().mean()) / 2
    often = [both for both in found.values() if min(map(len, both)) >= AT_LEAST]
    ranked = [(torch.tensor(y)[:, None] > torch.tensor(n)).float().mean() for n, y in often]
    area = torch.stack(ranked).mean() if ranked else torch.tensor(torch.nan)
    print(f"{len(yes) + len(no):,} yes-or-no questions: balanced accuracy {right:.3f}")
    print(f"{len(often)} frequent attributes: a face with yes fits better than one with no in {area:.3f} of the pairs")
    chosen = choices(asked, words)
    for field, rights in sorted(chosen.items()):
        print(f"{field:16} {sum(rights) / len(rights):.2f} of {len(rights)}")
    total = [right for rights in chosen.values() for right in rights]
    print(f'{len(total):,} "which" and "what" questions: accuracy {sum(total) / len(total):.3f}')


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
