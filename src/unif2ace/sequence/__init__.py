"""Token sequences: ids, layout, attention masks, and the positions at which losses read logits."""
