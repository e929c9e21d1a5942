"""Measures how well the face network of the extra `identity` separates synthetic persons: area under the ROC curve.

    python scripts/identity_separation.py --persons 32 --pictures 3 --size 128

Each person is rendered several times, with different pose, light, expression and hair. Pairs of images are ranked by
the distance of dlib's embeddings. The area is the probability that two images of one person are closer than two images
of different persons; 0.5 is chance. Below 0.8, the distance says little about whether an edit keeps the identity.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from unif2ace.nets.visual_encoders.identity import IdentityEncoder
from unif2ace.synthetic import render, sample_face


def area(same: np.ndarray, other: np.ndarray) -> float:
    """Share of the pairs (s, o) of values in `same` and `other` with s < o. Ties count as one half."""
    return float(np.mean((same[:, None] < other).astype(float) + 0.5 * (same[:, None] == other)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=3, help="pictures of each person")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in pixels")
    args = parser.parse_args()
    person = np.repeat(np.arange(args.persons), args.pictures)
    faces = [sample_face(10_000 + place, int(number)) for place, number in enumerate(person)]
    images = torch.from_numpy(np.stack(list(render(faces, args.size)))).permute(0, 3, 1, 2)
    found = IdentityEncoder()(images)
    seen = found.present.numpy()
    vectors, person = found.values[seen, 0].numpy(), person[seen]
    distance = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    upper = np.triu(np.ones_like(distance, bool), 1)
    same = person[:, None] == person
    value = area(distance[upper & same], distance[upper & ~same])
    print(f"{seen.sum()} of {len(seen)} faces found; {(upper & same).sum()} pairs of one person; area {value:.3f}")


if __name__ == "__main__":
    main()
