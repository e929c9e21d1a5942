"""The one thing that pyproject.toml cannot say: `configs/` at the root is installed as `unif2ace_configs`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages("src"), "unif2ace_configs"],
    package_dir={"": "src", "unif2ace_configs": "configs"},
    package_data={"unif2ace": ["py.typed", "**/*.yaml"], "unif2ace_configs": ["**/*.yaml"]},
)
