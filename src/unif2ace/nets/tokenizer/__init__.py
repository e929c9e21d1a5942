"""Image tokenizers and their building blocks. One architecture per file, selected with `net=...`."""
