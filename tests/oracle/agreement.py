"""What `perfbench verify --expect` must say."""

import json


def agrees(answer):
    assert answer.out, answer.err
    found = answer.json
    assert found["expect"]["agrees"] and answer.code == 0, json.dumps(found["expect"], indent=1) + answer.err
    assert found["loss_ok"]
    return found


def moved_alike(before, found, wanted, moving=lambda parameter, tensor: tensor):
    """What each parameter moved is off by at most 0.5 % of the way; `moving` takes the part of it that counts."""
    assert set(found) == set(wanted)
    for parameter, tensor in wanted.items():
        way = moving(parameter, tensor - before[parameter]).norm()
        assert moving(parameter, found[parameter] - tensor).norm() <= 5e-3 * way, parameter
