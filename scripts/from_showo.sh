#!/usr/bin/env bash
# All steps of docs/tutorials/from_showo.md: from Show-o's weights to a trained and evaluated model.
#   scripts/from_showo.sh            # on one machine with 8 GPUs; needs pretrained/ and celeba/ as the page says
#   scripts/from_showo.sh --nodes    # on 8 machines with 8 GPUs: run it under srun or torchrun for the training steps
#   scripts/from_showo.sh --tiny     # with a small stand-in for Show-o and synthetic faces, on a CPU
#   scripts/from_showo.sh --print    # print the commands; also after --nodes or --tiny
set -euo pipefail

show=false nodes=false tiny=false
for word in "$@"; do
  case $word in
    --print) show=true ;;
    --nodes) nodes=true ;;
    --tiny) tiny=true ;;
    *) echo "from_showo.sh takes --nodes, --tiny and --print, not $word" >&2; exit 2 ;;
  esac
done

step() {
  if $show; then printf '%q ' "$@" | sed 's/\\\([][,]\)/\1/g; s/ $//'; echo; else echo "== $*"; "$@"; fi
}

faces=(import celeba source.path=celeba source.size=256)
showo=() all=() judged=() evaluator=(experiment=attributes/photographs dataset.shards.folder=data/faces256)
if $nodes; then
  all=(trainer.num_nodes=8 trainer.accumulate_grad_batches=1 task.text_to_image.batch_size=512 task.understanding.batch_size=256)
fi
if $tiny; then
  step python "$(dirname "$0")/showo_stand_in.py" pretrained
  faces=(build source.num_samples=200 source.size=64 num_questions=4)
  showo=(image_size=64)
  evaluator=(experiment=attributes/synthetic_small dataset=shards dataset.shards.folder=data/faces256 trainer.max_steps=20 task.image.batch_size=16 callbacks=[] trainer.accelerator=cpu data.max_eval_samples=16)
  all=(trainer.accelerator=cpu trainer.devices=1 trainer.accumulate_grad_batches=1 trainer.max_steps=20 lr_scheduler.warmup=5 trainer.precision=32-true strategy=auto
    image_size=64 codebook_size=256 net.dim=64 net.depth=2 net.heads=4 moe.shared_ffn_dim=128 moe.expert_ffn_dim=16 visual_encoder=classifier classifier=builtin
    visual_encoder.classifier.dim=256 task.text_to_image.batch_size=4 task.understanding.batch_size=4 data.num_workers=0 data.max_text_tokens=512 data.steps_per_epoch=20 data.max_eval_samples=8)
  judged=(scores.samples=8 scores.num_questions=8 scores.num_paraphrases=1 scores.diverse=1 scores.seeds=2 scores.at_least=1 scores.resamples=20)
fi

# 1. Show-o's weights under this project's names
step unif2ace-checkpoint import magvit pretrained/magvitv2 out=pretrained/magvit
step unif2ace-checkpoint import showo pretrained/show-o image_tokenizer=pretrained/magvit text_tokenizer=pretrained/phi-1_5 out=pretrained/showo "${showo[@]}"

# 2. Faces, and their image tokens
step unif2ace-data "${faces[@]}" folder=data/faces256
step unif2ace-data tokenize data/faces256 ckpt=pretrained/magvit out=data/faces256-tokens

# 3. A classifier that only judges
step unif2ace-train "${evaluator[@]}" run_dir=logs/evaluator

# 4. Two stages of training
step unif2ace-train experiment=unified/from_showo task.understanding.caption_prob=0.5 run_dir=logs/stage1 resume=auto "${all[@]}"
step unif2ace-train experiment=unified/from_showo init_from=logs/stage1 optimizer.lr=2e-5 task.understanding.max_turns=4 run_dir=logs/stage2 resume=auto "${all[@]}"

# 5. Results, and a folder to share
step unif2ace-evaluate logs/stage2 evaluator=logs/evaluator "${judged[@]}"
step unif2ace-release logs/stage2 folder=unif2ace-faces
step unif2ace-generate "a smiling woman with red curly hair" ckpt=unif2ace-faces
