"""The page in gradio: it is served on this machine only, refuses too many requests, and hands out marked files."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from test_actions import Pipe
from test_actions import page as html_page

pytest.importorskip("gradio", reason="needs the extra demo: make test-extras runs this")

import httpx
from gradio_client import Client, handle_file

from unif2ace.demo.actions import DemoActions
from unif2ace.demo.limits import Limits
from unif2ace.demo.page import brushed
from unif2ace.demo.serving import launch
from unif2ace.errors import ConfigError


@pytest.fixture(scope="module")
def served():
    actions = DemoActions(Pipe(), Limits(waiting=4, file_mb=1))
    page, url = launch(actions)
    yield actions, url
    page.close()
    actions.files.close()


@pytest.fixture(scope="module")
def client(served) -> Client:
    return Client(served[1], verbose=False)


def test_it_listens_on_this_machine_only(served):
    port = int(served[1].rstrip("/").rpartition(":")[2])
    assert served[1].startswith("http://127.0.0.1:")
    address = socket.gethostbyname(socket.gethostname())
    if not address.startswith("127."):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=2)
    with pytest.raises(ConfigError, match=f"port={port}"):
        launch(DemoActions(Pipe()), port=port)


def test_the_page_names_no_other_machine_to_load_from(served):
    text = httpx.get(served[1]).text
    assert "UniF²ace" in text
    for part in ('src="http', "src='http", '<link rel="stylesheet" href="http', "fonts.googleapis"):
        assert part not in text.replace(served[1], "/").replace(f'src="{served[1]}', "")


def test_downloads_say_that_they_are_generated(client: Client):
    gallery, _ = client.predict("a woman", 2, 3, 2, 2.0, 1, api_name="/generate")
    for number, item in enumerate(gallery):
        assert Image.open(item["image"]).text["generated"] == "yes"
        assert Image.open(item["image"]).text["seed"] == str(3 + number)
        assert item["caption"] == f"generated, seed {3 + number}"


def test_a_fault_is_a_message(client: Client, tmp_path: Path):
    with pytest.raises(Exception, match="characters, the limit is 1,000"):
        client.predict("word " * 10_000, 1, 0, 2, 2.0, 1, api_name="/generate")
    with pytest.raises(Exception, match="not a readable image"):
        client.predict(handle_file(html_page(tmp_path)), "long", api_name="/caption")
    (tmp_path / "large.png").write_bytes(bytes(50_000_000))
    with pytest.raises(Exception, match=r"413|too large|size"):
        client.predict(handle_file(tmp_path / "large.png"), "long", api_name="/caption")


def test_further_requests_than_the_queue_holds_are_refused(client: Client):
    def call(number: int) -> str:
        try:
            return client.predict("a man", 1, number, 20, 2.0, 1, api_name="/generate")[1]
        except Exception as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(call, range(20)))
    assert {"1 generated"} <= set(found)
    assert all(text == "1 generated" or "Queue is full" in text or "full" in text for text in found)
    assert any("full" in text for text in found)


def test_the_brush_is_a_mask(tmp_path: Path):
    layer = Image.new("RGBA", (6, 4))
    layer.putpixel((2, 1), (200, 60, 120, 255))
    layer.save(tmp_path / "layer.png")
    assert brushed([str(tmp_path / "layer.png")]).getbbox() == (2, 1, 3, 2)
    assert brushed([]) is None
    layer.putpixel((2, 1), (0, 0, 0, 0))
    layer.save(tmp_path / "layer.png")
    assert brushed([str(tmp_path / "layer.png")]) is None
