"""What inference imports: each package below costs up to 4 s before the first face."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    *("lightning", "torchmetrics", "webdataset", "pandas", "scipy", "matplotlib", "transformers"),
    *("timm", "torchvision"),
    *("torch._dynamo", "torch.distributed.tensor", "torch.distributed.fsdp", "sympy"),
}
RUNS = (
    ("generate", "A man.", "n=1", "best_of=2", "sampler.steps=1", "out=faces"),
    ("ask", "faces/000-seed0.png", "Is he smiling?", "choices=[Yes,No]"),
    ("caption", "faces/000-seed0.png", "max_new=2"),
)


def test_generating_asking_and_captioning_import_nothing_of_training(tmp_path: Path):
    lines = "".join(
        f"sys.argv = ['unif2ace-{name}', *{rest!r}]\nunif2ace.commands.{name}.main()\n"
        f"assert not (bad := {HEAVY!r} & sys.modules.keys()), ('{name}', bad)\n"
        for name, *rest in RUNS
    )
    code = "import sys\nfrom unif2ace.commands import ask, caption, generate\nimport unif2ace.commands\n" + lines
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
