"""Merges across spaces for a byte-level BPE, so that frequent phrases are single tokens.

SuperBPE (arXiv 2503.13423): pairs are first merged within words, then within sentences.
"""

from __future__ import annotations

import heapq
import string
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

SPACE = "Ġ"
"""Character that represents a space in byte-level tokens."""
MAX_WORDS = 4
"""Maximum number of words in a token. Longer phrases rarely occur in user prompts."""
PUNCTUATION = frozenset(string.punctuation) - frozenset("'-")
"""A merge never extends past these characters: otherwise ``hair.`` and ``hair`` would be two tokens."""
MIN_COUNT = 10
"""Minimum number of occurrences of a pair to be merged."""


def is_superword(token: str) -> bool:
    """Whether a token spans several words, i.e. contains a space after its first character."""
    return SPACE in token.lstrip(SPACE)


def superword_merges(
    sentences: Mapping[tuple[int, ...], int], tokens: Sequence[str], number: int
) -> list[tuple[str, str]]:
    """Finds merges of tokens within sentences: repeatedly merges the most frequent pair.

    Args:
        sentences: Number of occurrences of each sentence, a tuple of token ids.
        tokens: Text of each id.
        number: Maximum number of merges; fewer if no pair occurs `MIN_COUNT` times.

    Returns:
        The merges in order, each as the texts of its two tokens.
    """
    texts, words = list(tokens), [_words(token) for token in tokens]
    rows, counts = [list(sentence) for sentence in sentences], list(sentences.values())
    pairs: Counter[tuple[int, int]] = Counter()
    where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for place, row in enumerate(rows):
        for pair in pairwise(row):
            pairs[pair] += counts[place]
            where[pair].add(place)
    queue = [(-count, pair) for pair, count in pairs.items() if count >= MIN_COUNT]
    heapq.heapify(queue)
    known, found = set(texts), list[tuple[str, str]]()
    while queue and len(found) < number:
        count, pair = heapq.heappop(queue)
        left, right = pair
        if -count != pairs[pair] or words[left] + words[right] > MAX_WORDS or texts[left] + texts[right] in known:
            continue  # an entry from before other merges, or no merge of its own
        if texts[left][-1] in PUNCTUATION or not texts[right].startswith(SPACE):
            continue  # tokens within words stay what they are
        found.append((texts[left], texts[right]))
        texts.append(texts[left] + texts[right])
        words.append(words[left] + words[right])
        known.add(texts[-1])
        changed = set[tuple[int, int]]()
        for place in sorted(where[pair]):
            changed |= _merge(rows, place, pair, len(texts) - 1, pairs, where, counts[place])
        for other in changed:
            if pairs[other] >= MIN_COUNT:
                heapq.heappush(queue, (-pairs[other], other))
    return found


def _words(token: str) -> int:
    """Number of words that start in a token; 0 for a part of a word or punctuation."""
    return token.count(SPACE)


def _merge(
    rows: list[list[int]],
    place: int,
    pair: tuple[int, int],
    made: int,
    pairs: Counter[tuple[int, int]],
    where: defaultdict[tuple[int, int], set[int]],
    count: int,
) -> set[tuple[int, int]]:
    """Replaces a pair in one sentence by the merged id; returns the pairs whose counts changed."""
    old, new, at = rows[place], list[int](), 0
    while at < len(old):
        if at + 1 < len(old) and (old[at], old[at + 1]) == pair:
            new.append(made)
            at += 2
        else:
            new.append(old[at])
            at += 1
    before, after = (Counter(pairwise(row)) for row in (old, new))
    changed = {p for p in before.keys() | after.keys() if before[p] != after[p]}
    for p in changed:
        pairs[p] += (after[p] - before[p]) * count
        if after[p]:
            where[p].add(place)
        else:
            where[p].discard(place)
    rows[place] = new
    return changed
