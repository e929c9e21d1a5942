"""CelebV-HQ: 35,666 video clips with 83 labels (Zhu et al., ECCV 2022), read as extracted frames."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from unif2ace.attributes import AttributeMapping
from unif2ace.attributes.record import Value
from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.cells import same_form
from unif2ace.data.sources.joined import JoinedSource, PictureEntry, known
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.picture_finder import PictureFile
from unif2ace.data.sources.tables import read_json
from unif2ace.errors import ConfigError, DataError, check_list, nearest

INFO: Final = "celebvhq_info.json"
EMOTIONS: Final = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
MOMENTARY: Final = ("close_eyes", "laugh", "make_a_face", "shout", "sing", "talk", "yawn")


@dataclass(kw_only=True, eq=False)
class CelebVHQSource(JoinedSource):
    """Frames of CelebV-HQ clips, each with the labels of its clip.

    A frame belongs to a clip if the clip's id is its file name, its folder name, or the beginning of its file name
    (``M2Ohb0FAaJU_1.jpg``, ``M2Ohb0FAaJU_1/0007.png``, ``M2Ohb0FAaJU_1_0007.png``). Labels describe a whole clip. A
    momentary action of the clip is therefore null in a frame. An emotion is true only if the clip has no other emotion;
    if it has several, each of them is null. All frames of a video count as one person.

    Args:
        path: Folder of the data set.
        images: Folder of the frames below `path`; None for the whole folder.
        annotations: Path of the release's JSON file below `path`.
        frames_per_clip: Maximum number of frames per clip, evenly spaced; None for all.
        momentary_actions: Actions that need not be visible in every frame of a clip.
        license: Terms of use, written into every sample.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a folder or the annotations are missing or malformed, or no frame belongs to a clip.
    """

    path: str
    images: str | None = None
    annotations: str = INFO
    frames_per_clip: int | None = 1
    momentary_actions: Sequence[str] = MOMENTARY
    license: str | None = "CelebV-HQ agreement: non-commercial research only, no redistribution"
    size: int | None = None
    name: str = "celebv_hq"

    PLACES: ClassVar[frozenset[str]] = frozenset(("path", "images", "annotations"))

    def __post_init__(self) -> None:
        check_list(self.momentary_actions, "source.momentary_actions")
        if self.frames_per_clip is not None and self.frames_per_clip < 1:
            raise ConfigError(f"source.frames_per_clip={self.frames_per_clip}: it must be 1 or more, or null for all")
        self._set_up()
        root = existing_folder(self.path)
        self._file = root / self.annotations
        if not self._file.is_file():
            there = sorted(p.name for p in self._file.parent.glob("*.json"))
            raise DataError(f"source.annotations: {self._file} does not exist{nearest(self._file.name, there)}")
        self._mapping = AttributeMapping("celebv_hq")
        clips, names = self._clips()
        self._open({"images": existing_folder(root / self.images if self.images else root, "source.images")})
        frames: dict[str, list[PictureFile]] = defaultdict(list)
        strange = 0
        for picture in self._finder.pictures:
            clip = clip_of(picture.file, clips)
            if clip is None:
                strange += 1
            else:
                frames[clip].append(picture)
        self._use(frames, clips, names)
        self._note(frames, clips, strange)
        self._finish()

    def _clips(self) -> tuple[Mapping[str, Any], dict[str, list[str]]]:
        """Annotations by clip id, and the label names of ``appearance`` and ``action``."""
        tree = read_json(self._file)
        try:
            meta, clips = tree["meta_info"], tree["clips"]
            names = {kind: [str(name) for name in meta[f"{kind}_mapping"]] for kind in ("appearance", "action")}
            clips = {same_form(clip): one for clip, one in clips.items()}
        except (KeyError, TypeError, AttributeError) as error:
            what = "the file must have 'clips' and 'meta_info' with 'appearance_mapping' and 'action_mapping'"
            raise DataError(f"{self._file.name}: {what} (source.annotations)") from error
        for name in (n for listed in names.values() for n in listed):
            if self._mapping.find(name) is None:
                hint = nearest(name, self._mapping.meanings)
                raise DataError(
                    f"{self._file.name}: CelebV-HQ has no label {name!r}; use the original file of the release{hint}"
                )
        if unknown := [a for a in self.momentary_actions if self._mapping.find(a) is None]:
            hint = nearest(unknown[0], names["action"])
            raise ConfigError(f"source.momentary_actions: {unknown[0]!r} is not an action of CelebV-HQ{hint}")
        return clips, names

    def _use(
        self, frames: Mapping[str, list[PictureFile]], clips: Mapping[str, Any], names: Mapping[str, list[str]]
    ) -> None:
        for clip, found in frames.items():
            place = f"{self._file.name}, clip {clip!r}"
            try:
                labels = self._labels(clips[clip], names)
                values = known(self._mapping(labels))
                video = str(clips[clip].get("ytb_id") or clip)
            except (DataError, KeyError, TypeError, AttributeError, ValueError) as error:
                self._faults.append(SampleFault("schema", f"{place}: {error}"))
                continue
            for picture in _spread(found, self.frames_per_clip):
                self._take(picture, PictureEntry(place, dict(values), identity=video, provenance={"clip": clip}))

    def _labels(self, clip: Mapping[str, Any], names: Mapping[str, list[str]]) -> dict[str, Value]:
        attributes = clip["attributes"]
        labels: dict[str, Value] = {}
        for kind, listed in names.items():
            values = attributes[kind]
            if len(values) != len(listed) or any(v not in (0, 1, None) for v in values):
                raise DataError(
                    f"{kind} must have {len(listed)} values of 0 or 1, one per label; it has {len(values)} values"
                )
            labels |= {name: None if v is None else bool(v) for name, v in zip(listed, values, strict=True)}
        momentary = {self._mapping.find(action) for action in self.momentary_actions}
        labels |= {n: None for n, v in labels.items() if v and self._mapping.find(n) in momentary}
        return labels | emotions(attributes["emotion"])

    def _note(self, frames: Mapping[str, list[PictureFile]], clips: Mapping[str, Any], strange: int) -> None:
        total = sum(map(len, frames.values()))
        self._notes.append(f"frames: {len(self._entries):,} of {total:,} used (source.frames_per_clip)")
        if absent := [clip for clip in clips if clip not in frames]:
            self._notes.append(f"listed and missing: {len(absent):,} clips without a frame, the first {absent[0]}")
        if strange:
            self._notes.append(f"pictures of no clip, not used: {strange:,}")
        if not frames:
            raise DataError(
                f"source.images: no picture below {self._finder.folders['images']} belongs to a clip of "
                f"{self._file.name}; name a frame {next(iter(clips), 'CLIP')}.jpg, or put it into a folder of that name"
            )


def clip_of(file: str, clips: Mapping[str, Any]) -> str | None:
    """Id of the clip that a frame belongs to; None if no id matches.

    Args:
        file: Path of the frame, separated by ``/``.
        clips: Annotations by clip id.
    """
    path = PurePosixPath(same_form(file))
    for part in (path.stem, *reversed(path.parts[:-1])):
        if part in clips:
            return part
    for end in range(len(path.stem) - 1, 0, -1):  # the longest id at the beginning: an id may be the start of another
        if path.stem[end] in "_-. " and path.stem[:end] in clips:
            return path.stem[:end]
    return None


def emotions(tree: Any) -> dict[str, Value]:
    """The eight emotion labels of a clip: true for a single emotion, null for each of several, otherwise false.

    Args:
        tree: The entry ``emotion`` of a clip; its ``labels`` are one emotion, or a list of emotions with time spans.

    Raises:
        DataError: If an emotion is unknown.
    """
    labels = tree["labels"]
    found = {labels} if isinstance(labels, str) else {str(one["emotion"]) for one in labels}
    if strange := found - set(EMOTIONS):
        raise DataError(f"emotion {sorted(strange)[0]!r} is unknown{nearest(sorted(strange)[0], EMOTIONS)}")
    if not found:
        return {}
    return {name: False if name not in found else True if len(found) == 1 else None for name in EMOTIONS}


def _spread(found: list[PictureFile], number: int | None) -> list[PictureFile]:
    """At most `number` frames: the middle frame of each of `number` equal parts of the clip."""
    if number is None or number >= len(found):
        return found
    return [found[(2 * n + 1) * len(found) // (2 * number)] for n in range(number)]
