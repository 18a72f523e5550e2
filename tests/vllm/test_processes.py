"""What the processes are told that vLLM starts for several cards."""

import os

import pytest

from adapters.registry import names, spec

pytest.importorskip("vllm", reason="vLLM is not installed here; `make test-vllm` builds an environment for it")


@pytest.mark.parametrize("name", [name for name in names() if "vllm" in spec(name).engines])
def test_a_process_brings_the_inputs_of_its_parent(name):
    from vllm.multimodal import MULTIMODAL_REGISTRY

    from harness.engines.vllm_inputs import blank, rendered
    from harness.engines.vllm_network import OwnVisionForVllm
    from harness.engines.vllm_plugin import FOR_WORKERS, register
    from harness.engines.vllm_workers import for_workers

    found = spec(name)
    known = blank(found.load()(found.source("tiny"), "cpu", "float32", network=False), OwnVisionForVllm)
    kept = vars(OwnVisionForVllm).get("_processor_factory")
    MULTIMODAL_REGISTRY.register_processor(None, info=None, dummy_inputs=None)(OwnVisionForVllm)
    try:
        with for_workers(known):
            register()
            file = os.environ[FOR_WORKERS]
        factory = OwnVisionForVllm._processor_factory
        stand_in = factory.processor(factory.info(None), None)
        assert stand_in.info.get_mm_max_tokens_per_item(0, {}) == {"image": known.tokens}
        picture = stand_in.get_dummy_mm_inputs()
        given = rendered(known.made)
        assert picture["prompt_token_ids"] == given["prompt_token_ids"]
        assert picture["mm_hashes"] == given["mm_hashes"]
        assert picture["mm_placeholders"]["image"][0].length == given["mm_placeholders"]["image"][0].length
        assert FOR_WORKERS not in os.environ
        assert not os.path.exists(file)
    finally:
        if kept is not None:
            OwnVisionForVllm._processor_factory = kept


def test_the_plug_in_is_found_by_vllm():
    from importlib.metadata import entry_points

    if not (found := entry_points(group="vllm.general_plugins", name="face_harness")):
        pytest.skip("this environment was made before the plug-in: `pip install -e .` again")
    (point,) = {one.value: one for one in found}.values()
    assert point.value == "harness.engines.vllm_plugin:register"
