"""Attaching: a run for a job that was submitted elsewhere, or that goes on where an ended run stands.

Everything is checked before anything starts, and all at once. The same for the tool and for the command line.
"""

from __future__ import annotations

from collections.abc import Mapping

from arazzo_mcp.arazzo.attach import attach_problems, beginning, inputs_needed
from arazzo_mcp.arazzo.scope import Json
from arazzo_mcp.engine.run import Run
from arazzo_mcp.engine.seams import Engine
from arazzo_mcp.errors import InvalidInputs
from arazzo_mcp.server.catalog import Catalog, Entry


async def attach(engine: Engine, catalog: Catalog, arguments: Mapping[str, Json]) -> Run:
    """The run that the arguments of `run_attach` ask for.

    Raises:
        InvalidInputs: they do not fit; says everything that is wrong.
        UnknownWorkflow, UnknownRun: there is none of that name.
    """
    outputs = arguments.get("outputs", {})
    if "run_id" in arguments:
        if told := [name for name in ("workflow", "inputs") if name in arguments]:
            raise InvalidInputs([f"{name}: with run_id it is that of the run; leave it out" for name in told])
        return await engine.resume(arguments["run_id"], "", outputs)
    if "workflow" not in arguments:
        raise InvalidInputs(["give workflow, for a job that was submitted elsewhere, or run_id, to go on with a run"])
    return await attach_to_job(engine, catalog.named(arguments["workflow"]), outputs, arguments.get("inputs", {}))


async def attach_to_job(
    engine: Engine, entry: Entry, outputs: Mapping[str, Json], arguments: Mapping[str, Json]
) -> Run:
    """A run of a workflow for a job that was submitted elsewhere.

    Raises:
        InvalidInputs: the outputs do not fit the workflow's steps, or an input that is still needed is missing.
    """
    inputs = checked(entry, outputs, arguments)
    offer = entry.offer
    given = {step: dict(values) for step, values in outputs.items()}
    return await engine.start(offer.program_digest, offer.document, offer.workflow.id, inputs, "", given=given)


def checked(entry: Entry, outputs: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs of an attached run: only those are required that what is left of the workflow refers to."""
    program, start, takes = entry.offer.program, beginning(entry.offer.workflow), entry.offer.takes
    wrong = attach_problems(program, start, outputs, resumed=False)
    steps = {step.id for step in entry.offer.workflow.steps}
    # of outputs that name no step nobody can tell what is left to do
    clear = outputs.keys() <= steps and len(outputs) > 0
    required = inputs_needed(program, start, outputs, takes.required) if clear else []
    inputs: dict[str, Json] = {}
    try:
        inputs = entry.inputs(arguments, required)
    except InvalidInputs as invalid:
        wrong += [f"inputs: {problem}" for problem in invalid.problems]
    if wrong:
        raise InvalidInputs(wrong)
    return inputs
