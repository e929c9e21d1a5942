"""Text files as people save them: encodings, byte order marks, line ends."""

import codecs

import pytest

from unif2ace.data.sources.tables import read_table
from unif2ace.data.sources.text_files import read_lines, read_text
from unif2ace.errors import DataError

TEXT = "file,who\nä.jpg,Zoë\n"
READABLE = {
    "plain": TEXT.encode(),
    "mark": codecs.BOM_UTF8 + TEXT.encode(),
    "crlf": TEXT.replace("\n", "\r\n").encode(),
    "old mac": TEXT.replace("\n", "\r").encode(),
    "utf-16": TEXT.encode("utf-16"),
    "utf-16 big": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
}


@pytest.mark.parametrize("data", READABLE.values(), ids=READABLE)
def test_every_usual_form_reads_the_same(tmp_path, data):
    file = tmp_path / "t.csv"
    file.write_bytes(data)
    assert read_text(file) == TEXT
    assert read_lines(file) == ["file,who", "ä.jpg,Zoë"]
    assert dict(read_table(file).rows[0].cells) == {"file": "ä.jpg", "who": "Zoë"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a\nb\nzoë".encode("latin-1"), r"t\.csv:3: byte 0xeb at position 6 \('ë' in Windows-1252\).*iconv"),
        (TEXT.encode("utf-16-le"), r"t\.csv:1 has .*UTF-8"),
        (b"a\nb\0c", r"t\.csv:2 has a zero byte"),
        (codecs.BOM_UTF16_LE + b"a\0b", "UTF-16"),
        (TEXT.encode("utf-32"), "UTF-32; save it as UTF-8"),
    ],
)
def test_other_encodings_are_refused_with_line_byte_and_remedy(tmp_path, data, message):
    file = tmp_path / "t.csv"
    file.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_text(file)


@pytest.mark.parametrize(("mark", "name"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_the_separator_of_a_table_is_found(tmp_path, mark, name):
    file = tmp_path / "t.csv"
    file.write_text(f'file{mark}smile\na.jpg{mark}1\n"b{mark}c.jpg"{mark}0\n')
    table = read_table(file)
    assert table.separator == name
    assert [row.cells["file"] for row in table.rows] == ["a.jpg", f"b{mark}c.jpg"]


@pytest.mark.parametrize("before", ["\n\n", "sep=;\n"])
def test_lines_before_the_header_are_no_header(tmp_path, before):
    (tmp_path / "t.csv").write_text(f"{before}file;smile\na.jpg;1\n")
    (row,) = read_table(tmp_path / "t.csv").rows
    assert row.cells == {"file": "a.jpg", "smile": "1"}
    assert row.place == f"t.csv:{before.count(chr(10)) + 2}"
