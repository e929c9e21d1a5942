"""Pictures of faces: the same to the bit in any batch, and every attribute changes pixels where it belongs."""

from __future__ import annotations

from itertools import count as integers
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import DataError
from unif2ace.synthetic import Face, render, sample_face
from unif2ace.synthetic.canvas import Patch

GOLDEN = Path(__file__).parents[1] / "fixtures" / "faces" / "golden_64.png"
FACES = [sample_face(seed) for seed in range(24)]


def paired_faces(field: str, value: str | bool, count: int) -> list[tuple[Face, Face]]:
    """Faces that show a value, each with the same picture without it."""
    other = next(v for v in reversed(TAXONOMY.fields[field].values) if v != value)
    shown = (face for face in map(sample_face, integers()) if face.record[field] == value)
    return [(face, face.replace(**{field: other})) for face in islice(shown, count)]


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return render(FACES, 64)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_pictures_are_bytes_of_the_asked_size_and_use_the_range(size: int) -> None:
    images = render(FACES[:3], size)
    assert images.shape == (3, size, size, 3)
    assert images.dtype == np.uint8
    assert images.min() < 40 < 215 < images.max()


def test_a_picture_does_not_depend_on_its_batch(pictures: NDArray[np.uint8]) -> None:
    order = np.random.default_rng(0).permutation(len(FACES))
    shuffled = render([FACES[i] for i in order], 64)
    assert np.array_equal(shuffled, pictures[order])
    for start, stop in ((0, 1), (1, 4), (4, 17), (17, 24)):
        assert np.array_equal(render(FACES[start:stop], 64), pictures[start:stop])


def test_an_attribute_of_a_neighbour_changes_nothing(pictures: NDArray[np.uint8]) -> None:
    changed = [face.replace(hat=True, mask=True, hair_texture="curly") for face in FACES[1:8]]
    assert np.array_equal(render([FACES[0], *changed], 64)[0], pictures[0])


def test_no_face_renders_to_an_empty_array() -> None:
    assert render([], 64).shape == (0, 64, 64, 3)


def test_a_size_out_of_range_is_refused() -> None:
    with pytest.raises(DataError, match="size=16"):
        render(FACES[:1], 16)
    with pytest.raises(DataError, match="supersample=0"):
        render(FACES[:1], 64, supersample=0)


def test_the_golden_faces_look_as_stored(pictures: NDArray[np.uint8]) -> None:
    with Image.open(GOLDEN) as image:
        stored = np.asarray(image.convert("RGB")).astype(float)
    sheet = np.concatenate(list(render(FACES[:4], 64, noise=False)), axis=1).astype(float)
    assert sheet.shape == stored.shape
    assert np.sqrt(np.mean((sheet - stored) ** 2)) < 1.5


def test_edges_are_smooth_without_supersampling() -> None:
    exact = render(FACES[:8], 64, supersample=8, noise=False).astype(float)
    for supersample, most in ((1, 5.0), (2, 2.5)):
        image = render(FACES[:8], 64, supersample=supersample, noise=False).astype(float)
        assert np.sqrt(np.mean((image - exact) ** 2)) < most


def test_painting_stays_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    paint, tint = Patch.paint, Patch.tint

    def checked_paint(self: Patch, colour: NDArray[np.float32], alpha: NDArray[np.float32]) -> None:
        assert colour.dtype == alpha.dtype == self.image.dtype == np.float32
        paint(self, colour, alpha)

    def checked_tint(self: Patch, colour: tuple[float, float, float], alpha: NDArray[np.float32]) -> None:
        assert alpha.dtype == np.float32
        tint(self, colour, alpha)

    monkeypatch.setattr(Patch, "paint", checked_paint)
    monkeypatch.setattr(Patch, "tint", checked_tint)
    render([*FACES, *(f.replace(hat=True, hat_kind=k) for f, k in zip(FACES, ("cap", "beanie"), strict=False))], 64)


def test_grain_is_no_more_than_the_face_says() -> None:
    clean, noisy = (render(FACES, 64, noise=on).astype(float) for on in (False, True))
    for face, difference in zip(FACES, noisy - clean, strict=True):
        inside = difference[np.abs(difference) > 0]
        assert not len(inside) or inside.std() < 255 * face.nuisance.noise * 2 + 1.2


