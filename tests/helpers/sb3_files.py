"""Files as stable-baselines3 writes them, made without it."""

import io
import json
import zipfile

import numpy as np
import torch_files as files

PPO = {
    "policy_class": {"__module__": "stable_baselines3.common.policies"},
    "policy_kwargs": {},
}


def saved(arrays, data=PPO, pack=zipfile.ZIP_STORED):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", pack) as file:
        if data is not None:
            file.writestr("data", data if isinstance(data, bytes) else json.dumps(data))
        file.writestr("policy.pth", files.saved(arrays, folder="archive"))
        file.writestr("policy.optimizer.pth", b"never read")
        file.writestr("pytorch_variables.pth", b"never read")
    return written.getvalue()


def head(rng, name, n_in, n_out):
    return {f"{name}.weight": rng.normal(size=(n_out, n_in)).astype("f"),
            f"{name}.bias": rng.normal(size=n_out).astype("f")}  # fmt: skip


def actor_critic(rng):
    return {
        "log_std": np.zeros(2, "f"),
        **files.arrays(rng, [4, 8, 6], "mlp_extractor.policy_net."),
        **files.arrays(rng, [4, 7, 5], "mlp_extractor.value_net."),
        **head(rng, "action_net", 6, 2),
        **head(rng, "value_net", 5, 1),
    }
