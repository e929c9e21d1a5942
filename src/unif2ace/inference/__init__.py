"""A trained model to use: its release folder, loading it, the pipeline that generates faces and answers about them."""
