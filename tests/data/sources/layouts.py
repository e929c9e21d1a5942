"""Small folders in the layouts of the data sets that importers read: flat colours, written by the tests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from unif2ace.data.sources.celeba import CelebASource
from unif2ace.data.sources.celeba_dialog import CelebADialogSource
from unif2ace.data.sources.celebv_hq import EMOTIONS, CelebVHQSource
from unif2ace.data.sources.conversations import ConversationsSource
from unif2ace.data.sources.face2text import Face2TextSource
from unif2ace.data.sources.ffhq import FFHQSource
from unif2ace.data.sources.folder import FolderSource
from unif2ace.data.sources.hf_unif2ace import HfUnif2aceSource
from unif2ace.data.sources.mm_celeba_hq import MMCelebAHQSource

CAPTIONS = [f'A "face", number {n}; it is smiling.' for n in range(6)]
QUESTIONS = [("Is this person smiling?", "Yes, broadly."), ("What colour is the hair?", "Black.")]


def save(path: Path, number: int, size: tuple[int, int] = (32, 32)) -> None:
    """Writes one picture, of a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (40 * number, 90, 200 - 30 * number)).save(path)


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")


def write_json(path: Path, tree: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree, indent=1), encoding="utf-8")


def turns(number: int) -> list[dict[str, str]]:
    """A conversation as LLaVA has it."""
    said = [("Describe this face.", CAPTIONS[number]), *QUESTIONS]
    found = [{"from": who, "value": text} for pair in said for who, text in zip(("human", "gpt"), pair, strict=True)]
    found[0]["value"] = f"<image>\n{found[0]['value']}"
    return found


@dataclass
class Layout:
    """How a data set of `count` pictures is written and read.

    Attributes:
        write: Writes it into a folder; `names` are the pictures' names as the table writes them.
        source: Builds its importer from the folder.
        table: The file that lists the pictures, by number for those with a file for each; None if it has none.
        pictures: Where the pictures are.
        name: File of a picture by number.
        size: Size of the pictures in pixels.
        captions: Whether captions are read; else labels.
        questions: Whether questions are read.
    """

    write: Callable[[Path, list[str]], None]
    source: Callable[..., Any]
    table: str
    pictures: str
    name: Callable[[int], str]
    size: tuple[int, int] = (32, 32)
    captions: bool = True
    questions: bool = False
    column: tuple[str, str] = ("", "")
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, root: Path, count: int = 4) -> Path:
        """Writes pictures and tables."""
        for number in range(count):
            save(root / self.pictures / self.name(number), number, self.size)
        self.write(root, [self.name(n) for n in range(count)])
        return root

    def read(self, root: Path, **options: Any) -> Any:
        """The source of a folder."""
        return self.source(root, **{**self.options, **options})


def _folder(root: Path, names: list[str]) -> None:
    write_csv(
        root / "metadata.csv", ["file", "text", "smile"], [[n, c, "yes"] for n, c in zip(names, CAPTIONS, strict=False)]
    )


