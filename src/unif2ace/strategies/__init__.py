"""Strategies for distributed training: DDP, FSDP2, FSDP2 with tensor parallelism, and DeepSpeed."""
