"""The unified model as a plug-in of lmms-eval: ``lmms_eval --model unif2ace --model_args pretrained=RUN``."""
