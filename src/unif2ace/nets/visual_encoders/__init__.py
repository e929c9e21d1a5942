"""What is known of a picture beside its tokens: frozen encoders, one a file, and the resampler."""
