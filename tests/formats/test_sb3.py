"""Policies of stable-baselines3: which tensors are which, and which activation is in between."""

import io
import zipfile

import numpy as np
import pytest
import torch_files as files
from sb3_files import PPO, actor_critic, head, saved

import cyprop
from cyprop.formats.pytorch import sb3


def read(data, **options):
    return sb3.read(io.BytesIO(data), **options)


def what(chain):
    return chain.sizes, [layer.activation.name for layer in chain.layers]


@pytest.mark.parametrize("pack", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_policy_and_value_of_ppo(rng, pack):
    arrays = actor_critic(rng)
    data = saved(arrays, pack=pack)
    policy = ((4, 8, 6, 2), ["tanh", "tanh", "identity"])
    assert what(read(data)) == what(read(data, output="policy")) == policy
    chain = read(data, output="value")
    assert what(chain) == ((4, 7, 5, 1), ["tanh", "tanh", "identity"])
    for layer, name in zip(chain.layers, ["mlp_extractor.value_net.0", "mlp_extractor.value_net.2",
                                          "value_net"]):  # fmt: skip
        assert layer.W.T.tobytes() == arrays[f"{name}.weight"].tobytes()
        assert layer.b.tobytes() == arrays[f"{name}.bias"].tobytes()


def test_layers_that_are_shared_come_first_and_none_at_all(rng):
    arrays = {
        **files.arrays(rng, [4, 8], "mlp_extractor.shared_net."),
        **files.arrays(rng, [8, 6], "mlp_extractor.policy_net."),
        **head(rng, "action_net", 6, 2),
        **head(rng, "value_net", 8, 1),
    }
    assert read(saved(arrays)).sizes == (4, 8, 6, 2)
    assert read(saved(arrays), output="value").sizes == (4, 8, 1)
    arrays = {**head(rng, "action_net", 4, 2), **head(rng, "value_net", 4, 1)}
    assert what(read(saved(arrays))) == ((4, 2), ["identity"])


DQN = {"policy_class": {"__module__": "stable_baselines3.dqn.policies"}, "policy_kwargs": {}}
SAC = {"policy_class": {"__module__": "stable_baselines3.sac.policies"}}


def test_policies_of_the_other_algorithms(rng):
    arrays = files.arrays(rng, [4, 8, 3], "q_net.q_net.")
    arrays |= {key.replace("q_net.q_net", "q_net_target.q_net"): array
               for key, array in arrays.items()}  # fmt: skip
    found = (4, 8, 3), ["relu", "identity"]
    assert what(read(saved(arrays, DQN))) == what(read(saved(arrays, DQN), output="value")) == found
    arrays = {
        **files.arrays(rng, [4, 8, 6], "actor.latent_pi."),
        **head(rng, "actor.mu", 6, 2),
        **head(rng, "actor.log_std", 6, 2),
        **files.arrays(rng, [6, 8, 1], "critic.qf0."),
    }
    data = saved(arrays, SAC)
    assert what(read(data)) == ((4, 8, 6, 2), ["relu", "relu", "tanh"])
    assert what(read(data, layers=["critic.qf0"])) == ((6, 8, 1), ["relu", "identity"])
    with pytest.raises(cyprop.FormatError, match=r"critics take the actions .*'critic.qf0'"):
        read(data, output="value")
    arrays = files.arrays(rng, [4, 8, 2], "actor.mu.") | files.arrays(rng, [6, 8, 1], "critic.qf0.")
    assert what(read(saved(arrays, SAC))) == ((4, 8, 2), ["relu", "tanh"])


def kwargs(name):
    chosen = {":type:": "<class 'dict'>", ":serialized:": "gASV", "activation_fn": name}
    return {**PPO, "policy_kwargs": chosen}


def test_the_activation_is_read_where_it_stands_as_text(rng):
    arrays = actor_critic(rng)
    for name, own in (("ReLU", "relu"), ("ELU", "elu"), ("SiLU", "silu")):
        data = kwargs(f"<class 'torch.nn.modules.activation.{name}'>")
        assert read(saved(arrays, data)).layers[0].activation.name == own
    data = saved(arrays, kwargs("<class 'torch.nn.modules.activation.PReLU'>"))
    with pytest.raises(cyprop.FormatError, match="PReLU.*not to be had here; activation=…"):
        read(data)
    assert read(data, activation="relu").layers[0].activation.name == "relu"
    data = kwargs("<class '__main__.ReLU'>")
    with pytest.raises(cyprop.FormatError, match="not to be had here"):
        read(saved(arrays, data))


def test_what_the_caller_says_comes_first(rng):
    chain = read(saved(actor_critic(rng)), activation="relu", output_activation="softmax")
    assert what(chain)[1] == ["relu", "relu", "softmax"]


def test_policies_of_other_modules_are_asked_about(rng):
    own = {"policy_class": {"__module__": "mine"}, "policy_kwargs": {}}
    data = saved(actor_critic(rng), own)
    with pytest.raises(ValueError, match="activation is not given, .* module 'mine'"):
        read(data)
    assert read(data, activation="tanh").sizes == (4, 8, 6, 2)
    contrib = {"policy_class": {"__module__": "sb3_contrib.common.maskable.policies"}}
    assert what(read(saved(actor_critic(rng), contrib)))[1] == ["tanh", "tanh", "identity"]


def test_what_is_refused(rng):
    arrays = actor_critic(rng)
    cnn = {"features_extractor.cnn.0.weight": np.ones((2, 3, 8, 8), "f"), **arrays}
    for data, reason in (
        (saved(cnn), "'features_extractor.cnn.0.weight', of a features extractor"),
        (saved(files.arrays(rng, [4, 3], "quantile_net.")), "not one of PPO"),
        (saved(arrays, None), "no member 'data'"),
        (saved(arrays, b"[1"), "its 'data' is not JSON"),
        (saved(arrays, b'{"n": 1, "n": 1}'), "its 'data' has the key 'n' twice"),
        (saved(arrays, []), "does not say what policy it is"),
        (saved(arrays, {"policy_kwargs": 3}), "does not say what policy it is"),
        (saved(arrays, {"policy_class": 3}), "does not say what policy it is"),
    ):
        with pytest.raises(cyprop.FormatError, match=reason):
            read(data)
    with pytest.raises(ValueError, match="output is 'q', expected 'policy' or 'value'"):
        read(saved(arrays), output="q")
    with pytest.raises(ValueError, match="output and layers"):
        read(saved(arrays), output="value", layers=["action_net"])


def test_pickles_in_data_are_not_decoded(rng, tmp_path, monkeypatch):
    def never(*arguments, **others):
        raise AssertionError("unpickled")

    for module, name in (("pickle", "loads"), ("pickle", "Unpickler"), ("base64", "b64decode")):
        monkeypatch.setattr(f"{module}.{name}", never)
    assert read(saved(actor_critic(rng))).sizes == (4, 8, 6, 2)
