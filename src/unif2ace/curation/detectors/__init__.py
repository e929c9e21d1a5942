"""Face detectors with landmarks, one file each; see ``configs/detector``."""
