"""What `perfbench verify --expect` must say."""

import json


def agrees(answer):
    assert answer.out, answer.err
    found = answer.json
    assert found["expect"]["agrees"] and answer.code == 0, json.dumps(found["expect"], indent=1) + answer.err
    assert found["loss_ok"]
    return found
