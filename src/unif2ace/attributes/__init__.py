"""The attributes of a face: taxonomy (data), typed record, and the names that public data sets use."""

from unif2ace.attributes.mapping import AttributeMapping
from unif2ace.attributes.record import AttributeRecord
from unif2ace.attributes.taxonomy import TAXONOMY, Field, Label, Taxonomy

__all__ = ["TAXONOMY", "AttributeMapping", "AttributeRecord", "Field", "Label", "Taxonomy"]