@pytest.mark.parametrize("name", ["smile", "glare", "age", "eye_colour"])
def test_two_pictures_of_a_person_differ_and_share_the_skin(name: str) -> None:
    first, second = sample_face(1, person=9), sample_face(2, person=9)
    assert first.drawn["skin_tone"] == second.drawn["skin_tone"]
    a, b = render([first, second], 64)
    assert not np.array_equal(a, b)


# Where an attribute shows: rows from and to as shares of the frame, and how strong its strongest hundredth is.
PLACES = {
    "freckles": (0.38, 0.72, 5), "rosy_cheeks": (0.42, 0.72, 7), "high_cheekbones": (0.42, 0.80, 12),
    "double_chin": (0.1, 1.0, 15), "big_nose": (0.4, 0.75, 12), "full_lips": (0.58, 0.90, 5),
    "narrow_eyes": (0.34, 0.60, 14), "bags_under_eyes": (0.40, 0.62, 9), "arched_eyebrows": (0.28, 0.52, 8),
    "bushy_eyebrows": (0.28, 0.52, 8), "bangs": (0.0, 1.0, 40), "receding_hairline": (0.0, 1.0, 40),
    "bald": (0.0, 1.0, 40),
    "beard": (0.4, 1.0, 25), "goatee": (0.5, 1.0, 12), "moustache": (0.55, 0.82, 10), "sideburns": (0.25, 0.75, 10),
    "five_o_clock_shadow": (0.5, 1.0, 12), "eyeglasses": (0.3, 0.65, 30), "sunglasses": (0.3, 0.65, 45),
    "hat": (0.0, 1.0, 60), "mask": (0.4, 1.0, 45), "earrings": (0.4, 0.85, 5), "necklace": (0.75, 1.0, 10),
    "necktie": (0.75, 1.0, 15), "heavy_makeup": (0.3, 0.7, 8), "lipstick": (0.58, 0.9, 7), "smile": (0.2, 1.0, 15),
    "laugh": (0.2, 1.0, 25), "mouth_open": (0.2, 1.0, 25), "frown": (0.25, 0.95, 12), "make_a_face": (0.2, 1.0, 20),
    "glare": (0.3, 0.6, 9), "eyes_closed": (0.34, 0.62, 20),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, f in TAXONOMY.fields.items() if not f.choices])
def test_an_attribute_changes_pixels_where_it_belongs(name: str) -> None:
    top, bottom, least = PLACES[name]
    pairs = paired_faces(name, True, 8)
    with_, without = (render([pair[i] for pair in pairs], 64, noise=False).astype(float) for i in (0, 1))
    change = np.abs(with_ - without).mean(3)
    inside = change[:, int(top * 64) : int(bottom * 64)]
    assert inside.sum() > 0.95 * change.sum()
    strongest = np.sort(change.reshape(len(pairs), -1), 1)[:, -41:].mean(1)
    assert np.median(strongest) > least
    assert strongest.min() > 2


@pytest.mark.parametrize("name", [n for n, f in TAXONOMY.fields.items() if f.choices])
def test_every_choice_changes_pixels(name: str) -> None:
    for value in TAXONOMY.fields[name].choices:
        pairs = paired_faces(name, value, 3)
        with_, without = (render([pair[i] for pair in pairs], 64, noise=False).astype(float) for i in (0, 1))
        change = np.sort(np.abs(with_ - without).mean(3).reshape(3, -1), 1)[:, -41:].mean(1)
        assert change.min() > 1.5, value


def test_heads_turn_and_look_where_the_viewer_sees_it() -> None:
    def centre_of_change(name: str, value: str) -> float:
        face = next(f for f in FACES if not f.drawn["sunglasses"] and not f.drawn["hat"] and not f.drawn["eyes_closed"])
        a, b = render(
            [face.replace(**{name: value}), face.replace(**{name: "right" if value == "left" else "left"})],
            128,
            noise=False,
        )
        dark = (255.0 - a.astype(float).mean(2)) - (255.0 - b.astype(float).mean(2))
        weight = np.clip(dark, 0, None)
        return float((weight * np.arange(128)).sum() / weight.sum())

    assert centre_of_change("gaze_direction", "left") < centre_of_change("gaze_direction", "right")
