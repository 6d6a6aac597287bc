"""Makes the files that the readers are tested with, by the libraries that write them.

    python -m venv V && V/bin/pip install torch==2.8.0 tensorboard wandb==0.31.0
    V/bin/python make.py
"""

import glob
import os
import shutil
import sys
import tempfile


def torch_file(out):
    from torch.utils.tensorboard import SummaryWriter

    folder = tempfile.mkdtemp()
    with SummaryWriter(folder) as writer:
        for step in range(5):
            writer.add_scalar("loss/train", 1 / (step + 1), step, walltime=1_700_000_000 + step)
            writer.add_scalar("acc", step / 10, step, new_style=True, walltime=1_700_000_000 + step)
        writer.add_text("note", "hello", 0)
    (made,) = glob.glob(f"{folder}/events*")
    shutil.copy(made, f"{out}/torch.tfevents")


def wandb_file(out):
    import wandb

    folder = tempfile.mkdtemp()
    os.chdir(folder)
    run = wandb.init(
        project="p", mode="offline", name="first", dir=folder,
        config={"lr": 0.1, "layers": [1, 2], "opt": {"name": "adam"}},
        settings=wandb.Settings(
            silent=True, console="off", disable_git=True, x_disable_meta=True, x_disable_stats=True, save_code=False,
            disable_job_creation=True, x_save_requirements=False, host="machine", username="someone", email="",
        ),
    )
    for step in range(40):
        # Long enough for records that cross a block of 32 KiB.
        wandb.log({"loss": 1 / (step + 1), "nested": {"a": step}, "text": "x" * 1000}, step=step)
    run.summary["best"] = 0.9
    wandb.finish()
    (made,) = glob.glob(f"{folder}/wandb/offline-run-*/run-*.wandb")
    shutil.copy(made, f"{out}/offline.wandb")


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(sys.argv[0]))
    torch_file(here)
    wandb_file(here)
