"""Frames of opening sentences.

`{np}` is the person with a description ("a young woman with long hair"), and `{bare}` is `{np}` without its article.
`{does}`, `{doing}`, `{noun}` and `{place}` stand for one fact each. A frame is used only if every slot has a fact.
"""

from __future__ import annotations

from typing import Final

DENSE: Final = (
    "{np} {does}",
    "{np} {does} {place}",
    "{np} is {doing}",
    "{np} is shown {place}",
    "{np} is pictured {place}",
    "{np} is portrayed {place}",
    "{np} is seen {place}",
    "{np} can be seen {place}",
    "{np} poses {place}",
    "{np} appears {place}",
    "{np} fills the frame",
    "{place}, {np} {does}",
    "{place}, {np} is {doing}",
    "{place}, we see {np}",
    "{doing}, {np} {does}",
    "{doing}, {np} poses {place}",
    "{doing}, {np} is pictured {place}",
    "{doing}, {np} appears {place}",
    "{doing}, {np} fills the frame",
    "with {noun}, {np} {does}",
    "with {noun}, {np} is pictured {place}",
    "this is a portrait of {np}",
    "this is a close-up of {np}",
    "this is {np}",
    "what we see here is {np}",
    "what this portrait shows is {np}",
    "the person in this picture is {np}",
    "the one who is portrayed here is {np}",
    "this portrait shows {np}",
    "this picture shows {np}",
    "this image shows {np}",
    "the portrait shows {np}",
    "the picture shows {np}",
    "the image shows {np}",
    "the image is a close-up of {np}",
    "the picture is a portrait of {np}",
    "the subject is {np}",
    "the subject of this portrait is {np}",
    "the subject of the picture is {np}",
    "the face in the picture is that of {np}",
    "the face of {np} fills the frame",
    "the close-up shows {np}",
    "here is {np}",
    "here we see {np}",
    "pictured here is {np}",
    "shown here is {np}",
    "seen here is {np}",
    "portrayed here is {np}",
    "we see {np}",
    "we are looking at {np}",
    "in this picture, {np} {does}",
    "in this image, {np} {does}",
    "in this portrait, {np} {does}",
    "in the picture, {np} is {doing}",
    "in the image, {np} is {doing}",
    "in close-up, {np} {does}",
    "a portrait shows {np}",
    "a close-up shows {np}",
    "a close-up portrait of {np}",
    "a portrait of {np} {place}",
    "a portrait of {np}",
    "portrait of {np}",
    "portrait of {np} {place}",
)

LEADS: Final = {
    "person": ("going by {their} looks", "judging by the face"),
    "hair": ("as for the hair", "as for {their} hair"),
    "face": ("seen up close", "as for {their} face", "on closer inspection", "in close view"),
    "eyes": ("around the eyes", "in the upper part of {their} face", "as for the eyes and brows"),
    "facial_hair": ("in the lower part of {their} face", "as for facial hair", "around the mouth and jaw"),
    "makeup": ("as for makeup", "where makeup is concerned"),
    "wear": ("as for clothing and accessories", "in terms of clothing and accessories", "when it comes to dress",
        "where clothes and accessories are concerned"),
    "action": ("at this moment", "in the picture", "in this pose", "at the moment of the picture", "as for the pose"),
    "emotion": ("overall", "on the whole", "to judge by {their} features", "as far as emotions go"),
    "setting": ("as for the setting", "finally", "to complete the picture"),
}
"""Transitions to a new theme, at the start of a sentence."""

AGAIN: Final = ("in addition", "besides that", "along with this", "furthermore")
"""Transitions within a theme, at the start of a sentence."""

PROMPT: Final = ("{np}", "{np}", "{np}", "{bare}", "{np} {place}", "{np}, {doing}", "a portrait of {np}")

SHORT: Final = (
    "{np} {does}",
    "{np} {does} {place}",
    "{np}, {doing}",
    "{np}, {doing}, {place}",
    "{np} {place}",
    "{bare}, {doing}",
    "{bare}, {doing}, {place}",
    "{bare} {place}",
    "{np} is {doing}",
    "{place}, {np} {does}",
    "{doing}, {np} {does}",
    "{doing}, {np} poses {place}",
    "a portrait of {np}",
    "a portrait of {np} {place}",
    "portrait of {np}, {doing}",
    "close-up of {np}",
    "the face of {np} {place}",
    "this picture shows {np}",
    "{np} poses {place}",
    "with {noun}, {np} {does}",
)
