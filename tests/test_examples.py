"""The training examples: a few steps of each. `make examples` trains them out.

All four run as the documentation calls them in docs/test_export_pages.py.
"""

import importlib.util
import sys

import pytest

from tests.conftest import ROOT

NEEDS = {
    "bert_crf": ["transformers"],
    "spert": ["transformers"],
    "uie_pointer": ["transformers"],
    "llm_sft": ["trl", "peft", "accelerate"],
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def example(monkeypatch):
    """A function from a name to the example's module, its folder on the path as in a real call."""
    import torch

    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.chdir(ROOT)

    def load(name):
        for package in NEEDS[name]:
            pytest.importorskip(package, reason=f"{name} needs {package}: install .[consumers]")
        spec = importlib.util.spec_from_file_location(f"example_{name}", f"examples/{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load
    torch.set_num_threads(threads)


def fallen(losses):
    """How far the loss has fallen, as a share of what it was."""
    n = max(1, len(losses) // 5)
    return 1 - (sum(losses[-n:]) / n) / (sum(losses[:n]) / n)


def test_bert_crf_learns_planted_entities(example, work):
    done = example("bert_crf").main(["--work", str(work), "--steps", "100"])

    assert fallen(done["losses"]) > 0.8
    assert (done["before"] < 20, done["after"] > 60) == (True, True)


@pytest.mark.soak
def test_spert_learns_planted_entities_and_relations(example, work):
    done = example("spert").main(["--work", str(work), "--steps", "120", "--batch", "16"])

    assert fallen(done["losses"]) > 0.7
    assert (done["before"][0] < 20, done["after"][0] > 60) == (True, True)
    assert (done["before"][1] < 2, done["after"][1] > 10) == (True, True)


@pytest.mark.soak
def test_uie_pointer_runs_with_folds(example, work):
    arguments = ["--steps", "25", "--rows", "1000", "--folds", "2"]
    done = example("uie_pointer").main(["--work", str(work), *arguments])

    assert [len(losses) for losses in done["losses"]] == [25, 25]
    assert all(fallen(losses) > 0.4 for losses in done["losses"])
    assert len(done["folds"]) == 2


@pytest.mark.soak
def test_llm_sft_adapts_a_model(example, work):
    few = ["--steps", "30", "--batch", "4", "--test-rows", "4", "--max-new-tokens", "20"]
    done = example("llm_sft").main(["--work", str(work), "--base-steps", "0", *few])

    assert fallen(done["losses"]) > 0.2


@pytest.mark.soak
def test_llm_sft_learns_planted_entities(example, work):
    """Names stand in the test texts as in train, but no text does, and no name tells its type."""
    done = example("llm_sft").main(["--work", str(work)])

    assert fallen(done["losses"]) > 0.8
    assert (done["chance"] < 10, done["after"] > 40) == (True, True)


def test_chats_come_back_from_the_tokenizer_as_they_went_in(example):
    """Answers are scored as strings, so that no blank may move."""
    module = example("llm_sft")
    texts = ['{"creative work": ["Ines Vale, of Split"], "x": []}', "a  b \n(c) 3.5 ."]
    tokenizer, _ = module.causal(None, texts)

    assert [tokenizer.decode(tokenizer(text)["input_ids"]) for text in texts] == texts


def test_the_offline_base_model_is_asked_for_what_was_said_before(example):
    """No loss counts on random words, nor on the first word of a span that is said again."""
    import torch

    module = example("llm_sft")
    torch.manual_seed(0)
    _, model = module.causal(None, ["a b c d"])
    seen = []
    forward = model.forward

    def watched(input_ids, labels):
        seen.append(labels)
        return forward(input_ids=input_ids, labels=labels)

    model.forward = watched
    sys.modules["offline"].learn_to_repeat(model, 1)
    (labels,) = seen

    assert (labels[:, :24] == -100).all()
    assert (labels[:, 24::6] == -100).all()
    assert (labels >= 0).sum() == 64 * 4 * 5


def test_crf_is_a_distribution_over_sequences(example):
    """The likelihoods of all sequences sum to one, and the best sequence is the likeliest."""
    from itertools import product

    import torch

    crf = example("bert_crf").CRF(3)
    torch.manual_seed(0)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    scores = torch.randn(1, 4, 3)
    mask = torch.tensor([[True, True, True, False]])
    likelihood = {
        tags: torch.exp(-3 * crf.loss(scores, torch.tensor([[*tags, 0]]), mask)).item()
        for tags in product(range(3), repeat=3)
    }

    assert sum(likelihood.values()) == pytest.approx(1, abs=1e-5)
    assert tuple(crf.best(scores, mask)[0]) == max(likelihood, key=likelihood.get)


def test_spans_of_a_tag_sequence(example):
    names = ["O", "B-x", "I-x", "B-y", "I-y"]
    spans = example("bert_crf").spans

    assert spans([1, 2, 1, 0, 4, 3, 2, 2], names) == {(0, 2, "x"), (2, 3, "x"), (5, 6, "y")}
    assert spans([3, 4], names) == {(0, 2, "y")}


def test_the_adversarial_step_leaves_the_weights_alone(example):
    import torch

    module = example("uie_pointer")
    torch.manual_seed(0)
    tokenizer, bert = module.encoder(None, ["person Ines Vale met Bo"])
    model = module.Pointer(bert)
    span = {"text": "Ines Vale", "start": 0, "end": 9}
    row = {"prompt": "person", "content": "Ines Vale met Bo", "result_list": [span]}
    batch = module.collate([row], tokenizer, "cpu")
    words = model.bert.get_input_embeddings().weight
    before = words.detach().clone()
    module.loss_of(model, batch).backward()
    first = words.grad.clone()
    module.fgm(model, batch)

    assert torch.allclose(words, before, atol=1e-6)
    assert not torch.allclose(words.grad, first)
    assert batch[1][0].sum(0).tolist() == [1, 1]  # one start and one end
