#!/usr/bin/env bash
# Trains on a Slurm cluster, one task per GPU. A job that meets its time limit saves, and is queued again:
#   sbatch --nodes=4 scripts/train_slurm.sh experiment=unified/full strategy=fsdp name=full
#SBATCH --job-name=unif2ace
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=logs/slurm-%j.out
set -euo pipefail

# One folder for all requeues of this job, so that resume=auto finds its checkpoints.
run="${RUN_DIR:-logs/slurm-${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+-$SLURM_ARRAY_TASK_ID}}"
srun --kill-on-bad-exit=1 .venv/bin/unif2ace-train launcher=slurm \
  "trainer.num_nodes=$SLURM_JOB_NUM_NODES" "trainer.devices=$SLURM_NTASKS_PER_NODE" \
  "run_dir=$run" "hydra.run.dir=$run" resume=auto run_callbacks.preemption.requeue=true "$@"
