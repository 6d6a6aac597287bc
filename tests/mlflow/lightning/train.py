"""A small training with PyTorch Lightning under MLflow's autologging, checkpoints included; prints what the client reads back."""

import json
import tempfile

import mlflow
import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import EarlyStopping


class Regression(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.layer(x)

    def loss(self, batch):
        x, y = batch
        return ((self(x) - y) ** 2).mean()

    def training_step(self, batch, index):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(batch))

    def test_step(self, batch, index):
        self.log("test_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


def files(client, run_id, path=None):
    found = []
    for entry in client.list_artifacts(run_id, path):
        found += files(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)


def main():
    # The client finds out a model's packages in a process of its own, which takes longer than all the rest.
    mlflow.models.infer_pip_requirements = lambda uri, flavor, fallback=None, **kwargs: fallback
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=32)
    experiment = mlflow.set_experiment("lightning")
    mlflow.pytorch.autolog(log_every_n_step=4, checkpoint=True, checkpoint_monitor="val_loss", checkpoint_save_best_only=False)
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", log_every_n_steps=4, enable_progress_bar=False, logger=False,
        callbacks=[EarlyStopping("val_loss")], default_root_dir=tempfile.mkdtemp(),
    )
    model = Regression()
    with mlflow.start_run(run_name="regression") as active:
        trainer.fit(model, data, data)
        trainer.test(model, data, verbose=False)
    client = mlflow.MlflowClient()
    run = client.get_run(active.info.run_id)
    (logged,) = mlflow.search_logged_models(experiment_ids=[experiment.experiment_id], output_format="list")
    loaded = mlflow.pytorch.load_model(f"models:/{logged.model_id}")
    assert np.allclose(loaded(x).detach().numpy(), model(x).detach().numpy())
    print(json.dumps({
        "status": run.info.status,
        "params": run.data.params,
        "metrics": {key: [point.step for point in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics},
        "files": files(client, run.info.run_id),
        "model": str(logged.status),
    }, sort_keys=True))


if __name__ == "__main__":
    main()
