"""Attributes of a face: the taxonomy, the typed record, and the attribute names of public data sets."""

from unif2ace.attributes.mapping import AttributeMapping
from unif2ace.attributes.record import AttributeRecord
from unif2ace.attributes.taxonomy import TAXONOMY, Field, Label, Taxonomy

__all__ = ["TAXONOMY", "AttributeMapping", "AttributeRecord", "Field", "Label", "Taxonomy"]
