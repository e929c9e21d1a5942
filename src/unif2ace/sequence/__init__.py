"""Token sequences: vocabulary, layout, attention masks, and the positions at which losses read logits."""
