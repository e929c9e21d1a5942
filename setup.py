"""The one thing that pyproject.toml cannot say: `configs/` at the root is installed as `unif2ace_configs`."""

from setuptools import find_namespace_packages, setup

# configs/local holds the defaults of one machine
folders = find_namespace_packages("configs", exclude=["local"])
configs = ["unif2ace_configs", *(f"unif2ace_configs.{name}" for name in folders)]

setup(
    packages=[*find_namespace_packages("src", include=["unif2ace", "unif2ace.*"]), *configs],
    package_dir={"": "src", "unif2ace_configs": "configs"},
    package_data={"": ["*.yaml", "*.txt"], "unif2ace": ["py.typed", "builtin/*"]},
)