def _celeba(root: Path, names: list[str]) -> None:
    lines = [str(len(names)), "Smiling Male", *(f"{name}  1 -1" for name in names)]
    (root / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _hf(root: Path, names: list[str]) -> None:
    rows = [[n, c, json.dumps(QUESTIONS)] for n, c in zip(names, CAPTIONS, strict=False)]
    write_csv(root / "captions.csv", ["image", "caption", "questions"], rows)


def _conversations(root: Path, names: list[str]) -> None:
    rows = [{"id": n, "image": name, "conversations": turns(n)} for n, name in enumerate(names)]
    write_json(root / "conversations.json", rows)


def _celebv(root: Path, names: list[str]) -> None:
    clips = {
        Path(name).stem: {
            "ytb_id": f"video{n}",
            "attributes": {
                "appearance": [1, 0, 1],
                "action": [1, 1],
                "emotion": {"sep_flag": False, "labels": "happy"},
            },
        }
        for n, name in enumerate(names)
    }
    meta = {"appearance_mapping": ["Male", "Bald", "Black_Hair"], "action_mapping": ["smile", "talk"]}
    write_json(root / "celebvhq_info.json", {"meta_info": meta, "clips": clips})


def _ffhq(root: Path, names: list[str]) -> None:
    features = {"age": 40.0, "gender": "female", "smile": 1.0, "emotion": {"happiness": 1.0}}
    tree = {
        Path(name).stem: [{"faceRectangle": {"width": 9, "height": 9}, "faceAttributes": features}] for name in names
    }
    write_json(root / "ffhq_features.json", tree)


def _dialog(root: Path, names: list[str]) -> None:
    single = {"Bangs": "No fringe.", "Young": "", "Smiling": "A beaming face."}
    captions = zip(names, CAPTIONS, strict=False)
    tree = {name: {"overall_caption": c, "attribute_wise_captions": single} for name, c in captions}
    write_json(root / "text" / "captions_hq.json", tree)


def _mm(root: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        path = root / "text" / "celeba-caption" / f"{Path(name).stem}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{CAPTIONS[number]}\nA woman.\n", encoding="utf-8")


def _face2text(root: Path, names: list[str]) -> None:
    rows = [{"response_id": n, "filename": f, "user_id": 7, "description": CAPTIONS[n]} for n, f in enumerate(names)]
    write_json(root / "clean_train_2.1.json", rows)


def _hq(number: int) -> str:
    return f"{number}.jpg"


def _celeba_name(number: int) -> str:
    return f"{number + 1:06d}.jpg"


LAYOUTS = {
    "folder": Layout(
        _folder,
        lambda root, **o: FolderSource(path=str(root), license="CC0-1.0", caption_column="text", **o),
        "metadata.csv",
        "pictures",
        _hq,
        column=("file", "image_column"),
    ),
    "celeba": Layout(
        _celeba,
        lambda root, **o: CelebASource(path=str(root), **{"size": 32, **o}),
        "list_attr_celeba.txt",
        "img_align_celeba",
        _celeba_name,
        (178, 218),
        captions=False,
    ),
    "hf_unif2ace": Layout(
        _hf,
        lambda root, **o: HfUnif2aceSource(path=str(root / "captions.csv"), images={"ffhq": str(root / "ffhq")}, **o),
        "captions.csv",
        "ffhq",
        lambda n: f"{n:05d}.png",
        questions=True,
        column=("image", "image_column"),
    ),
    "conversations": Layout(
        _conversations,
        lambda root, **o: ConversationsSource(path=str(root / "conversations.json"), license="CC0-1.0", **o),
        "conversations.json",
        "images",
        _hq,
        questions=True,
        column=("conversations", "questions_column"),
    ),
    "celebv_hq": Layout(
        _celebv,
        lambda root, **o: CelebVHQSource(path=str(root), **o),
        "celebvhq_info.json",
        "frames",
        lambda n: f"M2Ohb0FAaJU_{n}.jpg",
        captions=False,
        column=("clips", "annotations"),
    ),
    "ffhq": Layout(
        _ffhq,
        lambda root, **o: FFHQSource(path=str(root), **o),
        "ffhq_features.json",
        "images1024x1024/00000",
        lambda n: f"{n:05d}.png",
        captions=False,
    ),
    "celeba_dialog": Layout(
        _dialog,
        lambda root, **o: CelebADialogSource(path=str(root), **o),
        "text/captions_hq.json",
        "image",
        _hq,
        column=("overall_caption", "captions"),
    ),
    "mm_celeba_hq": Layout(
        _mm,
        lambda root, **o: MMCelebAHQSource(path=str(root), **o),
        "text/celeba-caption/0.txt",
        "CelebA-HQ-img",
        _hq,
    ),
    "face2text": Layout(
        _face2text,
        lambda root, **o: Face2TextSource(path=str(root), **{"size": 32, **o}),
        "clean_train_2.1.json",
        "img_align_celeba",
        _celeba_name,
        (178, 218),
        column=("filename", "image_column"),
    ),
}
"""The layouts by the importer's name; parquet needs a package and has its own tests."""
assert set(EMOTIONS) >= {"happy"}
